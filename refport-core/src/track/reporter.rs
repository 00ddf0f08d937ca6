use std::{any::Any, sync::Arc};

use super::Outcome;
use crate::{
    Error, Lead, Sale,
    destination::{Destination, Patience, Reported, Reporting},
};

/// What a [`Track`](crate::Track) reports to. The clients are, by being
/// [destinations](crate::destination), and the outbox of `refport-outbox` is. So can be a queue of your
/// own: have it answer [`Outcome::Queued`] once the report is stored for good.
///
/// ```
/// use std::sync::mpsc::{self, Sender};
/// use refport_core::{
///     Error, Lead, QueueError, Sale, Track,
///     destination::Reporting,
///     track::{Outcome, Reporter},
/// };
///
/// struct Queue(Sender<String>);
///
/// impl Queue {
///     fn put(&self, report: String) -> Reporting<'_> {
///         let sent = self.0.send(report);
///         let failed = |error| Error::Queue(QueueError::unavailable(error));
///         Box::pin(async move { sent.map(|()| Outcome::Queued).map_err(failed) })
///     }
/// }
///
/// impl Reporter for Queue {
///     fn lead(&self, lead: Lead) -> Reporting<'_> {
///         self.put(serde_json::to_string(&lead).expect("text keys"))
///     }
///
///     fn sale(&self, sale: Sale) -> Reporting<'_> {
///         self.put(serde_json::to_string(&sale).expect("text keys"))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let (queue, worker) = mpsc::channel();
/// let track = Track::from(Queue(queue));
/// let sale = Sale::without_click("user_001", 4900).currency("eur").invoice_id("inv_001");
/// assert_eq!(track.sale(sale).await?, Outcome::Queued);
/// assert!(worker.recv().unwrap().contains("inv_001"));
/// # Ok(())
/// # }
/// ```
pub trait Reporter: Any + Send + Sync {
    /// The same for callers who wait otherwise than a handler does, where that makes a difference.
    /// `None`, the default, is as it is.
    fn patient(&self, _: Patience) -> Option<Arc<dyn Reporter>> {
        None
    }

    /// Reports a sign-up, or stores it to be reported.
    ///
    /// # Errors
    ///
    /// The call's output tells why the lead is neither reported nor stored.
    fn lead(&self, lead: Lead) -> Reporting<'_>;

    /// Reports a purchase, or stores it to be reported. A sale of nothing is an
    /// [outcome](crate::track::NothingToReport::ZeroAmount), and no error.
    ///
    /// # Errors
    ///
    /// The call's output tells why the sale is neither reported nor stored.
    fn sale(&self, sale: Sale) -> Reporting<'_>;
}

impl<D: Destination + 'static> Reporter for D {
    fn patient(&self, patience: Patience) -> Option<Arc<dyn Reporter>> {
        let patient: Box<dyn Destination> = Destination::patient(self, patience)?;
        Some(Arc::new(patient))
    }

    fn lead(&self, lead: Lead) -> Reporting<'_> {
        self.report_lead(lead)
    }

    fn sale(&self, sale: Sale) -> Reporting<'_> {
        self.report_sale(sale)
    }
}

/// A database connection in whose transaction the queue `Q` stores reports, so that the order and its
/// report are committed together: what [`Track::sale_in`](crate::Track::sale_in) takes.
///
/// `refport-outbox` implements it for the connections of sqlx, with its `Outbox` as the queue.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection that a report can be stored on",
    label = "not the connection of a transaction",
    note = "pass `&mut *tx`, where `tx` is a transaction of the sqlx that `refport-outbox` exports \
            (`refport_outbox::sqlx`, 0.9), on a database whose feature is on (`sqlite`, `postgres`; in an \
            adapter `outbox`, `outbox-postgres`)"
)]
pub trait Transaction<Q: Reporter>: Send {
    /// What the queue stores: a lead or a sale, with what the queue may want to know beside it.
    type Entry: From<Lead> + From<Sale> + Send;

    /// Stores `entry` in the transaction that is open here.
    ///
    /// # Errors
    ///
    /// The call's output tells why it is not stored.
    fn report(
        &mut self,
        queue: &Q,
        entry: Self::Entry,
    ) -> impl Future<Output = Result<Outcome<Reported>, Error>> + Send;
}
