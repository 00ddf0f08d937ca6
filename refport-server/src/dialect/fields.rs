use std::borrow::Cow;

use refport_core::{Currency, Timestamp};
use serde_json::{Map, Value};

use crate::domain::{CLOCK_SKEW_MS, ClaimedClick, text::canonical};

/// The largest amount: 2^53 - 1, what every JSON reader keeps exactly.
const MAX_AMOUNT: i64 = 9_007_199_254_740_991;
/// The longest ID that names a customer, invoice or event, in characters.
const MAX_ID: usize = 100;
/// The longest name, e-mail address or event name, in characters.
const MAX_TEXT: usize = 255;
/// The longest address of a picture, in characters.
const MAX_URL: usize = 2048;
/// The longest metadata, in characters as written down.
const MAX_METADATA: usize = 10_000;

/// A request's JSON object. A field that is `null` or blank is absent; fields nobody asks for are
/// ignored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

/// Which field is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub(crate) struct InvalidField {
    field: Cow<'static, str>,
    problem: String,
}

impl InvalidField {
    pub(crate) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }

    /// The same field as seen from outside of the object that it is in.
    pub(crate) fn inside(self, object: &str) -> Self {
        Self {
            field: format!("{object}.{}", self.field).into(),
            ..self
        }
    }
}

type Result<T, E = InvalidField> = std::result::Result<T, E>;

impl<'a> Fields<'a> {
    /// A text that must be there and say something.
    pub(crate) fn id(self, field: &'static str) -> Result<String> {
        self.optional_id(field)?
            .ok_or_else(|| invalid(field, "is required"))
    }

    pub(crate) fn optional_id(self, field: &'static str) -> Result<Option<String>> {
        self.text(field, MAX_ID)
    }

    pub(crate) fn required_name(self, field: &'static str) -> Result<String> {
        self.name(field)?
            .ok_or_else(|| invalid(field, "is required"))
    }

    pub(crate) fn name(self, field: &'static str) -> Result<Option<String>> {
        self.text(field, MAX_TEXT)
    }

    /// A text by which repeats are told. A blank one is an error, because without it a repeat
    /// would count twice.
    pub(crate) fn key(self, field: &'static str) -> Result<Option<String>> {
        match self.get(field) {
            Some(Value::String(text)) if text.trim().is_empty() => Err(invalid(field, "is empty")),
            _ => self.name(field),
        }
    }

    /// A click ID, without the blanks that a template may have left around it.
    pub(crate) fn click(self, field: &'static str) -> Result<ClaimedClick> {
        self.optional_click(field)?
            .ok_or_else(|| invalid(field, "is required"))
    }

    pub(crate) fn optional_click(self, field: &'static str) -> Result<Option<ClaimedClick>> {
        let click = self.optional_id(field)?;
        Ok(click.map(|id| ClaimedClick {
            id: id.trim().to_owned(),
            standing: None,
        }))
    }

    pub(crate) fn email(self, field: &'static str) -> Result<Option<String>> {
        Ok(self.name(field)?.map(|email| email.trim().to_owned()))
    }

    /// `occurredAt`, an extension of ours in both dialects: RFC 3339 or milliseconds since 1970, no
    /// later than two clocks may be apart. Where it is left out, it happened when it arrived.
    pub(crate) fn occurred_at(self, received_at: i64) -> Result<i64> {
        const FIELD: &str = "occurredAt";
        const FORM: &str = "must be a time like 2026-01-31T12:00:00Z, or milliseconds since 1970";
        let at = match self.get(FIELD) {
            None => return Ok(received_at),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(received_at),
            Some(Value::String(text)) => {
                let at: Timestamp = text.trim().parse().map_err(|_| invalid(FIELD, FORM))?;
                at.as_millis()
            }
            Some(Value::Number(number)) => number
                .as_i64()
                .or_else(|| whole(number.as_f64()?))
                .ok_or_else(|| invalid(FIELD, FORM))?,
            Some(_) => return Err(invalid(FIELD, FORM)),
        };
        if at > received_at + CLOCK_SKEW_MS {
            return Err(invalid(FIELD, "is more than 5 minutes in the future"));
        }
        // Seconds, taken for milliseconds, are in January 1970; there were no links then.
        if at < EARLIEST_MS {
            return Err(invalid(
                FIELD,
                "is before the year 2000: give milliseconds, not seconds",
            ));
        }
        Ok(at.min(received_at))
    }

    pub(crate) fn url(self, field: &'static str) -> Result<Option<String>> {
        self.text(field, MAX_URL)
    }

