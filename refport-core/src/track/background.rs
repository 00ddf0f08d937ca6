use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{NothingToReport, Outcome, Reporter};
use crate::{
    Error, Lead, QueueError, Sale,
    client::own_runtime,
    destination::{Patience, Reported, Reporting},
};

/// Reports in the background: a report is taken at once, and sent while nobody waits for it. Between a
/// report that a handler waits for, and an outbox that loses nothing.
///
/// | | a handler waits | what is lost |
/// |---|---|---|
/// | `Track::from(refport)` | for the service, 3 s at most | what fails in that time |
/// | `Track::from(background)` | no | what fails in 30 s, which is in the log, and what is waiting when the process dies |
/// | `Track::from(outbox)`, of `refport-outbox` | for the database | nothing |
///
/// It holds [`capacity`](Self::capacity) reports at most, and refuses what is beyond with
/// [`Error::Queue`]. What fails after all attempts is told of in the log, at `error`. At the end of the
/// program, [`flush`](Self::flush) it.
///
/// ```no_run
/// use std::time::Duration;
/// use refport_core::{Refport, Track, track::Background};
///
/// # async fn serve(track: Track) {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let background = Background::new(Refport::from_env()?);
/// serve(Track::from(background.clone())).await;
/// for lost in background.flush(Duration::from_secs(10)).await {
///     tracing::error!(?lost, "not reported");
/// }
/// # Ok(())
/// # }
/// ```
///
/// Its reports are sent from a thread of this crate's own, so that it does not matter which runtimes end
/// first. Clones share what is waiting.
#[derive(Clone)]
#[must_use]
pub struct Background {
    reporter: Arc<dyn Reporter>,
    capacity: usize,
    concurrency: usize,
    queue: Arc<Queue>,
}

/// A report that did not come through.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unreported {
    /// A sign-up.
    Lead(Lead),
    /// A purchase.
    Sale(Sale),
}

/// What is waiting, and on its way.
struct Queue {
    lanes: Semaphore,
    state: Mutex<State>,
    /// Whether the last of what was waiting has ended, after a flush was begun.
    is_flushed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, Unreported>,
    /// So many of them have failed: they are kept for who flushes.
    failed: usize,
    is_flushing: bool,
}

impl Background {
    const CAPACITY: usize = 1000;
    const CONCURRENCY: usize = 8;

    /// A background that reports to `reporter`: a client, or a service of your own.
    pub fn new(reporter: impl Reporter) -> Self {
        Self {
            reporter: match reporter.patient(Patience::Background) {
                Some(patient) => patient,
                None => Arc::new(reporter),
            },
            capacity: Self::CAPACITY,
            concurrency: Self::CONCURRENCY,
            queue: Queue::new(Self::CONCURRENCY),
        }
    }

    /// How many reports may be waiting or on their way, 1,000 by default. To be set before the first.
    pub const fn capacity(mut self, reports: usize) -> Self {
        self.capacity = reports;
        self
    }

    /// How many reports are on their way at once, 8 by default. To be set before the first.
    pub fn concurrency(mut self, reports: usize) -> Self {
        self.concurrency = reports;
        self.queue = Queue::new(reports);
        self
    }

    /// Waits until all that was reported is sent, `within` at most, and says what was lost: what failed
    /// meanwhile, and what is not answered by then, which may have arrived all the same. From now on
    /// nothing is taken any more.
    pub async fn flush(&self, within: Duration) -> Vec<Unreported> {
        let queue = Arc::clone(&self.queue);
        queue.state().is_flushing = true;
        queue.notice();
        // On the thread where the reports are, whose time is theirs.
        if let Ok(runtime) = own_runtime() {
            let mut is_flushed = queue.is_flushed.subscribe();
            let waiting = async move {
                let flushed = is_flushed.wait_for(|is_flushed| *is_flushed);
                timeout(within, flushed).await.is_ok()
            };
            // What is left is looked at in each case.
            let _ = runtime.spawn(waiting).await;
        }
        let mut state = self.queue.state();
        state.failed = 0;
        mem::take(&mut state.waiting).into_values().collect()
    }

    fn add(&self, report: Unreported) -> Result<Outcome<Reported>, Error> {
        let runtime =
            own_runtime().map_err(|error| Error::Queue(QueueError::unavailable(error)))?;
        let number = self.queue.add(report.clone(), self.capacity)?;
        let (queue, reporter) = (Arc::clone(&self.queue), Arc::clone(&self.reporter));
        runtime.spawn(async move {
            let mut ending = Ending {
                queue,
                number,
                went_well: false,
            };
            let lane = ending.queue.lanes.acquire().await;
            let kind = report.kind();
            let invoice = report.invoice().map(str::to_owned);
            let reported = match report {
                Unreported::Lead(lead) => reporter.lead(lead).await,
                Unreported::Sale(sale) => reporter.sale(sale).await,
            };
            drop(lane);
            match reported {
                Ok(_) => ending.went_well = true,
                Err(error) => tracing::error!(
                    error = &error as &dyn StdError,
                    kind,
                    invoice,
                    "not reported in the background"
                ),
            }
        });
        Ok(Outcome::Queued)
    }
}

impl Reporter for Background {
    fn lead(&self, lead: Lead) -> Reporting<'_> {
        let added = self.add(Unreported::Lead(lead));
        Box::pin(async { added })
    }

    fn sale(&self, sale: Sale) -> Reporting<'_> {
        let added = if sale.is_zero() {
            Ok(Outcome::NothingToReport(NothingToReport::ZeroAmount))
        } else {
            self.add(Unreported::Sale(sale))
        };
        Box::pin(async { added })
    }
}

impl Unreported {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Lead(_) => "lead",
            Self::Sale(_) => "sale",
        }
    }

    fn invoice(&self) -> Option<&str> {
        match self {
            Self::Lead(_) => None,
            Self::Sale(sale) => sale.get_invoice_id(),
        }
    }
}

impl Queue {
    fn new(concurrency: usize) -> Arc<Self> {
        Arc::new(Self {
            lanes: Semaphore::new(concurrency.max(1)),
            state: Mutex::default(),
            is_flushed: watch::Sender::new(false),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, report: Unreported, capacity: usize) -> Result<u64, Error> {
        let mut state = self.state();
        if state.is_flushing {
            let why = "the background was flushed, and takes nothing any more";
            return Err(Error::Queue(QueueError::refused(why)));
        }
        if state.waiting.len() >= capacity {
            let why =
                format!("{capacity} reports are waiting in the background, which is all it takes");
            return Err(Error::Queue(QueueError::unavailable(why)));
        }
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, report);
        Ok(number)
    }

    /// A report has ended. One that failed while somebody flushes is kept for them.
    fn end(&self, number: u64, went_well: bool) {
        let mut state = self.state();
        if went_well || !state.is_flushing {
            state.waiting.remove(&number);
        } else {
            state.failed += 1;
        }
        drop(state);
        self.notice();
    }

    /// Tells who flushes when nothing is on its way any more.
    fn notice(&self) {
        let state = self.state();
        if state.is_flushing && state.waiting.len() <= state.failed {
            self.is_flushed.send_replace(true);
        }
    }
}

/// The end of a report, also of one that panics.
struct Ending {
    queue: Arc<Queue>,
    number: u64,
    went_well: bool,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.queue.end(self.number, self.went_well);
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("capacity", &self.capacity)
            .field("concurrency", &self.concurrency)
            .field("waiting", &self.queue.state().waiting.len())
            .finish_non_exhaustive()
    }
}
