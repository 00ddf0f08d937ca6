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

    /// The sale it reports, if it reports one.
    #[must_use]
    pub fn sale(&self) -> Option<Sale> {
        self.read(Call::Sale)
    }

    /// The lead it reports, if it reports one.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        self.read(Call::Lead)
    }

    /// What it was answered.
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Whether the service would have counted it: it was taken ([`Answer`] says which are), and it
    /// is not the repeat of a sale with the same invoice ID.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.is_counted
    }

    pub(super) fn call(&self) -> Call {
        Call::of(&self.uri)
    }

    /// A sale of this invoice, counted or its repeat.
    pub(super) fn is_taken_sale(&self, invoice_id: &str) -> bool {
        self.call() == Call::Sale && self.answer.is_taken() && self.body["invoiceId"] == invoice_id
    }

    fn read<T: DeserializeOwned>(&self, call: Call) -> Option<T> {
        (self.call() == call)
            .then(|| T::deserialize(&self.body).ok())
            .flatten()
    }

    fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or("none")
    }
}

/// On one line, without a word about a person.
impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (customer, amount) = (self.text("customerExternalId"), &self.body["amount"]);
        match self.call() {
            Call::Sale => {
                let (invoice, currency) = (self.text("invoiceId"), self.body["currency"].as_str());
                let currency = currency.unwrap_or("usd");
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

fn redact(mut headers: HeaderMap) -> HeaderMap {
    for (name, value) in &mut headers {
        if name == AUTHORIZATION || value.is_sensitive() {
            *value = HeaderValue::from_static("[redacted]");
        }
    }
    headers
}
