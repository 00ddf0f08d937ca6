use std::{error::Error as StdError, fmt, time::Duration};

use http::StatusCode;

use crate::{InvalidRequest, track::NothingToReport};

/// Why a call to the service did not succeed.
///
/// `Display` says what failed and [`source`](StdError::source) why. No variant carries a key, a
/// cookie or an e-mail address of its own; the service's message is kept as it came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request was not sent, because the service certainly refuses it.
    #[error("request not sent")]
    Invalid(#[source] InvalidRequest),
    /// The request was not sent, because there is nothing to count.
    #[error("nothing to report: {0}")]
    NothingToReport(NothingToReport),
    /// The service answered with an error.
    #[error(transparent)]
    Api(ApiError),
    /// No answer came.
    #[error(transparent)]
    Transport(TransportError),
    /// The service accepted the request, but its answer makes no sense.
    #[error(transparent)]
    Decode(DecodeError),
}

impl Error {
    /// Whether the same call may succeed later: the service was busy, broken or out of reach.
    ///
    /// It does not say that a repeat is safe: give a sale its invoice ID, so that it counts once.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::NothingToReport(_) | Self::Decode(_) => false,
            Self::Api(error) => matches!(error.kind, ErrorKind::RateLimit | ErrorKind::Server),
            Self::Transport(_) => true,
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
    /// 5xx: the service is broken or overloaded.
    Server,
    /// Another status.
    Other,
}

impl ErrorKind {
    const fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 422 => Self::Validation,
            401 | 403 => Self::Auth,
            404 => Self::NotFound,
            429 => Self::RateLimit,
            500..=599 => Self::Server,
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
}

impl ApiError {
    pub(crate) const fn new(
        status: StatusCode,
        code: Option<String>,
        message: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self {
            status,
            code,
            message,
            kind: ErrorKind::of(status),
            retry_after,
        }
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
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TransportError {
    what: TransportProblem,
    timed_out: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportProblem {
    #[error("cannot connect to the service")]
    Connect,
    #[error("the service did not answer in time")]
    Timeout,
    #[error("the connection to the service broke")]
    Broken,
}

impl TransportError {
    pub(crate) const fn timeout() -> Self {
        Self {
            what: TransportProblem::Timeout,
            timed_out: true,
            source: None,
        }
    }

    pub(crate) fn new(
        what: TransportProblem,
        timed_out: bool,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            what,
            timed_out,
            source: Some(source.into()),
        }
    }

    /// Whether a time budget was used up, that of connecting included.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// Whether no connection came about, so that the service certainly has not seen the request.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.what == TransportProblem::Connect
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
    pub(crate) fn new(status: StatusCode, problem: impl Into<String>) -> Self {
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
