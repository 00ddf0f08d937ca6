use std::{any::Any, fmt, sync::Arc};

use super::{Outcome, Reporter, Transaction};
use crate::{Error, Lead, QueueError, Sale, destination::Reported};

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
pub struct Track(Way);

#[derive(Clone)]
enum Way {
    To(Arc<dyn Reporter>),
    /// There is nobody. The text says what to do about it.
    NotSetUp(&'static str),
}

impl Track {
    /// A `Track` without anybody behind it: each call answers [`Error::NotSetUp`] with this text, which
    /// should say what is to be added where. For adapters to other frameworks.
    #[must_use]
    pub const fn not_set_up(add: &'static str) -> Self {
        Self(Way::NotSetUp(add))
    }

    /// What it was made from, where that is an `R`.
    #[must_use]
    pub fn reporter<R: Reporter>(&self) -> Option<&R> {
        match &self.0 {
            Way::To(reporter) => {
                let reporter: &dyn Any = &**reporter;
                reporter.downcast_ref()
            }
            Way::NotSetUp(_) => None,
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
        let way = self.0.clone();
        async move { way.reporter()?.lead(lead).await }
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
    /// nobody behind it, [`Error::NotSetUp`]. The order stands in each case:
    /// [`OrWarn`](super::OrWarn) does what is left to do.
    pub fn sale(
        &self,
        sale: Sale,
    ) -> impl Future<Output = Result<Outcome<Reported>, Error>> + Send + use<> {
        let way = self.0.clone();
        async move { way.reporter()?.sale(sale).await }
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
    /// has no invoice ID, contradicts one that is stored, the database does not take it, or there is no
    /// outbox. Only where the database failed is the order lost with its sale, as Postgres takes nothing
    /// more in such a transaction; all else leaves it as it was:
    /// [`or_roll_back`](super::OrWarn::or_roll_back) tells the two apart.
    pub async fn sale_in<Q: Reporter, C: Transaction<Q>>(
        &self,
        connection: &mut C,
        sale: Sale,
    ) -> Result<Outcome<Reported>, Error> {
        self.report_in(connection, C::Entry::from(sale)).await
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
        self.report_in(connection, C::Entry::from(lead)).await
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
        const NO_OUTBOX: &str =
            "no outbox stands behind this `Track`: make it by `Track::from(outbox)`";
        match self.reporter::<Q>() {
            Some(queue) => connection.report(queue, entry.into()).await,
            None => {
                // The order is placed without its sale, so this must not need a handler that logs.
                tracing::error!("a report was not stored: {NO_OUTBOX}");
                Err(Error::Queue(QueueError::refused(NO_OUTBOX)))
            }
        }
    }
}

impl Way {
    fn reporter(&self) -> Result<&dyn Reporter, Error> {
        match self {
            Self::To(reporter) => Ok(&**reporter),
            Self::NotSetUp(add) => Err(Error::NotSetUp(add)),
        }
    }
}

impl<R: Reporter> From<R> for Track {
    fn from(reporter: R) -> Self {
        Self(Way::To(Arc::new(reporter)))
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_tuple("Track");
        match &self.0 {
            Way::To(_) => debug.finish_non_exhaustive(),
            Way::NotSetUp(add) => debug.field(add).finish(),
        }
    }
}
