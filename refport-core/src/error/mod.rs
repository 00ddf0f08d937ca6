//! Why a call did not succeed.

mod api;
mod decode;
mod not_set_up;
mod queue;
mod transport;

use crate::InvalidRequest;

pub use self::{
    api::{ApiError, ErrorKind},
    decode::DecodeError,
    not_set_up::NotSetUpError,
    queue::QueueError,
    transport::TransportError,
};

/// Your own ID of the sale that an error is about.
pub(crate) type Invoice = Option<Box<str>>;

/// Why a call to the service did not succeed.
///
/// `Display` says what failed, and why where that is told here; what others told is the
/// [`source`](std::error::Error::source). No variant carries a key, a
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
    #[error(transparent)]
    NotSetUp(NotSetUpError),
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
            Self::Api(error) => matches!(error.kind(), ErrorKind::RateLimit | ErrorKind::Server),
            Self::Transport(_) => true,
            Self::Queue(error) => error.is_retryable(),
        }
    }

    /// Whether a time budget was used up.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Transport(error) if error.is_timeout())
    }

    /// Your own ID of the sale that was not reported, by which it is found again; also where it stands in the log.
    /// `None` of a lead, of a sale without one, and of [`Error::Blocking`].
    #[must_use]
    pub fn invoice_id(&self) -> Option<&str> {
        match self {
            Self::Invalid(error) => error.invoice.as_deref(),
            Self::Api(error) => error.invoice.as_deref(),
            Self::Transport(error) => error.invoice.as_deref(),
            Self::Decode(error) => error.invoice.as_deref(),
            Self::Queue(error) => error.invoice.as_deref(),
            Self::NotSetUp(error) => error.invoice.as_deref(),
            Self::Blocking => None,
        }
    }

    /// The same, of the sale with this [`invoice_id`](Self::invoice_id). [`Track`](crate::Track) and the clients
    /// say it of their own; so can what reports otherwise.
    #[must_use]
    pub fn of_invoice(mut self, id: Option<&str>) -> Self {
        let invoice = match &mut self {
            Self::Invalid(error) => &mut error.invoice,
            Self::Api(error) => &mut error.invoice,
            Self::Transport(error) => &mut error.invoice,
            Self::Decode(error) => &mut error.invoice,
            Self::Queue(error) => &mut error.invoice,
            Self::NotSetUp(error) => &mut error.invoice,
            Self::Blocking => return self,
        };
        if let Some(id) = id {
            *invoice = Some(id.into());
        }
        self
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
