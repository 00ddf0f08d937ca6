//! `Track` over an outbox.

use refport_core::{
    Error, Lead, LeadResponse, QueueError, Sale, SaleResponse, destination::Reported,
    track::Outcome,
};
use refport_outbox::{Connection, Entry, Outbox};

use crate::{Track, track::Way};

impl Track {
    /// Writes a purchase into the transaction of `connection`, `&mut *tx`: it is delivered if and
    /// only if that is committed. Needs an [`Outbox`] in the extensions.
    ///
    /// The outcome is [`Outcome::Queued`], also where the same sale is stored already, by its
    /// invoice ID; or that a free order is nothing to report. Have the response's
    /// [`ClearClickId`](crate::ClearClickId) wait for the commit.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where the service certainly refuses the sale, and [`Error::Queue`] where
    /// it has no invoice ID, contradicts one that is stored, the database does not take it, or
    /// there is no outbox. The source of that is the
    /// [`EnqueueError`](refport_outbox::EnqueueError). Roll the transaction back then, or commit the
    /// order without its sale where [`Error::is_retryable`] is false: with an error of the
    /// database Postgres takes nothing more in it.
    pub async fn sale_in<C: Connection>(
        &self,
        connection: &mut C,
        sale: Sale,
    ) -> Result<Outcome<SaleResponse>, Error> {
        self.enqueue(connection, sale.into()).await
    }

    /// Writes a sign-up into the transaction of `connection`, `&mut *tx`, as
    /// [`sale_in`](Self::sale_in) does a purchase. The same lead is that of the same customer and
    /// event name.
    ///
    /// # Errors
    ///
    /// As [`sale_in`](Self::sale_in).
    pub async fn lead_in<C: Connection>(
        &self,
        connection: &mut C,
        lead: Lead,
    ) -> Result<Outcome<LeadResponse>, Error> {
        self.enqueue(connection, lead.into()).await
    }

    /// Writes an [`Entry`] into the transaction of `connection`, `&mut *tx`: a sale or lead with a
    /// key of your own, or with the clicks of several programs, of which each gets its own.
    ///
    /// ```
    /// use refport_axum::{ClickIds, Entry, Error, Sale, Track, refport_outbox::Connection};
    ///
    /// async fn report(tx: &mut impl Connection, clicks: ClickIds, track: Track) -> Result<(), Error> {
    ///     let sale = Sale::without_click("user_001", 4900).invoice_id("inv_001");
    ///     let outcome = track.report_in(tx, Entry::new(sale).clicks(clicks.into())).await?;
    ///     tracing::debug!(?outcome, "for every program whose click there is");
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sale_in`](Self::sale_in).
    pub async fn report_in<C: Connection>(
        &self,
        connection: &mut C,
        entry: impl Into<Entry>,
    ) -> Result<Outcome<Reported>, Error> {
        self.enqueue(connection, entry.into()).await
    }

    async fn enqueue<C: Connection, T>(
        &self,
        connection: &mut C,
        entry: Entry,
    ) -> Result<Outcome<T>, Error> {
        match &self.0 {
            Way::Outbox(outbox) => Ok(outbox.enqueue(connection, entry).await?.into()),
            Way::Client(_) | Way::Nobody => {
                // The order is placed without its sale, so this must not need a handler that logs.
                tracing::error!("a report was not stored: {NO_OUTBOX}");
                Err(Error::Queue(QueueError::refused(NO_OUTBOX)))
            }
        }
    }
}

const NO_OUTBOX: &str =
    "no outbox stands behind this `Track`: add `.layer(Extension(outbox))` to the router";

/// Stores an event in a transaction of its own.
pub(crate) async fn add<T>(outbox: &Outbox, entry: impl Into<Entry>) -> Result<Outcome<T>, Error> {
    Ok(outbox.add(entry).await?.into())
}

impl From<Outbox> for Track {
    fn from(outbox: Outbox) -> Self {
        Self(Way::Outbox(outbox))
    }
}
