use std::error::Error as StdError;

use http::StatusCode;

use super::{DecodeError, Error, Invoice};

/// No answer came: the service could not be reached, broke off, or took too long.
///
/// A transport of your own returns one, to tell the client what it may repeat.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TransportError {
    what: TransportProblem,
    timed_out: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
    pub(super) invoice: Invoice,
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
            invoice: None,
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
