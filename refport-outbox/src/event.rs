use std::fmt;

use refport_core::{InvalidRequest, Lead, Sale, Timestamp};
use serde::{Deserialize, Serialize};

/// What an outbox keeps until it is delivered, as it was enqueued: the time of that, with which it is
/// delivered where it has none of its own, is the row's.
///
/// Enums grow: match with a wildcard.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A sign-up.
    Lead(Lead),
    /// A purchase.
    Sale(Sale),
}

impl Event {
    /// `lead` or `sale`: as in the payload, and in traces and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Lead(_) => "lead",
            Self::Sale(_) => "sale",
        }
    }

    /// Reads a payload as it stands in the table: see the crate's front page for its schema.
    ///
    /// # Errors
    ///
    /// When it is no JSON, of another version, or not exactly one event.
    pub fn from_payload(payload: &str) -> Result<Self, ParsePayloadError> {
        let stored: Stored = serde_json::from_str(payload).map_err(|_| ParsePayloadError::Json)?;
        match stored {
            Stored { v, .. } if v != VERSION => Err(ParsePayloadError::Version(v)),
            Stored {
                lead: Some(lead),
                sale: None,
                ..
            } => Ok(Self::Lead(lead)),
            Stored {
                lead: None,
                sale: Some(sale),
                ..
            } => Ok(Self::Sale(sale)),
            Stored { .. } => Err(ParsePayloadError::Event),
        }
    }

    /// As it is delivered: with this time, in milliseconds since 1970, unless it says itself when it
    /// happened. The time stands in the row and not in the payload, which so is the same whenever the same
    /// event is enqueued.
    pub(crate) fn or_occurred_at(self, millis: i64) -> Self {
        let Ok(time) = Timestamp::from_millis(millis) else {
            return self;
        };
        match self {
            Self::Lead(lead) if lead.get_occurred_at().is_none() => lead.occurred_at(time).into(),
            Self::Sale(sale) if sale.get_occurred_at().is_none() => sale.occurred_at(time).into(),
            timed => timed,
        }
    }

    /// The payload as it stands in the table.
    pub(crate) fn to_payload(&self) -> Result<String, InvalidRequest> {
        let written = match self {
            Self::Lead(lead) => envelope("lead", lead),
            Self::Sale(sale) => envelope("sale", sale),
        };
        written.map_err(|_| InvalidRequest::new("metadata", "cannot be written as JSON"))
    }
}

/// The version of the payload that this crate writes, and the only one that it reads.
const VERSION: u32 = 1;

fn envelope(kind: &str, event: &impl Serialize) -> serde_json::Result<String> {
    let mut payload = Vec::with_capacity(384);
    payload.extend_from_slice(b"{\"v\":1,\"");
    payload.extend_from_slice(kind.as_bytes());
    payload.extend_from_slice(b"\":");
    serde_json::to_writer(&mut payload, event)?;
    payload.push(b'}');
    String::from_utf8(payload).map_err(serde::ser::Error::custom)
}

#[derive(Deserialize)]
struct Stored {
    v: u32,
    lead: Option<Lead>,
    sale: Option<Sale>,
}

impl From<Lead> for Event {
    fn from(lead: Lead) -> Self {
        Self::Lead(lead)
    }
}

impl From<Sale> for Event {
    fn from(sale: Sale) -> Self {
        Self::Sale(sale)
    }
}

/// A payload that is no event of this version. Does not repeat what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParsePayloadError {
    /// It is no JSON, or a field is missing or of another type.
    Json,
    /// It is of this version, which the crate does not know.
    Version(u32),
    /// It has neither a `lead` nor a `sale`, or both.
    Event,
}

impl fmt::Display for ParsePayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("the payload is not the documented JSON"),
            Self::Version(version) => {
                write!(f, "the payload is of version {version}, known is {VERSION}")
            }
            Self::Event => f.write_str("the payload has neither a lead nor a sale, or both"),
        }
    }
}

impl std::error::Error for ParsePayloadError {}

#[cfg(test)]
mod tests {
    use refport_core::ClickId;
    use serde_json::json;

    use super::*;

    fn id() -> ClickId {
        "clk_1".parse().unwrap()
    }

    #[test]
    fn the_payload_is_the_documented_one_and_reads_back() {
        let sale = Sale::new(id(), "user_001", 4900)
            .invoice_id("inv_001")
            .metadata(json!({ "share": 0.1, "nul": "\0" }));
        let payload = Event::from(sale.clone()).to_payload().unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&payload).unwrap(),
            json!({ "v": 1, "sale": sale })
        );
        assert_eq!(Event::from_payload(&payload), Ok(sale.into()));

        let lead = Lead::new(id(), "Sign Up", "user_001").external_id("x");
        let payload = Event::from(lead.clone()).to_payload().unwrap();
        assert_eq!(Event::from_payload(&payload), Ok(lead.into()));
    }

    /// Other drivers and languages write the payload by the front page.
    #[test]
    fn the_front_page_names_every_field() {
        let sale = Sale::new(id(), "user_001", 4900)
            .currency("usd")
            .event_name("Purchase")
            .invoice_id("inv_001")
            .payment_processor(refport_core::PaymentProcessor::Stripe)
            .customer_email("c@example.com")
            .customer_name("C")
            .customer_avatar("https://example.com/c.png")
            .metadata(json!({}))
            .occurred_at(Timestamp::now());
        let lead = Lead::new(id(), "Sign Up", "user_001")
            .occurred_at(Timestamp::now())
            .external_id("x")
            .customer_email("c@example.com")
            .customer_name("C")
            .customer_avatar("https://example.com/c.png")
            .metadata(json!({}));
        let page = include_str!("../README.md");
        let (_, table) = page.split_once("\n| field | of |").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        for event in [json!(sale), json!(lead)] {
            for field in event.as_object().unwrap().keys() {
                assert!(table.contains(&format!("`{field}`")), "{field}");
            }
        }
    }

    #[test]
    fn a_time_that_was_given_stays() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let (sale, lead) = (
            Sale::new(id(), "user_001", 4900),
            Lead::new(id(), "Sign Up", "user_001"),
        );
        for (event, timed) in [
            (Event::from(sale.clone()), sale.occurred_at(at(7)).into()),
            (lead.clone().into(), Event::from(lead.occurred_at(at(7)))),
        ] {
            assert_eq!(event.clone().or_occurred_at(7), timed);
            assert_eq!(timed.clone().or_occurred_at(8), timed);
            // Outside of the calendar, as another program may have written it.
            assert_eq!(event.clone().or_occurred_at(i64::MAX), event);
        }
    }

    #[test]
    fn what_is_no_event_says_so_without_repeating_it() {
        let sale = r#"{"customerExternalId":"secret","amount":1}"#;
        for (payload, want) in [
            ("secret".to_owned(), ParsePayloadError::Json),
            (r#"{"v":1}"#.to_owned(), ParsePayloadError::Event),
            (
                format!(r#"{{"v":2,"sale":{sale}}}"#),
                ParsePayloadError::Version(2),
            ),
            (format!(r#"{{"sale":{sale}}}"#), ParsePayloadError::Json),
            (
                r#"{"v":1,"sale":{"customerExternalId":"secret"}}"#.to_owned(),
                ParsePayloadError::Json,
            ),
        ] {
            let error = Event::from_payload(&payload).unwrap_err();
            assert_eq!(error, want, "{payload}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
