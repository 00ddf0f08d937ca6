//! An outbox behind a `Track`.

use std::time::Duration;

use refport_core::{
    Error, Lead, QueueError, Sale,
    destination::{Reported, Reporting},
    track::{Outcome, Reporter, Transaction},
};

use tokio::time::timeout;

use crate::{EnqueueError, Enqueued, Entry, Outbox};

/// Behind a `Track`, each report is stored in a transaction of its own, within 3 s, and the outcome is
/// [`Outcome::Queued`].
impl Reporter for Outbox {
    fn lead(&self, lead: Lead) -> Reporting<'_> {
        Box::pin(stored(self, lead.into()))
    }

    fn sale(&self, sale: Sale) -> Reporting<'_> {
        Box::pin(stored(self, sale.into()))
    }
}

async fn stored(outbox: &Outbox, entry: Entry) -> Result<Outcome<Reported>, Error> {
    /// As long as a client has: a handler waits, and behind it a buyer.
    const TIME: Duration = Duration::from_secs(3);
    const LATE: &str = "the database did not take it in 3 s: within a transaction of yours, which it would \
                        wait for, say `track.sale_in(&mut *tx, …)`";
    match timeout(TIME, outbox.add(entry)).await {
        Ok(enqueued) => Ok(enqueued?.into()),
        Err(_) => Err(Error::Queue(QueueError::unavailable(LATE))),
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

    /// The handler has the pool's one connection in a transaction of its own.
    #[cfg(feature = "sqlite")]
    #[tokio::test]
    async fn within_a_transaction_of_ones_own_it_gives_up_and_says_what_to_call() {
        use refport_core::Track;

        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect("sqlite::memory:").await.unwrap();
        let outbox = Outbox::new(pool.clone());
        outbox.migrate().await.unwrap();
        let tx = pool.begin().await.unwrap();
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        let sale = Sale::without_click("user_001", 4900).click_id("clk_1".parse().ok());
        let late = Track::from(outbox).sale(sale.invoice_id("inv_001")).await;
        assert_eq!(start.elapsed().as_secs(), 3);
        let late = late.unwrap_err();
        assert!(
            late.is_retryable() && late.to_string().contains("`track.sale_in(&mut *tx, …)`"),
            "{late}"
        );
        drop(tx);
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
