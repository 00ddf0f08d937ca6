use std::{any::Any, fmt, sync::Arc};

use super::{Outcome, Reporter, Transaction};
use crate::{Error, Lead, NotSetUpError, QueueError, Sale, destination::Reported};

/// Reports leads and sales, to whatever it was made from: a client, the outbox of `refport-outbox`, or a
/// [`Reporter`] of your own. It is what handlers hold, so that they stay as they are when reports come to
/// be stored instead of sent.
///
/// ```
/// use refport_core::{Refport, Sale, Track, track::OrWarn};
///
/// # async fn checkout(track: Track) {
/// let sale = Sale::without_click("user_001", 4900).currency("eur").invoice_id("inv_001");
/// track.sale(sale).await.or_warn(); // the order stands, whatever comes of it
/// # }
/// # fn shop() -> Result<(), refport_core::BuildError> {
/// let track = Track::from(Refport::from_env()?);
/// # let _ = track;
/// # Ok(())
/// # }
/// ```
///
/// The adapters for axum and actix-web have an extractor of the same name, which is this. Clones cost a
/// reference count.
#[derive(Clone)]
pub struct Track(Behind);

#[derive(Clone)]
enum Behind {
    To(Arc<dyn Reporter>),
    /// There is nobody. The text says what to do about it.
    NotSetUp(&'static str),
}

impl Track {
    /// A `Track` without anybody behind it: each call answers [`Error::NotSetUp`] with this text, which
    /// should say what is to be added where. For adapters to other frameworks.
    #[must_use]
    pub const fn not_set_up(add: &'static str) -> Self {
        Self(Behind::NotSetUp(add))
    }

    /// What it was made from, where that is an `R`.
    #[must_use]
    pub fn reporter<R: Reporter>(&self) -> Option<&R> {
        match &self.0 {
            Behind::To(reporter) => {
                let reporter: &dyn Any = &**reporter;
                reporter.downcast_ref()
            }
            Behind::NotSetUp(_) => None,
        }
    }

    /// Reports a sign-up.
    ///
    /// # Errors
    ///
    /// As [`sale`](Self::sale).
    pub fn lead(
        &self,
        lead: Lead,
    ) -> impl Future<Output = Result<Outcome<Reported>, Error>> + Send + use<> {
        let behind = self.0.clone();
        async move { behind.reporter()?.lead(lead).await }
    }

    /// Reports a purchase.
    ///
    /// With a client behind it, it takes as long as the service does, up to the client's time budgets.
    /// With an outbox it takes as long as a transaction of its own in your database: **not within a
    /// transaction of yours**, which it would wait for; that is [`sale_in`](Self::sale_in).
    ///
    /// # Errors
    ///
    /// When the sale is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes in time, or the answer cannot be read. With an outbox, [`Error::Queue`] when the sale
    /// has no invoice ID, contradicts one that is stored, or the database does not take it. With
    /// nobody behind it, [`Error::NotSetUp`]. Each names the sale by its
    /// [`invoice_id`](Error::invoice_id). The order stands in each case:
    /// [`OrWarn`](super::OrWarn) does what is left to do.
    pub fn sale(
        &self,
        sale: Sale,
    ) -> impl Future<Output = Result<Outcome<Reported>, Error>> + Send + use<> {
        let behind = self.0.clone();
        async move {
            let invoice = sale.get_invoice_id().map(str::to_owned);
            let reported = match behind.reporter() {
                Ok(reporter) => reporter.sale(sale).await,
                Err(nobody) => Err(nobody),
            };
            reported.map_err(|error| error.of_invoice(invoice.as_deref()))
        }
    }

    /// Writes a purchase into the transaction of `connection`, `&mut *tx`: it is delivered if and only
    /// if that is committed. It needs an outbox behind it.
    ///
    /// The outcome is [`Outcome::Queued`], also where the same sale is stored already, by its
    /// invoice ID; or that a free order is nothing to report. Have the response's `ClearClickId` wait for
    /// the commit.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the service certainly refuses the sale, and [`Error::Queue`] where it
    /// has no invoice ID, contradicts one that is stored, the database does not take it, or something else
    /// than an outbox is there; with nobody behind it, [`Error::NotSetUp`]. Only where the database failed is the order lost with its sale, as Postgres takes nothing
    /// more in such a transaction; all else leaves it as it was:
    /// [`or_roll_back`](super::OrWarn::or_roll_back) tells the two apart.
    pub async fn sale_in<Q: Reporter, C: Transaction<Q>>(
        &self,
        connection: &mut C,
        sale: Sale,
    ) -> Result<Outcome<Reported>, Error> {
        let invoice = sale.get_invoice_id().map(str::to_owned);
        let reported = match self.queue(invoice.as_deref()) {
            Ok(queue) => connection.report(queue, sale.into()).await,
            Err(none) => Err(none),
        };
        reported.map_err(|error| error.of_invoice(invoice.as_deref()))
    }

    /// Writes a sign-up into the transaction of `connection`, `&mut *tx`, as
    /// [`sale_in`](Self::sale_in) does a purchase. The same lead is that of the same customer and
    /// event name.
    ///
    /// # Errors
    ///
    /// As [`sale_in`](Self::sale_in).
    pub async fn lead_in<Q: Reporter, C: Transaction<Q>>(
        &self,
        connection: &mut C,
        lead: Lead,
    ) -> Result<Outcome<Reported>, Error> {
        let queue = self.queue(None)?;
        connection.report(queue, lead.into()).await
    }

