use serde::{Deserialize, Serialize};

use super::{Customer, UnknownName, payment_processor::PaymentProcessor};
use crate::{Currency, lenient};

/// The service's answer to a sale. Beyond the sale's ID, what is absent or unknown there is
/// `None` here, never an error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SaleResponse {
    /// What happened, as reported or by default.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub event_name: Option<String>,
    /// The customer.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub customer: Customer,
    /// The sale and its commission.
    pub sale: SaleRecord,
}

/// The sale of a [`SaleResponse`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SaleRecord {
    /// The service's ID of the sale.
    pub id: String,
    /// The amount in the currency's smallest unit.
    #[serde(default, deserialize_with = "lenient::amount")]
    pub amount: Option<i64>,
    /// The currency.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub currency: Option<Currency>,
    /// What the partner earns, in the same unit as the amount.
    #[serde(default, deserialize_with = "lenient::amount")]
    pub commission_amount: Option<i64>,
    /// How far the commission is.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub status: Option<CommissionStatus>,
    /// Your own ID of the invoice, as reported.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub invoice_id: Option<String>,
    /// Who took the payment.
    #[serde(default, deserialize_with = "lenient::optional")]
    pub payment_processor: Option<PaymentProcessor>,
}

/// How far a commission is. A status that is not known yet is kept as [`Other`](Self::Other).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum CommissionStatus {
    /// Waiting for the holding period to pass.
    Pending,
    /// To be paid with the next payout.
    Approved,
    /// Sent to the partner.
    Paid,
    /// Voided, after a refund or for fraud.
    Rejected,
    /// A status that this version does not know, by its name on the wire.
    Other(UnknownName),
}

impl CommissionStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Paid => "paid",
            Self::Rejected => "rejected",
            Self::Other(name) => name.as_str(),
        }
    }
}

impl From<String> for CommissionStatus {
    fn from(name: String) -> Self {
        match name.as_str() {
            "pending" => Self::Pending,
            "approved" => Self::Approved,
            "paid" => Self::Paid,
            "rejected" => Self::Rejected,
            _ => Self::Other(UnknownName::new(name)),
        }
    }
}

impl From<CommissionStatus> for String {
    fn from(status: CommissionStatus) -> Self {
        status.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn answers_are_read_leniently() {
        let read = |sale: Value| serde_json::from_value::<SaleResponse>(json!({ "sale": sale }));
        let full = read(json!({
            "id": "sale_1", "amount": 4900.0, "currency": "USD", "commissionAmount": 490,
            "status": "on_hold", "invoiceId": null, "paymentProcessor": "newpay", "another": {},
        }))
        .unwrap()
        .sale;
        assert_eq!(
            (full.amount, full.commission_amount),
            (Some(4900), Some(490))
        );
        assert_eq!(full.currency, Some(Currency::USD));
        assert_eq!(full.status, Some("on_hold".to_owned().into()));
        assert_eq!(full.payment_processor, Some("newpay".into()));
        let odd = read(json!({ "id": "sale_1", "amount": "4900", "currency": 7, "status": null }))
            .unwrap();
        assert_eq!(
            (odd.sale.amount, odd.sale.currency, odd.sale.status),
            (None, None, None)
        );
        assert!(
            read(json!({ "amount": 1 })).is_err(),
            "an answer without a sale is none"
        );
    }

    #[test]
    fn every_status_is_kept() {
        for name in ["pending", "approved", "paid", "rejected", "new"] {
            assert_eq!(CommissionStatus::from(name.to_owned()).as_str(), name);
        }
    }
}
