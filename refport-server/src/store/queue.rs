//! What waits to be written. Reports go first; clicks wait behind them, and neither is without bound.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};

use super::RecordError;
use crate::domain::{Event, NewClick, Outcome, Refusal};

/// Reports that wait. More are answered 503 at once.
const MOST_REPORTS: usize = 8192;
/// Clicks that wait, some 10 MB of them. More are counted as dropped: their IDs stand by themselves.
const MOST_CLICKS: usize = 32_768;
/// Reports in one transaction. A commit is one flush of the disk, shared by all of them.
const GROUP: usize = 256;
/// Clicks in one transaction.
const CLICK_GROUP: usize = 1024;
/// How long clicks may wait behind reports before a group of theirs is written all the same.
const CLICK_PATIENCE: Duration = Duration::from_secs(1);
/// How long a report may wait until its writing begins: well under a client's attempt of 10 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The queue of one store. Callers put in, the store's writer takes out.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Notify,
    emptied: Notify,
    dropped_clicks: AtomicU64,
    retried_conflicts: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    reports: VecDeque<Job>,
    clicks: VecDeque<NewClick>,
    clicks_since: Option<Instant>,
    refusals: Vec<Refusal>,
    is_writing: bool,
    /// Clicks in the group that is being written.
    clicks_in_hand: usize,
    is_closed: bool,
}

/// A report that waits, and who waits for its answer.
#[derive(Debug)]
pub(super) struct Job {
    event: Event,
    turn: Arc<Turn>,
    reply: oneshot::Sender<Result<Outcome, RecordError>>,
}

/// Whose turn it is: until its writing begins a report can be taken back, and not after.
#[derive(Debug, Default)]
struct Turn(AtomicU8);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const TAKEN_BACK: u8 = 2;

impl Turn {
    fn begin(&self) -> bool {
        self.change(BEGUN)
    }

    fn take_back(&self) -> bool {
        self.change(TAKEN_BACK)
    }

    fn change(&self, to: u8) -> bool {
        self.0
            .compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn is_waiting(&self) -> bool {
        self.0.load(Ordering::Acquire) == WAITING
    }
}

/// Takes the report back when its caller is gone.
struct Caller(Arc<Turn>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.take_back();
    }
}

/// What a writer takes at once.
#[derive(Debug)]
pub(super) enum Group {
    Reports(Vec<Job>),
    Clicks(Vec<NewClick>),
    Refusals(Vec<Refusal>),
}

impl Queue {
    /// Waits until the report is written, and for its outcome.
    pub(super) async fn record(&self, event: Event) -> Result<Outcome, RecordError> {
        let turn = Arc::new(Turn::default());
        let (reply, mut outcome) = oneshot::channel();
        let caller = Caller(Arc::clone(&turn));
        {
            let mut state = self.lock();
            if state.is_closed || state.reports.len() >= MOST_REPORTS {
                return Err(RecordError::Busy);
            }
            state.reports.push_back(Job { event, turn, reply });
        }
        self.arrived.notify_one();
        let outcome = match timeout(PATIENCE, &mut outcome).await {
            Ok(outcome) => outcome,
            Err(_) if caller.0.take_back() => return Err(RecordError::Busy),
            // It is being written: who gave up now would not know whether it counts.
            Err(_) => outcome.await,
        };
        outcome.unwrap_or(Err(RecordError::Busy))
    }