    /// Writes an entry of the outbox into the transaction of `connection`, `&mut *tx`: a sale or lead
    /// with a key of your own, or with the clicks of several programs, of which each gets its own.
    ///
    /// # Errors
    ///
    /// As [`sale_in`](Self::sale_in).
    pub async fn report_in<Q: Reporter, C: Transaction<Q>>(
        &self,
        connection: &mut C,
        entry: impl Into<C::Entry>,
    ) -> Result<Outcome<Reported>, Error> {
        let queue = self.queue(None)?;
        connection.report(queue, entry.into()).await
    }

    /// The outbox behind it, for the report of this invoice.
    fn queue<Q: Reporter>(&self, invoice: Option<&str>) -> Result<&Q, Error> {
        const NO_OUTBOX: &str =
            "no outbox stands behind this `Track`: make it by `Track::from(outbox)`";
        self.reporter().ok_or_else(|| {
            let (why, error) = match &self.0 {
                Behind::To(_) => (NO_OUTBOX, Error::Queue(QueueError::refused(NO_OUTBOX))),
                // There may well be one, which stands where the handler does not look.
                Behind::NotSetUp(add) => (*add, Error::NotSetUp(NotSetUpError::new(add))),
            };
            // The order is placed without its sale, so this must not need a handler that logs.
            tracing::error!(invoice, "a report was not stored: {why}");
            error
        })
    }
}

impl Behind {
    fn reporter(&self) -> Result<&dyn Reporter, Error> {
        match self {
            Self::To(reporter) => Ok(&**reporter),
            Self::NotSetUp(add) => Err(Error::NotSetUp(NotSetUpError::new(add))),
        }
    }
}

impl<R: Reporter> From<R> for Track {
    fn from(reporter: R) -> Self {
        Self(Behind::To(Arc::new(reporter)))
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("Track");
        match &self.0 {
            Behind::To(_) => debug.finish_non_exhaustive(),
            Behind::NotSetUp(add) => debug.field(add).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Mutex, PoisonError},
    };

    use super::*;
    use crate::{Refport, destination::Reporting, track::OrWarn};

    struct Queue;

    impl Reporter for Queue {
        fn lead(&self, _: Lead) -> Reporting<'_> {
            Box::pin(async { Ok(Outcome::Queued) })
        }

        fn sale(&self, _: Sale) -> Reporting<'_> {
            Box::pin(async { Ok(Outcome::Queued) })
        }
    }

    enum Entry {
        Lead,
        Sale,
    }

    impl From<Lead> for Entry {
        fn from(_: Lead) -> Self {
            Self::Lead
        }
    }

    impl From<Sale> for Entry {
        fn from(_: Sale) -> Self {
            Self::Sale
        }
    }

    /// What was stored in this transaction.
    #[derive(Default)]
    struct Connection(Vec<&'static str>);

    impl Transaction<Queue> for Connection {
        type Entry = Entry;

        async fn report(&mut self, _: &Queue, entry: Entry) -> Result<Outcome<Reported>, Error> {
            self.0.push(match entry {
                Entry::Lead => "lead",
                Entry::Sale => "sale",
            });
            Ok(Outcome::Queued)
        }
    }

    fn sale() -> Sale {
        Sale::without_click("ada@example.com", 4900).invoice_id("inv_001")
    }

    #[tokio::test]
    async fn a_queue_stores_in_the_transaction_that_is_open() {
        let (track, mut connection) = (Track::from(Queue), Connection::default());
        let lead = Lead::without_click("Sign Up", "user_001");
        let outcome = track.lead_in(&mut connection, lead).await.unwrap();
        assert_eq!(outcome, Outcome::Queued);
        track.sale_in(&mut connection, sale()).await.unwrap();
        track.report_in(&mut connection, sale()).await.unwrap();
        assert_eq!(connection.0, ["lead", "sale", "sale"]);
        assert!(track.reporter::<Queue>().is_some() && track.reporter::<Refport>().is_none());
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            log.extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The order is placed all the same, so its sale must be found again.
    #[test]
    fn without_a_queue_the_log_says_which_sale_was_lost_and_of_nobody() {
        let log = logged(async || {
            let mut connection = Connection::default();
            let client = Track::from(Refport::disabled());
            let error = client.sale_in(&mut connection, sale()).await.unwrap_err();
            assert!(matches!(&error, Error::Queue(error) if !error.is_retryable()));
        });
        let lost = named(&log, "ERROR");
        assert!(lost.contains("Track::from(outbox)"), "{lost}");
    }

    /// There may well be an outbox, which stands where the handler does not look.
    #[test]
    fn with_nobody_behind_it_the_log_says_where_to_put_them() {
        let nobody = Track::not_set_up("put it there");
        let log = logged(async || {
            let mut connection = Connection::default();
            let stored = nobody.sale_in(&mut connection, sale()).await;
            assert!(matches!(stored, Err(Error::NotSetUp(_))), "{stored:?}");
            stored.or_roll_back().unwrap();
        });
        for level in ["ERROR", "WARN"] {
            let lost = named(&log, level);
            assert!(lost.contains("put it there"), "{lost}");
            assert!(!lost.contains("Track::from(outbox)"), "{lost}");
        }
        let log = logged(async || {
            nobody.sale(sale()).await.or_warn();
        });
        assert!(named(&log, "WARN").contains("put it there"), "{log}");
    }

    fn logged(run: impl AsyncFnOnce()) -> String {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(run());
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(!log.contains("example.com"), "{log}");
        log
    }

    /// The line of this level, which names the sale.
    fn named<'a>(log: &'a str, level: &str) -> &'a str {
        let line = log.lines().find(|line| line.contains(level));
        let line = line.unwrap_or_else(|| panic!("{log}"));
        assert!(line.contains(r#"invoice="inv_001""#), "{line}");
        line
    }
}
