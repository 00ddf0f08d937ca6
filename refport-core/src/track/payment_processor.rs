use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::UnknownName;

/// Who took the payment, by the names of Refport's API reference. One that is not known yet is
/// kept as [`Other`](Self::Other).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub enum PaymentProcessor {
    Stripe,
    Shopify,
    Polar,
    Paddle,
    RevenueCat,
    /// Your own way of taking money.
    Custom,
    /// A processor that this version does not know, by its name on the wire.
    Other(UnknownName),
}

impl PaymentProcessor {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stripe => "stripe",
            Self::Shopify => "shopify",
            Self::Polar => "polar",
            Self::Paddle => "paddle",
            Self::RevenueCat => "revenuecat",
            Self::Custom => "custom",
            Self::Other(name) => name.as_str(),
        }
    }
}

impl From<&str> for PaymentProcessor {
    fn from(name: &str) -> Self {
        match name {
            "stripe" => Self::Stripe,
            "shopify" => Self::Shopify,
            "polar" => Self::Polar,
            "paddle" => Self::Paddle,
            "revenuecat" => Self::RevenueCat,
            "custom" => Self::Custom,
            other => Self::Other(UnknownName::new(other)),
        }
    }
}

impl From<String> for PaymentProcessor {
    fn from(name: String) -> Self {
        name.as_str().into()
    }
}

impl From<PaymentProcessor> for String {
    fn from(processor: PaymentProcessor) -> Self {
        processor.as_str().to_owned()
    }
}

impl std::str::FromStr for PaymentProcessor {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_kept() {
        for name in [
            "stripe",
            "shopify",
            "polar",
            "paddle",
            "revenuecat",
            "custom",
            "newpay",
        ] {
            assert_eq!(PaymentProcessor::from(name).as_str(), name);
        }
    }
}