    /// Takes a click, or counts it as dropped where too many wait.
    pub(super) fn click(&self, click: NewClick) {
        let mut state = self.lock();
        if state.clicks.len() >= MOST_CLICKS || state.is_closed {
            drop(state);
            self.dropped_clicks.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.clicks_since.get_or_insert_with(Instant::now);
        state.clicks.push_back(click);
        drop(state);
        self.arrived.notify_one();
    }

    /// Takes a trace of a report that could not even be read. It is let go where too many wait.
    pub(super) fn refusal(&self, refusal: Refusal) {
        let mut state = self.lock();
        if state.refusals.len() < GROUP && !state.is_closed {
            state.refusals.push(refusal);
            drop(state);
            self.arrived.notify_one();
        }
    }

    pub(super) fn dropped_clicks(&self) -> u64 {
        self.dropped_clicks.load(Ordering::Relaxed)
    }

    /// Counts a group of reports that is decided anew.
    pub(super) fn conflict(&self) {
        self.retried_conflicts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried_conflicts(&self) -> u64 {
        self.retried_conflicts.load(Ordering::Relaxed)
    }

    /// What is to be written next; `None` once the queue is closed and empty.
    pub(super) async fn next(&self) -> Option<Group> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.lock();
                state.is_writing = false;
                state.clicks_in_hand = 0;
                if let Some(group) = state.take() {
                    state.is_writing = true;
                    if let Group::Clicks(clicks) = &group {
                        state.clicks_in_hand = clicks.len();
                    }
                    return Some(group);
                }
                self.emptied.notify_waiters();
                if state.is_closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// Puts clicks back that could not be written; they go first again.
    pub(super) fn put_back(&self, clicks: Vec<NewClick>) {
        let mut state = self.lock();
        state.clicks_in_hand = 0;
        // Reports that come without end would else go before them without end.
        state.clicks_since.get_or_insert_with(Instant::now);
        let room = MOST_CLICKS.saturating_sub(state.clicks.len());
        let kept = clicks.len().min(room);
        let dropped = clicks.len() - kept;
        for click in clicks.into_iter().take(kept).rev() {
            state.clicks.push_front(click);
        }
        drop(state);
        self.dropped_clicks
            .fetch_add(dropped as u64, Ordering::Relaxed);
    }

    /// Takes nothing more. What waits is still written.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Waits until all is written, up to `within`. How many reports and clicks are left then.
    pub(super) async fn emptied(&self, within: Duration) -> (usize, usize) {
        let empty = async {
            loop {
                let emptied = self.emptied.notified();
                tokio::pin!(emptied);
                emptied.as_mut().enable();
                if self.is_empty() {
                    return;
                }
                emptied.await;
            }
        };
        let _ = timeout(within, empty).await;
        let state = self.lock();
        (
            state.reports.len(),
            state.clicks.len() + state.clicks_in_hand,
        )
    }

    fn is_empty(&self) -> bool {
        let state = self.lock();
        state.reports.is_empty()
            && state.clicks.is_empty()
            && state.refusals.is_empty()
            && !state.is_writing
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Group> {
        let overdue = self
            .clicks_since
            .is_some_and(|since| since.elapsed() > CLICK_PATIENCE);
        if !overdue && let Some(reports) = self.take_reports() {
            return Some(reports);
        }
        if !self.clicks.is_empty() {
            let most = self.clicks.len().min(CLICK_GROUP);
            let group = self.clicks.drain(..most).collect();
            self.clicks_since = (!self.clicks.is_empty()).then(Instant::now);
            return Some(Group::Clicks(group));
        }
        self.clicks_since = None;
        if let Some(reports) = self.take_reports() {
            return Some(reports);
        }
        (!self.refusals.is_empty()).then(|| Group::Refusals(std::mem::take(&mut self.refusals)))
    }

    /// Those whose caller is gone are let go here already.
    fn take_reports(&mut self) -> Option<Group> {
        let mut group = Vec::new();
        while group.len() < GROUP
            && let Some(job) = self.reports.pop_front()
        {
            if job.turn.is_waiting() {
                group.push(job);
            }
        }
        (!group.is_empty()).then_some(Group::Reports(group))
    }
}

/// Whether anybody still waits for one of the jobs.
pub(super) fn is_awaited(jobs: &[Job]) -> bool {
    jobs.iter().any(|job| job.turn.is_waiting())
}

/// The reports that are written now, and who waits for each; those whose caller is gone are left out.
pub(super) fn begin(jobs: Vec<Job>) -> Begun {
    let (events, replies) = jobs
        .into_iter()
        .filter(|job| job.turn.begin())
        .map(|job| (job.event, job.reply))
        .unzip();
    Begun { events, replies }
}

/// Reports that are being written.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) events: Vec<Event>,
    replies: Vec<oneshot::Sender<Result<Outcome, RecordError>>>,
}

impl Begun {
    /// Answers each report its own outcome, in their order. Who stopped waiting does not need it: a
    /// repeat will be given it.
    pub(super) fn answer(self, outcomes: Vec<Result<Outcome, RecordError>>) {
        for (reply, outcome) in self.replies.into_iter().zip(outcomes) {
            let _ = reply.send(outcome);
        }
    }
}
