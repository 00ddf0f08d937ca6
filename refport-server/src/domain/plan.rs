use std::sync::Arc;

use refport_core::Currency;

use super::{Event, Kind, Reason, Recorded};

/// The rows that an event makes. They are written together, or none of them is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The click's row, where the ID stands by itself and the row is not there yet.
    pub(crate) click: Option<NewClick>,
    pub(crate) new_customer: Option<NewCustomer>,
    pub(crate) customer_change: Option<CustomerChange>,
    pub(crate) event: Option<Arc<Recorded>>,
    pub(crate) commission: Option<Commission>,
    pub(crate) other_amount: Option<OtherAmount>,
    pub(crate) refusal: Option<Refusal>,
}

/// A visitor followed a link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewClick {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) link_id: String,
    /// `person`, `bot` or `preview`; a row that a sale makes is a person's.
    pub(crate) verdict: &'static str,
    pub(crate) address_hash: Option<[u8; 32]>,
    pub(crate) user_agent: Option<String>,
    pub(crate) referrer: Option<String>,
    pub(crate) created_at: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewCustomer {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    /// What there is one customer of: an external ID, else an e-mail address, else a lead.
    pub(crate) identity: String,
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_key: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) avatar: Option<String>,
    /// The first attribution, which stays.
    pub(crate) click_id: String,
    pub(crate) link_id: String,
    pub(crate) version: i64,
    pub(crate) created_at: i64,
}

/// A customer's row as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CustomerChange {
    pub(crate) id: String,
    /// The version that was read. Where the row has another by now, the facts were out of date.
    pub(crate) read_version: i64,
    pub(crate) version: i64,
    pub(crate) identity: String,
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_key: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) avatar: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Commission {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) program_id: String,
    pub(crate) partner_id: String,
    pub(crate) customer_id: String,
    pub(crate) event_id: String,
    pub(crate) reward_id: String,
    pub(crate) kind: Kind,
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) payable_at: i64,
    pub(crate) occurred_at: i64,
    pub(crate) created_at: i64,
}

/// A repeat of a sale that names another amount. The first one stands; this is kept beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OtherAmount {
    pub(crate) event_id: String,
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
}

/// A report that was not recorded, so that somebody can say why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) kind: Kind,
    pub(crate) reason: Reason,
    pub(crate) detail: Option<String>,
    pub(crate) click_id: Option<String>,
    /// In its canonical form.
    pub(crate) customer_external_id: Option<String>,
    /// In its canonical form.
    pub(crate) invoice_id: Option<String>,
    pub(crate) event_name: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<String>,
    pub(crate) occurred_at: i64,
    pub(crate) received_at: i64,
}

impl Refusal {
    pub(crate) fn of(event: &Event, reason: Reason) -> Self {
        let report = event.report();
        let canonical = |text: &str| super::text::canonical(text).into_owned();
        Self {
            id: report.ids.refusal.clone(),
            workspace_id: report.workspace_id.clone(),
            kind: event.kind(),
            reason,
            detail: None,
            click_id: report.click.as_ref().map(|click| click.id.clone()),
            customer_external_id: report.customer.external_id.as_deref().map(canonical),
            invoice_id: event.invoice_id().map(canonical),
            event_name: Some(report.event_name.clone()),
            amount: event.amount().map(|(amount, _)| amount),
            currency: event.amount().map(|(_, currency)| currency.into()),
            occurred_at: report.occurred_at,
            received_at: report.received_at,
        }
    }
}
