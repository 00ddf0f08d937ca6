use std::{error::Error as StdError, fmt};

use super::Invoice;

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
    pub(super) invoice: Invoice,
}

impl QueueError {
    /// The queue does not take this report, now or later: it contradicts one that is stored, for
    /// one, or there is no queue.
    pub fn refused(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            is_retryable: false,
            reason: reason.into(),
            invoice: None,
        }
    }

    /// The queue could not be written.
    pub fn unavailable(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            is_retryable: true,
            reason: reason.into(),
            invoice: None,
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
    use crate::Error;

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
