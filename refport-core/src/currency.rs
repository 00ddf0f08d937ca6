use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A currency by its three-letter code of ISO 4217, written in lower case as Refport does.
///
/// Any three letters are taken: which codes exist changes with time, and the service decides.
///
/// ```
/// use refport_core::Currency;
///
/// let currency: Currency = "EUR".parse()?;
/// assert_eq!(currency, Currency::EUR);
/// assert_eq!(currency.as_str(), "eur");
/// # Ok::<(), refport_core::ParseCurrencyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"eur");
    /// The pound sterling.
    pub const GBP: Self = Self(*b"gbp");
    /// The Japanese yen, which has no smaller unit.
    pub const JPY: Self = Self(*b"jpy");
    /// The United States dollar, Refport's default.
    pub const USD: Self = Self(*b"usd");

    /// The code in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked to be ASCII letters when made")
    }
}

impl FromStr for Currency {
    type Err = ParseCurrencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code: [u8; 3] = text
            .trim()
            .as_bytes()
            .try_into()
            .map_err(|_| ParseCurrencyError(()))?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return Err(ParseCurrencyError(()));
        }
        Ok(Self(code.map(|letter| letter.to_ascii_lowercase())))
    }
}

impl TryFrom<&str> for Currency {
    type Error = ParseCurrencyError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Currency").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Text that is not three letters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("currency is not a code of three letters, as in `usd`")]
pub struct ParseCurrencyError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_letters_in_either_case() {
        for text in ["usd", "USD", " Usd "] {
            assert_eq!(text.parse(), Ok(Currency::USD), "{text}");
        }
        for text in ["", "us", "usdt", "u$d", "ééé", "12a"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }

    #[test]
    fn serde_writes_lower_case() {
        let currency: Currency = serde_json::from_str("\"EUR\"").unwrap();
        assert_eq!(serde_json::to_string(&currency).unwrap(), "\"eur\"");
    }
}
