//! Making sense of what the service answered, whatever that is.

use std::time::SystemTime;

use bytes::Bytes;
use http::{
    HeaderMap, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::error::Category;

use super::retry_after;
use crate::error::{ApiError, DecodeError, Error};

/// The header in which services and proxies name a request, for their support.
const REQUEST_ID: &str = "x-request-id";

/// The answer as JSON, or the error it is.
pub(super) fn read<A: DeserializeOwned>(answer: &Response<Bytes>) -> Result<A, Error> {
    if !answer.status().is_success() {
        return Err(Error::Api(read_error(answer)));
    }
    // Text is checked once as a whole, which is cheaper than string by string.
    let body = answer.body();
    let parsed = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    parsed.map_err(|error| {
        let problem = describe(&error, answer);
        Error::Decode(DecodeError::new(answer.status(), problem))
    })
}

/// The documented envelope `{"error":{"code","message"}}`, or Partli's `{"error":"…"}`. What is
/// neither leaves code and message out.
pub(super) fn read_error(answer: &Response<Bytes>) -> ApiError {
    #[derive(Deserialize)]
    struct Envelope {
        error: Detail,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Detail {
        Message(String),
        Object {
            code: Option<String>,
            message: Option<String>,
        },
    }

    let envelope = serde_json::from_slice(answer.body()).ok();
    let (code, message) = match envelope.map(|Envelope { error }| error) {
        Some(Detail::Object { code, message }) => (code, message),
        Some(Detail::Message(message)) => (None, Some(message)),
        None => (None, None),
    };
    ApiError::new(answer.status(), code, message)
        .waiting(retry_after_of(answer.headers()))
        .named(text(answer.headers(), REQUEST_ID))
}

fn retry_after_of(headers: &HeaderMap) -> Option<std::time::Duration> {
    let value = headers.get(RETRY_AFTER)?;
    retry_after::parse(value.as_bytes(), SystemTime::now())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// What came instead of the JSON we expect. Not the parser's own words, which quote the body.
fn describe(error: &serde_json::Error, answer: &Response<Bytes>) -> String {
    let body = answer.body();
    if body.is_empty() {
        return "it is empty".to_owned();
    }
    let found = match error.classify() {
        _ if std::str::from_utf8(body).is_err() => "it is not UTF-8",
        Category::Eof => "it ends too early",
        Category::Data => "a field is missing or of another type",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    let content_type = text(answer.headers(), CONTENT_TYPE.as_str());
    let content_type = content_type.as_deref().unwrap_or("no content type");
    let (line, column, length) = (error.line(), error.column(), body.len());
    format!("{found} at line {line} column {column} ({length} bytes, {content_type})")
}
