use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::error::Category;
use tokio::time::timeout;

use super::{
    retry_after,
    transport::{Body, MAX_ANSWER, Transport},
};
use crate::error::{ApiError, DecodeError, Error, TransportError};

/// What all calls of one client share.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) transport: Transport,
    pub(super) urls: Urls,
    pub(super) authorization: HeaderValue,
    pub(super) attempt_timeout: Duration,
    pub(super) total_timeout: Duration,
}

/// The documented paths, made once.
#[derive(Debug)]
pub(super) struct Urls {
    pub(super) lead: String,
    pub(super) sale: String,
    pub(super) embed_token: String,
}

impl Urls {
    pub(super) fn new(base: &str) -> Self {
        Self {
            lead: format!("{base}/api/track/lead"),
            sale: format!("{base}/api/track/sale"),
            embed_token: format!("{base}/api/embed/token"),
        }
    }
}

impl Endpoint {
    /// Posts `body` as JSON and reads the answer as JSON.
    pub(super) async fn post<B, A>(&self, url: &str, body: &B) -> Result<A, Error>
    where
        B: Serialize + Sync,
        A: DeserializeOwned,
    {
        let body = serde_json::to_vec(body).expect("our requests have text keys only");
        let request = self.request(url, body.into());
        let budget = self.attempt_timeout.min(self.total_timeout);
        let answer = timeout(budget, self.transport.send(request))
            .await
            .unwrap_or_else(|_| Err(TransportError::timeout()))
            .map_err(Error::Transport)?;
        read(answer)
    }

    fn request(&self, url: &str, body: Bytes) -> Request<Bytes> {
        Request::post(url)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body)
            .expect("the URL was checked when the client was made")
    }
}

fn read<A: DeserializeOwned>(answer: Response<Body>) -> Result<A, Error> {
    let (parts, body) = answer.into_parts();
    if !parts.status.is_success() {
        return Err(Error::Api(read_error(parts.status, &parts.headers, &body)));
    }
    let Body::Whole(body) = body else {
        let problem = format!("it has more than {MAX_ANSWER} bytes");
        return Err(Error::Decode(DecodeError::new(parts.status, problem)));
    };
    serde_json::from_slice(&body).map_err(|error| {
        let problem = describe(&error, &parts.headers, body.len());
        Error::Decode(DecodeError::new(parts.status, problem))
    })
}

/// The documented envelope `{"error":{"code","message"}}`, or Partli's `{"error":"…"}`.
fn read_error(status: StatusCode, headers: &HeaderMap, body: &Body) -> ApiError {
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

    let envelope = match body {
        Body::Whole(body) => serde_json::from_slice(body).ok(),
        Body::TooLarge => None,
    };
    let (code, message) = match envelope.map(|Envelope { error }| error) {
        Some(Detail::Object { code, message }) => (code, message),
        Some(Detail::Message(message)) => (None, Some(message)),
        None => (None, None),
    };
    let wait = headers
        .get(RETRY_AFTER)
        .and_then(|value| retry_after::parse(value.as_bytes()));
    ApiError::new(status, code, message, wait)
}

/// What came instead of the JSON we expect. Not the parser's own words, which quote the body.
fn describe(error: &serde_json::Error, headers: &HeaderMap, length: usize) -> String {
    if length == 0 {
        return "it is empty".to_owned();
    }
    let found = match error.classify() {
        Category::Eof => "it ends too early",
        Category::Data => "a field is missing or of another type",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("no content type");
    let (line, column) = (error.line(), error.column());
    format!("{found} at line {line} column {column} ({length} bytes, {content_type})")
}
