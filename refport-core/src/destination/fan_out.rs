use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use tokio::time::timeout;

use super::{Destination, Reported, Reporting};
use crate::{
    ClickId, ClickIds, Error, Lead, Sale, TransportError,
    track::{NothingToReport, Outcome},
};

/// One report to several destinations, each with its own click ID, and their outcomes side by
/// side.
///
/// - **A destination gets the click under its own [cookie name](Destination::cookie_name), or
///   none.** The click that the lead or sale itself carries is not sent to any: it does not say
///   whose it is. One that [needs a click](Destination::needs_click) and has none is not asked, and
///   its outcome is [`NothingToReport::NoClick`]: a visitor comes through one program as a rule.
/// - **All are called at once, and none waits for another or fails with it.** One that panics or
///   takes too long ([`timeout`](Self::timeout)) gives an error of its own. The answer comes with
///   the last of them, so a checkout waits as long as for the slowest alone.
/// - Dropping the call drops what is not finished; a client of this crate finishes what it has begun.
///
/// Clones share the destinations and cost a reference count. The [module](super) has an example.
#[derive(Clone)]
#[must_use]
pub struct FanOut {
    destinations: Arc<Vec<Arc<dyn Destination>>>,
    timeout: Duration,
}

impl FanOut {
    const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

    /// A report to nobody yet.
    pub fn new() -> Self {
        Self {
            destinations: Arc::default(),
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Adds a destination. Its name should be its own, as outcomes are told apart by it.
    pub fn to(mut self, destination: impl Destination + 'static) -> Self {
        Arc::make_mut(&mut self.destinations).push(Arc::new(destination));
        self
    }

    /// How long any one destination may take: 3 s by default, as the clients of this crate have
    /// for a whole call. The shorter of the two counts.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The destinations, in the order in which they were added.
    pub fn destinations(&self) -> impl Iterator<Item = &Arc<dyn Destination>> {
        self.destinations.iter()
    }

    /// Reports a sign-up to all, with the click of each from `clicks`. The outcomes are in the
    /// order in which the destinations were added.
    pub async fn report_lead(&self, lead: Lead, clicks: &ClickIds) -> Vec<Report> {
        self.report(clicks, |to, click_id| {
            to.report_lead(lead.clone().click_id(click_id))
        })
        .await
    }

    /// Reports a purchase to all, with the click of each from `clicks`. The outcomes are in the
    /// order in which the destinations were added.
    pub async fn report_sale(&self, sale: Sale, clicks: &ClickIds) -> Vec<Report> {
        let invoice = sale.get_invoice_id();
        let reports = self.report(clicks, |to, click_id| {
            to.report_sale(sale.clone().click_id(click_id))
        });
        let named = |report: Report| Report {
            outcome: report.outcome.map_err(|error| error.of_invoice(invoice)),
            ..report
        };
        reports.await.into_iter().map(named).collect()
    }

    async fn report<F>(&self, clicks: &ClickIds, call: F) -> Vec<Report>
    where
        F: for<'a> Fn(&'a dyn Destination, Option<ClickId>) -> Reporting<'a> + Sync,
    {
        let call = &call;
        let reports = self.destinations.iter().map(|to| {
            let to = &**to;
            let click_id = own_click(to, clicks);
            async move {
                let outcome = if click_id.is_none() && to.needs_click() {
                    Ok(Outcome::NothingToReport(NothingToReport::NoClick))
                } else {
                    // Also what panics before it gives a future.
                    self.alone(async { call(to, click_id).await }).await
                };
                Report {
                    destination: to.name().to_owned(),
                    outcome,
                }
            }
        });
        join_all(reports).await
    }

    /// The outcome of one call, whose delay and panic stay its own.
    async fn alone(
        &self,
        call: impl Future<Output = Result<Outcome<Reported>, Error>>,
    ) -> Result<Outcome<Reported>, Error> {
        match timeout(self.timeout, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::Transport(TransportError::broken(
                "the destination panicked",
            ))),
            Err(_) => Err(Error::Transport(TransportError::timeout())),
        }
    }
}

impl Default for FanOut {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.destinations().map(|to| to.name()).collect();
        f.debug_struct("FanOut")
            .field("destinations", &names)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// The click of one program, and of no other.
fn own_click(to: &dyn Destination, clicks: &ClickIds) -> Option<ClickId> {
    let name = to.cookie_name();
    if clicks.is_withheld(&name) {
        return None;
    }
    clicks.get(&name).cloned()
}

/// What became of a report to one of several destinations.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The destination's [name](Destination::name).
    pub destination: String,
    /// Its own outcome, as if it had been called alone.
    pub outcome: Result<Outcome<Reported>, Error>,
}
