//! What an adapter's `Track` answers where an outbox stands behind it.

use refport_core::{Error, QueueError, track::Outcome};

use crate::{EnqueueError, Enqueued};

/// Queued, now or before; or nothing to report.
impl<T> From<Enqueued> for Outcome<T> {
    fn from(enqueued: Enqueued) -> Self {
        match enqueued {
            Enqueued::New | Enqueued::Duplicate => Self::Queued,
            Enqueued::NothingToReport(why) => Self::NothingToReport(why),
        }
    }
}

/// What the service certainly refuses is as invalid as with the client. All else is the source of an
/// [`Error::Queue`], which may be tried again where the database is at fault.
impl From<EnqueueError> for Error {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Invalid(refused) => Self::Invalid(refused),
            EnqueueError::Store(_) => Self::Queue(QueueError::unavailable(error)),
            EnqueueError::Key(_) | EnqueueError::Clicks | EnqueueError::Conflict(_) => {
                Self::Queue(QueueError::refused(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use refport_core::{Sale, track::NothingToReport};

    use super::*;
    use crate::KeyError;

    #[test]
    fn what_is_stored_is_queued() {
        assert_eq!(Outcome::<()>::from(Enqueued::New), Outcome::Queued);
        assert_eq!(Outcome::<()>::from(Enqueued::Duplicate), Outcome::Queued);
        let free = NothingToReport::ZeroAmount;
        assert_eq!(
            Outcome::<()>::from(Enqueued::NothingToReport(free)),
            Outcome::NothingToReport(free)
        );
    }

    #[test]
    fn only_the_database_may_be_tried_again() {
        let refused = Sale::without_click("", 1).check().unwrap_err();
        let invalid = Error::from(EnqueueError::Invalid(refused));
        assert!(matches!(invalid, Error::Invalid(_)), "{invalid:?}");
        let no_key = Error::from(EnqueueError::Key(KeyError::Missing));
        assert!(matches!(&no_key, Error::Queue(error) if !error.is_retryable()));
        let away = EnqueueError::Store(sqlx::Error::PoolClosed.into());
        assert!(Error::from(away).is_retryable());
    }
}
