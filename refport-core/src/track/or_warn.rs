use std::error::Error as StdError;

use super::Outcome;
use crate::Error;

/// What a checkout does about a report that failed, in one call.
///
/// ```
/// use refport_core::{Error, QueueError, track::{OrWarn, Outcome}};
///
/// let full = Error::Queue(QueueError::refused("the queue is full")).of_invoice(Some("inv_001"));
/// let failed: Result<Outcome<()>, Error> = Err(full);
/// assert_eq!(failed.or_warn(), None); // and the log says why, and which sale
/// ```
pub trait OrWarn: Sized {
    /// The outcome of a report that went well.
    type Outcome;

    /// The order stands: a report that failed is warned of in the log, with its cause and the invoice ID of
    /// the sale, and is `None`.
    fn or_warn(self) -> Option<Self::Outcome>;

    /// For a report in the order's own transaction. Where the database failed there is no order either,
    /// and the error is for `?`, to roll both back; so it is where the outbox's tables were never made. Any other failure is the report's own, which no
    /// repeat mends: the order stands without it, as with [`or_warn`](Self::or_warn).
    ///
    /// # Errors
    ///
    /// [`Error::Queue`] where it [is retryable](crate::QueueError::is_retryable).
    fn or_roll_back(self) -> Result<Option<Self::Outcome>, Error>;
}

impl<T> OrWarn for Result<Outcome<T>, Error> {
    type Outcome = Outcome<T>;

    fn or_warn(self) -> Option<Outcome<T>> {
        self.inspect_err(warn).ok()
    }

    fn or_roll_back(self) -> Result<Option<Outcome<T>>, Error> {
        match self {
            Err(Error::Queue(error)) if error.is_retryable() => Err(Error::Queue(error)),
            other => Ok(other.or_warn()),
        }
    }
}

fn warn(error: &Error) {
    let retryable = error.is_retryable();
    tracing::warn!(
        error = error as &dyn StdError,
        invoice = error.invoice_id(),
        retryable,
        "not reported, the order stands"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QueueError;

    fn failed(error: Error) -> Result<Outcome<()>, Error> {
        Err(error)
    }

    #[test]
    fn what_went_well_is_as_it_was() {
        let queued = || Ok(Outcome::<u8>::Queued);
        assert_eq!(queued().or_warn(), Some(Outcome::Queued));
        assert_eq!(queued().or_roll_back().unwrap(), Some(Outcome::Queued));
    }

    #[test]
    fn only_a_database_that_failed_takes_the_order_with_it() {
        let locked = Error::Queue(QueueError::unavailable("database is locked"));
        let error = failed(locked).or_roll_back().unwrap_err();
        assert!(error.is_retryable(), "{error}");

        let conflict = Error::Queue(QueueError::refused("it contradicts another"));
        assert_eq!(failed(conflict).or_roll_back().unwrap(), None);
        // A service that is away has nothing to do with the order's transaction.
        let away = crate::TransportError::timeout();
        assert_eq!(failed(Error::Transport(away)).or_roll_back().unwrap(), None);
        let nobody = Error::NotSetUp(crate::NotSetUpError::new("add a client"));
        assert_eq!(failed(nobody).or_roll_back().unwrap(), None);
    }
}
