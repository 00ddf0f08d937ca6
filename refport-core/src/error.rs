use std::{error::Error as StdError, fmt, time::Duration};

use http::StatusCode;

use crate::InvalidRequest;

/// Why a call to the service did not succeed.
///
/// `Display` says what failed, and why where that is told here; what others told is the
/// [`source`](StdError::source). No variant carries a key, a
/// cookie or an e-mail address of its own; the service's message is kept as it came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request was not sent, because the service certainly refuses it.
    #[error("request not sent: {0}")]
    Invalid(InvalidRequest),
    /// The service answered with an error.
    #[error(transparent)]
    Api(ApiError),
    /// No answer came.
    #[error(transparent)]
    Transport(TransportError),
    /// The service accepted the request, but its answer makes no sense.
    #[error(transparent)]
    Decode(DecodeError),
    /// An outbox that stands behind a [`Track`](crate::Track) has not stored the report, and nothing
    /// was sent.
    #[error(transparent)]
    Queue(QueueError),
    /// Nothing was sent, because a [`Track`](crate::Track) has found nobody to report to: neither a client
    /// nor an outbox. The text says which line to add.
    #[error("tracking is not set up: {0}")]
    NotSetUp(&'static str),
    /// Nothing was sent: a blocking call was made on the client's own thread, in a hook, a layer or a
    /// transport, where it would wait for itself.
    #[error(
        "a blocking call in a hook, a layer or a transport of a client: use the async client there"
    )]
    Blocking,
}

impl Error {
    /// Whether the same call may succeed later: the service, or the database of an outbox, was
    /// busy, broken or out of reach.
    ///
    /// It does not say that a repeat is safe: give a sale its invoice ID, so that it counts once.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::Decode(_) | Self::NotSetUp(_) | Self::Blocking => false,
            Self::Api(error) => matches!(error.kind, ErrorKind::RateLimit | ErrorKind::Server),
            Self::Transport(_) => true,
            Self::Queue(error) => error.is_retryable(),
        }
    }

    /// Whether a time budget was used up.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_timeout())
    }

    /// The service's error answer, where there was one.
    #[must_use]
    pub const fn as_api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
}

/// What sort of error the service answered: its status and code folded into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401 or 403: the API key is wrong, revoked or not allowed to do this.
    Auth,
    /// 400 or 422: a field is wrong, or the click is not known.
    Validation,
    /// 404: what the request names does not exist.
    NotFound,
    /// 429: too many requests.
    RateLimit,
    /// 5xx, 408 or 425: the service is broken or overloaded, or did not wait for the request. Another
    /// try may go well.
    Server,
    /// Another status.
    Other,
}

impl ErrorKind {
    /// The status decides where it is plain; where it is general (400, 409, …) the code may say
    /// more. The codes are those of Refport's reference and of its official SDK.
    fn of(status: StatusCode, code: Option<&str>) -> Self {
        match status.as_u16() {
            401 | 403 => return Self::Auth,
            404 => return Self::NotFound,
            429 => return Self::RateLimit,
            408 | 425 | 500..=599 => return Self::Server,
            _ => {}
        }
        match code {
            Some("UNAUTHORIZED") => Self::Auth,
            Some("NOT_FOUND") => Self::NotFound,
            Some("RATE_LIMIT_EXCEEDED" | "RATE_LIMITED") => Self::RateLimit,
            Some("INTERNAL_ERROR") => Self::Server,
            Some("VALIDATION_ERROR" | "INVALID_CLICK_ID") => Self::Validation,
            _ if matches!(status.as_u16(), 400 | 422) => Self::Validation,
            _ => Self::Other,
        }
    }
}

/// An error that the service answered, status, code and message as they came. `Display` shows
/// the beginning of the message, on one line.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: Option<String>,
    message: Option<String>,
    kind: ErrorKind,
    retry_after: Option<Duration>,
    request_id: Option<String>,
}

impl ApiError {
    /// An error as a service answered it: for a [destination](crate::destination) of your own.
    #[must_use]
    pub fn new(status: StatusCode, code: Option<String>, message: Option<String>) -> Self {
        Self {
            kind: ErrorKind::of(status, code.as_deref()),
            status,
            code,
            message,
            retry_after: None,
            request_id: None,
        }
    }

    /// The same error, where the service asks to wait so long before the next call.
    #[must_use]
    pub fn waiting(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    pub(crate) fn named(mut self, request_id: Option<String>) -> Self {
        self.request_id = request_id;
        self
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The service's code, as in `INVALID_CLICK_ID`. `None` where the body had none.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The service's message. `None` where the body had none.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What sort of error it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// How long the service asks to wait, where it says so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The service's name for the request (`x-request-id`), for its support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service answered {}", self.status.as_u16())?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {}", Excerpt(message)),
            None => Ok(()),
        }
    }
}

/// The beginning of a text that somebody else wrote, on one line.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX: usize = 300;
        for letter in self.0.chars().take(MAX) {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())?;
            } else {
                write!(f, "{letter}")?;
            }
        }
        if self.0.chars().nth(MAX).is_some() {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}

impl StdError for ApiError {}

