use std::{error::Error as StdError, fmt, time::Duration};

use http::StatusCode;

use super::Invoice;

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
    pub(super) invoice: Invoice,
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
            invoice: None,
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
