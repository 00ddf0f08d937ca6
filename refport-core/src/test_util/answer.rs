use std::{fmt, future::pending, io, time::Duration};

use bytes::Bytes;
use http::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use crate::TransportError;

/// How a [`Recorder`](super::Recorder) answers one request, and whether the service would have
/// counted it.
///
/// | answer | counted | what comes |
/// |---|---|---|
/// | [`accepted`](Self::accepted) | yes | the documented answer, made of the request |
/// | `accepted().`[`after`](Self::after)`(…)` | yes | the same with a slow body |
/// | [`cut_body`](Self::cut_body) | yes | a connection that breaks within the answer |
/// | [`no_link`](Self::no_link) | no | what is said where the click belongs to no link: `null`, from Partli `"attributed":false` |
/// | [`error`](Self::error) | no | a status with the documented error body |
/// | [`rate_limited`](Self::rate_limited) | no | a 429 with `Retry-After` |
/// | [`page`](Self::page) | no | a status with a proxy's page |
/// | [`timeout`](Self::timeout) | no | nothing, ever |
/// | [`refused`](Self::refused) | no | no connection |
/// | [`reset`](Self::reset) | no | a connection that breaks before the answer |
/// | [`json`](Self::json), `Answer::from(response)` | no | what you say |
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    what: What,
    delay: Duration,
}

#[derive(Clone, Debug)]
enum What {
    Accepted,
    CutBody,
    NoLink,
    Timeout,
    Refused,
    Reset,
    Response(Response<Bytes>),
}

impl Answer {
    /// What the service answers where all is well.
    pub const fn accepted() -> Self {
        Self::of(What::Accepted)
    }

    /// The service counts it, and the connection breaks within the body of its answer.
    pub const fn cut_body() -> Self {
        Self::of(What::CutBody)
    }

    /// The service took the lead, and its click belongs to no link any more; from Partli also for
    /// a sale.
    pub const fn no_link() -> Self {
        Self::of(What::NoLink)
    }

    /// No answer ever comes: the client's own budget ends the attempt.
    pub const fn timeout() -> Self {
        Self::of(What::Timeout)
    }

    /// No connection comes about.
    pub const fn refused() -> Self {
        Self::of(What::Refused)
    }

    /// The connection breaks after the request was written and before an answer.
    pub const fn reset() -> Self {
        Self::of(What::Reset)
    }

    /// Refport's documented error, as in `Answer::error(400, "INVALID_CLICK_ID")`.
    ///
    /// # Panics
    ///
    /// When `status` is no HTTP status (100 to 999).
    #[track_caller]
    pub fn error(status: u16, code: &str) -> Self {
        error_response(status, code).into()
    }

    /// A 429 that asks for so long a wait.
    pub fn rate_limited(retry_after: Duration) -> Self {
        let mut answer = error_response(429, "RATE_LIMIT_EXCEEDED");
        let seconds = retry_after.as_secs_f64().to_string();
        let seconds = HeaderValue::try_from(seconds).expect("a number can stand in a header");
        answer.headers_mut().insert(RETRY_AFTER, seconds);
        answer.into()
    }

    /// A page in place of the service's answer: a proxy's (502), a gateway's (404, 405, 408), or with 200 that
    /// of a site that answers every path.
    ///
    /// # Panics
    ///
    /// When `status` is no HTTP status (100 to 999).
    #[track_caller]
    pub fn page(status: u16) -> Self {
        let page = "<html><body><h1>Not the service</h1></body></html>";
        response(status, "text/html", page.into()).into()
    }

    /// A status and a JSON body of your own.
    ///
    /// # Panics
    ///
    /// When `status` is no HTTP status (100 to 999).
    #[track_caller]
    pub fn json(status: u16, body: &Value) -> Self {
        json_response(status, body).into()
    }

    /// The same answer, after so long.
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    const fn of(what: What) -> Self {
        let delay = Duration::ZERO;
        Self { what, delay }
    }

    /// Whether the service takes the request, so that it counts.
    pub(super) const fn is_taken(&self) -> bool {
        matches!(self.what, What::Accepted | What::CutBody)
    }

    /// Whether the service takes the request, and finds nobody who earns by it.
    pub(super) const fn is_no_link(&self) -> bool {
        matches!(self.what, What::NoLink)
    }

    /// Acts it out; `usual` is what the service says where it takes the request.
    pub(super) async fn act(
        self,
        usual: Response<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        match self.what {
            What::Accepted | What::NoLink => Ok(usual),
            What::Response(response) => Ok(response),
            What::Timeout => pending().await,
            What::Refused => Err(TransportError::connect(
                false,
                io::Error::from(io::ErrorKind::ConnectionRefused),
            )),
            What::Reset => Err(broken(io::ErrorKind::ConnectionReset)),
            What::CutBody => Err(broken(io::ErrorKind::UnexpectedEof)),
        }
    }
}

/// A status, headers and body of your own.
impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        Self::of(What::Response(response))
    }
}

/// In a few words, as the assertions list it.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Accepted => f.write_str("accepted")?,
            What::CutBody => f.write_str("accepted, answer cut off")?,
            What::NoLink => f.write_str("no link")?,
            What::Timeout => f.write_str("no answer")?,
            What::Refused => f.write_str("connection refused")?,
            What::Reset => f.write_str("connection reset")?,
            What::Response(response) => write!(f, "{}", response.status().as_u16())?,
        }
        if self.delay.is_zero() {
            return Ok(());
        }
        write!(f, " after {:?}", self.delay)
    }
}

fn broken(kind: io::ErrorKind) -> TransportError {
    TransportError::broken(io::Error::from(kind))
}

#[track_caller]
pub(super) fn error_response(status: u16, code: &str) -> Response<Bytes> {
    let error = json!({ "code": code, "message": "told so by the test" });
    json_response(status, &json!({ "error": error }))
}

#[track_caller]
pub(super) fn json_response(status: u16, body: &Value) -> Response<Bytes> {
    response(status, "application/json", body.to_string().into())
}

#[track_caller]
fn response(status: u16, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let Ok(status) = StatusCode::from_u16(status) else {
        panic!("{status} is no HTTP status");
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
