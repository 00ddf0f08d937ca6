//! The two languages that arrive at the same paths: Refport's and Partli's.
//!
//! The body tells which one it is; errors and answers follow it.

mod fields;
mod partli;
mod refport;

use axum::http::StatusCode;
use refport_core::Timestamp;
use serde_json::{Map, Value, json};

pub(crate) use self::fields::{Fields, InvalidField};
use crate::store::event::{Answer, Lead, Sale};

/// Which service's protocol a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Refport,
    Partli,
}

/// Who sent a report, and when it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) workspace_id: String,
    /// The host of the short links.
    pub(crate) domain: String,
    pub(crate) at: Timestamp,
}

impl Dialect {
    /// Partli's when the body has `externalId` or `amountCents`, which Refport does not know.
    pub(crate) fn of(body: &Map<String, Value>) -> Self {
        if body.contains_key("externalId") || body.contains_key("amountCents") {
            Self::Partli
        } else {
            Self::Refport
        }
    }

    pub(crate) fn read_lead(
        self,
        body: &Map<String, Value>,
        envelope: Envelope,
    ) -> Result<Lead, InvalidField> {
        match self {
            Self::Refport => refport::read_lead(Fields(body), envelope),
            Self::Partli => partli::read_lead(Fields(body), envelope),
        }
    }

    pub(crate) fn read_sale(
        self,
        body: &Map<String, Value>,
        envelope: Envelope,
    ) -> Result<Sale, InvalidField> {
        match self {
            Self::Refport => refport::read_sale(Fields(body), envelope),
            Self::Partli => partli::read_sale(Fields(body), envelope),
        }
    }

    /// The answer to a lead or sale that was recorded.
    pub(crate) fn answer(self, answer: &Answer) -> Value {
        match self {
            Self::Refport => refport::answer(answer),
            Self::Partli => partli::answer(Some(answer)),
        }
    }

    /// The answer to an event for which nobody is paid.
    pub(crate) fn not_attributed(self) -> Value {
        match self {
            Self::Refport => Value::Null,
            Self::Partli => partli::answer(None),
        }
    }

    /// The documented error envelope.
    pub(crate) fn error(self, code: &str, message: &str) -> Value {
        match self {
            Self::Refport => json!({ "error": { "code": code, "message": message } }),
            Self::Partli => json!({ "error": message }),
        }
    }

    /// The status of a field that is wrong, on the tracking paths.
    pub(crate) const INVALID: StatusCode = StatusCode::BAD_REQUEST;
}
