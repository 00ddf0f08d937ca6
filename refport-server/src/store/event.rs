use refport_core::{Currency, Timestamp};
use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;

/// Something that happened, checked and ready to be written.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Click(Click),
    Lead(Lead),
    Sale(Sale),
}

/// A visitor followed a link.
#[derive(Clone, Debug)]
pub(crate) struct Click {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) link_id: String,
    pub(crate) address_hash: Option<[u8; 32]>,
    pub(crate) user_agent: Option<String>,
    pub(crate) referrer: Option<String>,
    pub(crate) at: Timestamp,
}

/// What leads and sales have in common.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) workspace_id: String,
    pub(crate) dialect: Dialect,
    pub(crate) click_id: Option<String>,
    pub(crate) event_name: String,
    pub(crate) customer: Customer,
    /// What makes a repeat a repeat. `None` where the sender gave nothing to tell by.
    pub(crate) dedupe_key: Option<String>,
    /// A JSON object.
    pub(crate) metadata: Option<String>,
    /// The host of the short links, for the answer.
    pub(crate) domain: String,
    pub(crate) at: Timestamp,
}

/// The customer as the sender describes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Customer {
    /// `None` in a Partli lead only.
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) avatar: Option<String>,
}

/// A visitor signed up.
#[derive(Clone, Debug)]
pub(crate) struct Lead {
    pub(crate) report: Report,
}

/// A customer bought.
#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) report: Report,
    /// In the currency's smallest unit, 0 or more.
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) invoice_id: Option<String>,
    pub(crate) payment_processor: String,
}

/// What became of an event that was not refused.
#[derive(Clone, Debug)]
pub(crate) enum Recorded {
    Click,
    /// A lead or sale, now or at the first of its repeats.
    Answer(Box<Answer>),
    /// The click is known, but belongs to no link any more.
    NoLink,
    /// No partner is to be paid, so nothing was written and a later, right attempt still counts.
    NotAttributed,
}

/// What is answered to a lead or sale, kept with it word for word. Each dialect shows its part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) event_id: String,
    pub(crate) event_name: String,
    pub(crate) click_id: String,
    pub(crate) link: AnswerLink,
    pub(crate) customer_external_id: Option<String>,
    pub(crate) customer_email: Option<String>,
    pub(crate) customer_name: Option<String>,
    /// `None` for leads.
    pub(crate) sale: Option<AnswerSale>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerLink {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) destination: String,
    /// The host of the short link.
    pub(crate) domain: String,
    pub(crate) program_id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerSale {
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) commission_amount: i64,
    /// `pending`, or `none` where the sale earns nothing.
    pub(crate) status: String,
    pub(crate) invoice_id: Option<String>,
    pub(crate) payment_processor: String,
}
