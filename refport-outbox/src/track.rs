//! An outbox behind a `Track`.

use std::time::Duration;

use refport_core::{
    Error, Lead, QueueError, Sale,
    destination::{Reported, Reporting},
    track::{Outcome, Reporter, Transaction},
};

use tokio::{sync::oneshot, time::timeout};
use tracing::Instrument;

use crate::{EnqueueError, Enqueued, Entry, Event, Outbox};

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

/// It goes on when the buyer leaves and the handler is dropped.
async fn stored(outbox: &Outbox, entry: Entry) -> Result<Outcome<Reported>, Error> {
    const BROKEN: &str = "it was cut off while it was being stored";
    let (outbox, invoice) = (outbox.clone(), invoice_of(&entry));
    let (answer, answered) = oneshot::channel();
    let storing = async move {
        let stored = store(&outbox, entry).await;
        let stored = stored.map_err(|error| error.of_invoice(invoice.as_deref()));
        if let Err(Err(error)) = answer.send(stored) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, invoice, "not stored, and nobody waits for it");
        }
    };
    tokio::spawn(storing.in_current_span());
    let broken = |_| Err(Error::Queue(QueueError::unavailable(BROKEN)));
    answered.await.unwrap_or_else(broken)
}

fn invoice_of(entry: &Entry) -> Option<String> {
    match &entry.event {
        Event::Sale(sale) => sale.get_invoice_id().map(str::to_owned),
        Event::Lead(_) => None,
    }
}

async fn store(outbox: &Outbox, entry: Entry) -> Result<Outcome<Reported>, Error> {
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
                let invoice = invoice_of(&entry);
                let enqueued = outbox.enqueue(self, entry).await.map_err(Error::from);
                let enqueued = enqueued.map_err(|error| error.of_invoice(invoice.as_deref()))?;
                Ok(enqueued.into())
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

    #[cfg(feature = "sqlite")]
    mod over_sqlite {
        use std::{
            io,
            sync::{Arc, Mutex},
        };

        use futures_util::FutureExt;
        use refport_core::{Track, track::OrWarn};
        use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};

        use super::*;

        async fn one_connection() -> SqlitePool {
            let pool = SqlitePoolOptions::new().max_connections(1);
            pool.connect("sqlite::memory:").await.unwrap()
        }

        fn sale() -> Sale {
            let sale = Sale::without_click("ada@example.com", 4900).click_id("clk_1".parse().ok());
            sale.invoice_id("inv_001")
        }

        /// The handler has the pool's one connection in a transaction of its own.
        #[tokio::test]
        async fn within_a_transaction_of_ones_own_it_gives_up_and_says_what_to_call() {
            let pool = one_connection().await;
            let outbox = Outbox::new(pool.clone());
            outbox.migrate().await.unwrap();
            let tx = pool.begin().await.unwrap();
            tokio::time::pause();
            let start = tokio::time::Instant::now();
            let late = Track::from(outbox).sale(sale()).await;
            assert_eq!(start.elapsed().as_secs(), 3);
            let late = late.unwrap_err();
            assert!(
                late.is_retryable() && late.to_string().contains("`track.sale_in(&mut *tx, …)`"),
                "{late}"
            );
            drop(tx);
        }

        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);

        impl io::Write for Log {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(line);
                Ok(line.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        impl Log {
            fn listen(&self) -> tracing::subscriber::DefaultGuard {
                let writer = self.clone();
                let subscriber = tracing_subscriber::fmt().with_ansi(false);
                let subscriber = subscriber.with_writer(move || writer.clone());
                tracing::subscriber::set_default(subscriber.finish())
            }

            /// The one line that warns, which names the sale and nobody.
            fn warning(&self) -> String {
                let log = String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap();
                let mut lines = log.lines().filter(|line| line.contains(" WARN "));
                let line = lines.next().unwrap_or_else(|| panic!("{log}"));
                assert!(line.contains(r#"invoice="inv_001""#), "{line}");
                assert!(
                    lines.next().is_none() && !log.contains("example.com"),
                    "{log}"
                );
                line.to_owned()
            }
        }

        /// As where `migrate` was forgotten.
        #[tokio::test]
        async fn what_was_not_stored_is_named_with_what_to_do() {
            let pool = one_connection().await;
            let track = Track::from(Outbox::new(pool.clone()));
            let log = Log::default();
            let _here = log.listen();
            let error = track.sale(sale()).await.unwrap_err();
            assert!(error.to_string().contains("`Outbox::migrate`"), "{error}");
            let failed: Result<Outcome<()>, _> = Err(error);
            failed.or_warn();
            assert!(log.warning().contains("`Outbox::migrate`"));

            let mut tx = pool.begin().await.unwrap();
            let within = track.sale_in(&mut *tx, sale()).await;
            let error = within.or_roll_back().unwrap_err();
            assert!(error.to_string().contains("`Outbox::migrate`"), "{error}");
            assert_eq!(error.invoice_id(), Some("inv_001"));
            let entry = Entry::new(sale()).key("my own");
            let error = track.report_in(&mut *tx, entry).await.unwrap_err();
            assert_eq!(error.invoice_id(), Some("inv_001"));
        }

        #[tokio::test]
        async fn a_report_goes_on_without_the_buyer_and_is_told_of_where_it_fails() {
            let pool = one_connection().await;
            let outbox = Outbox::new(pool.clone());
            outbox.migrate().await.unwrap();
            let track = Track::from(outbox.clone());
            let log = Log::default();
            let _here = log.listen();
            let tx = pool.begin().await.unwrap();
            tokio::time::pause();
            let left = timeout(Duration::from_secs(1), track.sale(sale())).await;
            assert!(left.is_err(), "{left:?}");
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert!(log.warning().contains("nobody waits for it"));

            tokio::time::resume();
            drop(tx);
            assert!(track.sale(sale()).now_or_never().is_none());
            while outbox.counts().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        }
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
