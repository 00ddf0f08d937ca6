//! The two languages that arrive at the same paths: Refport's and Partli's.
//!
//! The body tells which one it is; errors and answers follow it.

mod fields;
mod partli;
mod refport;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

pub(crate) use self::fields::{Fields, InvalidField};
use crate::domain::{Kind, Lead, Policy, Reason, Recorded, Sale};

/// Which service's protocol a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Refport,
    Partli,
}

/// Who sent a report, how, and when it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) workspace_id: String,
    /// The host of the short links.
    pub(crate) domain: String,
    pub(crate) policy: Policy,
    /// The header `Idempotency-Key`, for a sale without an invoice.
    pub(crate) idempotency_key: Option<String>,
    pub(crate) received_at: i64,
}

/// What a report that is not recorded is answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refused {
    /// No error: nobody is paid.
    Answer(Value),
    Error {
        status: StatusCode,
        code: &'static str,
        message: &'static str,
    },
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
    pub(crate) fn answer(self, recorded: &Recorded) -> Value {
        match self {
            Self::Refport => refport::answer(recorded),
            Self::Partli => partli::answer(Some(recorded)),
        }
    }

    /// The answer to a report that was not recorded.
    pub(crate) fn refused(self, kind: Kind, reason: Reason) -> Refused {
        let error = |status, code, message| Refused::Error {
            status,
            code,
            message,
        };
        match (reason, self, kind) {
            (Reason::Conflict, _, _) => error(
                StatusCode::CONFLICT,
                "CONFLICT",
                "this invoice was reported before, for another customer: give each sale an invoice ID of its own",
            ),
            (Reason::UnknownCurrency, _, _) => error(
                Self::INVALID,
                "VALIDATION_ERROR",
                "currency is no code of ISO 4217, as in usd, and the program allows no other",
            ),
            (Reason::BeforeClick, _, _) => error(
                Self::INVALID,
                "VALIDATION_ERROR",
                "occurredAt is before the click that the report names",
            ),
            (_, Self::Partli, _) => Refused::Answer(partli::answer(None)),
            (Reason::NoLink, Self::Refport, Kind::Lead) => Refused::Answer(Value::Null),
            (_, Self::Refport, _) => error(
                StatusCode::BAD_REQUEST,
                "INVALID_CLICK_ID",
                "clickId is unknown or expired: send the value of the visitor's refp_id cookie",
            ),
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
