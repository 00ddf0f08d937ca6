use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, Request, Response, Uri,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::Answer;
use crate::{Lead, Sale};

/// One request as it was sent, each attempt of a call on its own.
///
/// `Debug` leaves the body out, which may tell of a person.
#[derive(Clone)]
pub struct Sent {
    uri: Uri,
    headers: HeaderMap,
    body: Value,
    answer: Answer,
    /// What the service answered or would have.
    pub(super) usual: Response<Bytes>,
    is_counted: bool,
}

/// Which of the service's calls a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Sale,
    Lead,
    EmbedToken,
    Unknown,
}

impl Call {
    /// The base URL may have a path of its own.
    pub(super) fn of(uri: &Uri) -> Self {
        match uri.path() {
            path if path.ends_with("/api/track/sale") => Self::Sale,
            path if path.ends_with("/api/track/lead") => Self::Lead,
            path if path.ends_with("/api/embed/token") => Self::EmbedToken,
            _ => Self::Unknown,
        }
    }
}

/// Partli's bodies have an ID of the report itself, by which it counts once; Refport's have none.
pub(super) fn is_partli(body: &Value) -> bool {
    body.get("externalId").is_some()
}

/// By which the service counts a report once, where it does.
pub(super) fn key(call: Call, body: &Value) -> Option<&str> {
    match call {
        Call::Sale | Call::Lead if is_partli(body) => body["externalId"].as_str(),
        Call::Sale => body["invoiceId"].as_str(),
        _ => None,
    }
}

impl Sent {
    pub(super) fn new(
        request: Request<Bytes>,
        body: Value,
        answer: Answer,
        usual: Response<Bytes>,
        is_first: bool,
    ) -> Self {
        let (parts, _) = request.into_parts();
        let is_counted = is_first && answer.is_taken() && Call::of(&parts.uri) != Call::Unknown;
        Self {
            uri: parts.uri,
            headers: redact(parts.headers),
            body,
            answer,
            usual,
            is_counted,
        }
    }

    /// Where it went.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Its headers, with `[redacted]` for the API key.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its body, `null` where that is no JSON.
    #[must_use]
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// The sale it reports, if it reports one. From Partli with the fields that it has, the
    /// currency in upper case.
    #[must_use]
    pub fn sale(&self) -> Option<Sale> {
        self.read(Call::Sale)
    }

    /// The lead it reports, if it reports one. From Partli, which has no field for the customer's
    /// own ID, with an empty one.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        self.read(Call::Lead)
    }

    /// What it was answered.
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Whether the service would have counted it: it was taken ([`Answer`] says which are), and it
    /// is not the repeat of a sale with the same invoice ID, or of a lead to Partli.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.is_counted
    }

    pub(super) fn call(&self) -> Call {
        Call::of(&self.uri)
    }

    /// A report that the service counts once by this key, taken for the first time or again.
    pub(super) fn is_taken_as(&self, call: Call, wanted: &str) -> bool {
        self.call() == call && self.answer.is_taken() && key(call, &self.body) == Some(wanted)
    }

    fn read<T: DeserializeOwned>(&self, call: Call) -> Option<T> {
        if self.call() != call {
            return None;
        }
        let mut body = self.body.clone();
        if is_partli(&body) {
            rename(&mut body, call);
        }
        serde_json::from_value(body).ok()
    }

    /// The customer by the application's own ID, or Partli's lead by its own.
    pub(super) fn customer(&self) -> &str {
        let customer = self.body["customerExternalId"].as_str();
        customer.unwrap_or_else(|| self.text("externalId"))
    }

    fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or("none")
    }

    fn amount(&self) -> &Value {
        match &self.body["amount"] {
            Value::Null => &self.body["amountCents"],
            amount => amount,
        }
    }
}

/// On one line, without a word about a person.
impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let customer = self.customer();
        match self.call() {
            Call::Sale => {
                let invoice = key(Call::Sale, &self.body).unwrap_or("none");
                let currency = self.body["currency"].as_str().unwrap_or("usd");
                let amount = self.amount();
                write!(
                    f,
                    "sale of {amount} {currency}, invoice {invoice:?}, customer {customer:?}"
                )?;
            }
            Call::Lead => {
                let event = self.text("eventName");
                write!(f, "lead {event:?}, customer {customer:?}")?;
            }
            Call::EmbedToken => f.write_str("embed token")?,
            Call::Unknown => f.write_str(self.uri.path())?,
        }
        write!(f, ": {}", self.answer)?;
        if self.answer.is_taken() && !self.is_counted {
            f.write_str(", not counted again")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("answer", &self.answer)
            .field("is_counted", &self.is_counted)
            .finish_non_exhaustive()
    }
}

/// Partli's names become those that `Sale` and `Lead` are kept by.
fn rename(body: &mut Value, call: Call) {
    let Some(body) = body.as_object_mut() else {
        return;
    };
    if call == Call::Lead {
        body.insert("customerExternalId".into(), "".into());
        return;
    }
    for (theirs, ours) in [("externalId", "invoiceId"), ("amountCents", "amount")] {
        if let Some(value) = body.remove(theirs) {
            body.insert(ours.into(), value);
        }
    }
}

fn redact(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in &mut headers {
        if name == AUTHORIZATION || value.is_sensitive() {
            *value = HeaderValue::from_static("[redacted]");
        }
    }
    headers
}