    fn text(self, field: &'static str, max: usize) -> Result<Option<String>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) if text.chars().count() > max => {
                Err(invalid(field, format!("has more than {max} characters")))
            }
            Some(Value::String(text)) if text.chars().any(char::is_control) => Err(invalid(
                field,
                "has a control character, as a line break or NUL",
            )),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(invalid(
                field,
                format!("must be a string, not {}", kind(other)),
            )),
        }
    }

    /// A whole number of the currency's smallest unit, also written as `4900.0`.
    pub(crate) fn amount(self, field: &'static str, least: i64) -> Result<i64> {
        let value = self
            .get(field)
            .ok_or_else(|| invalid(field, "is required"))?;
        let Value::Number(number) = value else {
            return Err(invalid(
                field,
                format!("must be a number, not {}", kind(value)),
            ));
        };
        match number.as_i64().or_else(|| whole(number.as_f64()?)) {
            Some(amount) if (least..=MAX_AMOUNT).contains(&amount) => Ok(amount),
            Some(amount) if amount < least => {
                Err(invalid(field, format!("must be {least} or more")))
            }
            Some(_) => Err(invalid(field, format!("must be at most {MAX_AMOUNT}"))),
            None => Err(invalid(
                field,
                "must be a whole number of the currency's smallest unit (cents)",
            )),
        }
    }

    pub(crate) fn currency(self, field: &'static str) -> Result<Option<Currency>> {
        let parse = |text: String| {
            text.parse()
                .map_err(|_| invalid(field, "must be a code of three letters, as in usd"))
        };
        self.text(field, MAX_TEXT)?.map(parse).transpose()
    }

    pub(crate) fn metadata(self, field: &'static str) -> Result<Option<String>> {
        match self.get(field) {
            None => Ok(None),
            Some(value @ Value::Object(_)) => {
                let text = value.to_string();
                if text.chars().count() > MAX_METADATA {
                    return Err(invalid(
                        field,
                        format!("has more than {MAX_METADATA} characters"),
                    ));
                }
                Ok(Some(text))
            }
            Some(other) => Err(invalid(
                field,
                format!("must be an object, not {}", kind(other)),
            )),
        }
    }

    /// An object inside.
    pub(crate) fn object(self, field: &'static str) -> Result<Option<Fields<'a>>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(inner)) => Ok(Some(Fields(inner))),
            Some(other) => Err(invalid(
                field,
                format!("must be an object, not {}", kind(other)),
            )),
        }
    }

    fn get(self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }
}

/// 2000-01-01T00:00:00Z.
const EARLIEST_MS: i64 = 946_684_800_000;

/// The key of a sale that has an invoice.
pub(super) fn invoice_key(invoice_id: &str) -> String {
    format!("inv:{}", canonical(invoice_id))
}

fn invalid(field: &'static str, problem: impl Into<String>) -> InvalidField {
    InvalidField::new(field, problem)
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 not every whole number has its own floating-point number.
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact")]
    let exact = number.fract() == 0.0 && number.abs() <= MAX_AMOUNT as f64;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    exact.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amount(value: Value) -> Result<i64, String> {
        let body = json!({ "amount": value });
        Fields(body.as_object().unwrap())
            .amount("amount", 0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn amounts_are_whole_and_bounded() {
        assert_eq!(amount(json!(4900)), Ok(4900));
        assert_eq!(amount(json!(4900.0)), Ok(4900));
        assert_eq!(amount(json!(0)), Ok(0));
        assert_eq!(amount(json!(MAX_AMOUNT)), Ok(MAX_AMOUNT));
        for (value, want) in [
            (json!(49.5), "whole number"),
            (json!(-1), "0 or more"),
            (json!(-0.5), "whole number"),
            (json!(MAX_AMOUNT + 1), "at most"),
            (json!(1e300), "whole number"),
            (json!(u64::MAX), "whole number"),
            (json!("4900"), "must be a number, not a string"),
            (json!(null), "is required"),
        ] {
            let error = amount(value.clone()).unwrap_err();
            assert!(
                error.starts_with("amount ") && error.contains(want),
                "{value}: {error}"
            );
        }
    }

    #[test]
    fn texts_are_bounded_and_of_their_type() {
        let body = json!({
            "good": "x", "null": null, "blank": "  ", "number": 7, "long": "ä".repeat(101), "fits": "ä".repeat(100),
        });
        let fields = Fields(body.as_object().unwrap());
        let problem = |field| fields.id(field).unwrap_err().to_string();
        assert_eq!(fields.id("good").unwrap(), "x");
        assert!(
            fields.id("fits").is_ok(),
            "characters are counted, not bytes"
        );
        assert_eq!(fields.optional_id("null"), Ok(None));
        assert_eq!(problem("null"), "null is required");
        assert_eq!(problem("absent"), "absent is required");
        assert_eq!(problem("blank"), "blank is required");
        assert_eq!(fields.name("blank"), Ok(None));
        assert_eq!(
            fields.key("blank").unwrap_err().to_string(),
            "blank is empty"
        );
        assert_eq!(fields.key("good").unwrap().as_deref(), Some("x"));
        assert_eq!(problem("number"), "number must be a string, not a number");
        assert_eq!(problem("long"), "long has more than 100 characters");
    }

    #[test]
    fn metadata_is_an_object_of_bounded_size() {
        let read = |value: Value| {
            let body = json!({ "metadata": value });
            Fields(body.as_object().unwrap()).metadata("metadata")
        };
        assert_eq!(
            read(json!({ "plan": "pro" })).unwrap().unwrap(),
            r#"{"plan":"pro"}"#
        );
        assert!(
            read(json!([]))
                .unwrap_err()
                .problem
                .contains("not an array")
        );
        assert!(
            read(json!({ "a": "x".repeat(10_000) }))
                .unwrap_err()
                .problem
                .contains("10000")
        );
    }
}