/// No answer came: the service could not be reached, broke off, or took too long.
///
/// A transport of your own returns one, to tell the client what it may repeat.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TransportError {
    what: TransportProblem,
    timed_out: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum TransportProblem {
    #[error("cannot connect to the service")]
    Connect,
    #[error("the service refused the request unread")]
    Unread,
    #[error("the service did not answer in time")]
    Timeout,
    #[error("the connection to the service broke")]
    Broken,
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(dead_code, reason = "of the default transport")
    )]
    #[error("service answered {}: {problem}", status.as_u16())]
    Answered { status: StatusCode, problem: String },
}

impl TransportError {
    /// No connection came about, so the service certainly has not seen the request. `timed_out`
    /// tells whether that took too long.
    pub fn connect(timed_out: bool, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of(TransportProblem::Connect, timed_out, Some(source.into()))
    }

    /// There was a connection, and the service certainly has not looked at the request.
    pub fn unread(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of(TransportProblem::Unread, false, Some(source.into()))
    }

    /// The connection broke after the request may have been seen.
    pub fn broken(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of(TransportProblem::Broken, false, Some(source.into()))
    }

    /// The service took too long to answer a request that it may have seen.
    #[must_use]
    pub const fn timeout() -> Self {
        Self::of(TransportProblem::Timeout, true, None)
    }

    /// The service accepted the request with an answer that cannot be used.
    #[cfg(feature = "reqwest")]
    pub(crate) fn answered(status: StatusCode, problem: String) -> Self {
        Self::of(TransportProblem::Answered { status, problem }, false, None)
    }

    const fn of(
        what: TransportProblem,
        timed_out: bool,
        source: Option<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            what,
            timed_out,
            source,
        }
    }

    /// What a transport or a layer returned; what is no `TransportError` may have been seen.
    pub(crate) fn from_boxed(error: Box<dyn StdError + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(other) => Self::broken(other),
        }
    }

    /// As the error of a call.
    pub(crate) fn into_error(self) -> Error {
        match self.what {
            TransportProblem::Answered { status, problem } => {
                Error::Decode(DecodeError::new(status, problem))
            }
            _ => Error::Transport(self),
        }
    }

    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self.what, TransportProblem::Answered { .. })
    }

    /// Whether a time budget was used up, that of connecting included.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// Whether no connection came about.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.what == TransportProblem::Connect
    }

    /// Whether the service certainly has not seen the request, so that a repeat cannot count
    /// twice.
    #[must_use]
    pub const fn is_unseen(&self) -> bool {
        matches!(
            self.what,
            TransportProblem::Connect | TransportProblem::Unread
        )
    }
}

/// The service accepted the request, and its answer could not be read. Says what came, without
/// repeating it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("service answered {} with a body that cannot be read: {problem}", status.as_u16())]
pub struct DecodeError {
    status: StatusCode,
    problem: String,
}

impl DecodeError {
    /// An answer that cannot be read: for a [destination](crate::destination) of your own. The
    /// problem must not repeat what came.
    pub fn new(status: StatusCode, problem: impl Into<String>) -> Self {
        Self {
            status,
            problem: problem.into(),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

/// A queue has not stored a report, so it is not delivered either: of an outbox behind a
/// [`Track`](crate::Track), or of a queue of your own. [`reason`](Self::reason) is the queue's own error,
/// which `Display` shows, and whose source is this one's.
///
/// Where the report was to be written with an order, in one transaction, an order that is committed
/// all the same is one that nobody is paid for. After [`is_retryable`](Self::is_retryable) roll it
/// back and try both again, as after any failure of the database: a report that was stored after
/// all is not stored twice. Otherwise the report itself is at fault, and no repeat helps.
#[derive(Debug)]
pub struct QueueError {
    is_retryable: bool,
    reason: Box<dyn StdError + Send + Sync>,
}

impl QueueError {
    /// The queue does not take this report, now or later: it contradicts one that is stored, for
    /// one, or there is no queue.
    pub fn refused(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            is_retryable: false,
            reason: reason.into(),
        }
    }

    /// The queue could not be written.
    pub fn unavailable(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            is_retryable: true,
            reason: reason.into(),
        }
    }

    /// Whether the same report may be stored later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        self.is_retryable
    }

    /// The queue's own error, as in `refport_outbox::EnqueueError`.
    #[must_use]
    pub fn reason(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.reason
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the report was not stored for delivery: {}", self.reason)
    }
}

impl StdError for QueueError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.reason.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_stored_says_whether_to_try_again() {
        let full = Error::Queue(QueueError::unavailable("the disk is full"));
        assert!(full.is_retryable() && !full.is_timeout());
        assert_eq!(
            full.to_string(),
            "the report was not stored for delivery: the disk is full"
        );
        assert!(full.source().is_none(), "said already");
        let cause = std::io::Error::other(crate::TransportError::connect(false, "refused"));
        let away = QueueError::unavailable(cause);
        assert_eq!(away.source().unwrap().to_string(), "refused");
        assert!(away.reason().is::<std::io::Error>());
        assert!(!Error::Queue(QueueError::refused("it contradicts another")).is_retryable());
    }
}
