//! An outbox behind a `Track`.

use refport_core::{
    Error, Lead, QueueError, Sale,
    destination::{Reported, Reporting},
    track::{Outcome, Reporter, Transaction},
};

use crate::{EnqueueError, Enqueued, Entry, Outbox};

/// Behind a `Track`, each report is stored in a transaction of its own, and the outcome is
/// [`Outcome::Queued`].
impl Reporter for Outbox {
    fn lead(&self, lead: Lead) -> Reporting<'_> {
        Box::pin(async { Ok(self.add(lead).await?.into()) })
    }

    fn sale(&self, sale: Sale) -> Reporting<'_> {
        Box::pin(async { Ok(self.add(sale).await?.into()) })
    }
}

macro_rules! transaction {
    ($connection:ty) => {
        /// For `track.sale_in(&mut *tx, sale)`.
        impl Transaction<Outbox> for $connection {
            type Entry = Entry;

            async fn report(
                &mut self,
                outbox: &Outbox,
                entry: Entry,
            ) -> Result<Outcome<Reported>, Error> {
                Ok(outbox.enqueue(self, entry).await?.into())
            }
        }
    };
}

#[cfg(feature = "sqlite")]
transaction!(sqlx::SqliteConnection);
#[cfg(feature = "postgres")]
transaction!(sqlx::PgConnection);

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
            error if error.is_retryable() => Self::Queue(QueueError::unavailable(error)),
            error => Self::Queue(QueueError::refused(error)),
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
