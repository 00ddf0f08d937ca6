use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::{runtime::Handle, sync::MutexGuard};

use super::{apply, load};
use crate::{
    domain::{Event, NewClick, Outcome, Refusal},
    store::{
        Problem, RecordError, Result, StoreError,
        decided::decide_all,
        pool::Gate,
        queue::{self, Begun, Group, Job, Queue},
        retention::{Retention, not_purged},
    },
};

/// How long a clicks' group waits after a failure: they can wait, their IDs stand by themselves.
const CLICK_RETRY: Duration = Duration::from_millis(500);
/// How long a closed store goes on trying to write clicks.
const LAST_TRY: Duration = Duration::from_secs(10);
/// How often old refused reports are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(60 * 60);

/// The one thread that writes events: what arrives while it commits goes into its next transaction.
pub(super) struct Writer {
    connection: Connection,
    links: load::Links,
    gate: Gate,
    queue: Arc<Queue>,
    retention: Arc<Retention>,
    runtime: Handle,
    purged_at: Option<Instant>,
}

type Outcomes = Vec<Result<Outcome, RecordError>>;

impl Writer {
    pub(super) fn new(
        connection: Connection,
        gate: Gate,
        queue: Arc<Queue>,
        retention: Arc<Retention>,
        runtime: Handle,
    ) -> Self {
        Self {
            connection,
            links: load::Links::default(),
            gate,
            queue,
            retention,
            runtime,
            purged_at: None,
        }
    }

    /// Ends when the queue is closed and empty.
    pub(super) fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(group) = self.runtime.block_on(queue.next()) {
            match group {
                Group::Reports(jobs) => self.write_reports(jobs),
                Group::Clicks(clicks) => self.write_clicks(clicks),
                Group::Refusals(refusals) => self.write_refusals(&refusals),
            }
            self.purge();
        }
    }

    fn write_reports(&mut self, jobs: Vec<Job>) {
        let gate = Arc::clone(&self.gate);
        let Some(_turn) = turn(&gate, || queue::is_awaited(&jobs)) else {
            return;
        };
        let Some((begun, written)) = self.write_together(jobs) else {
            return;
        };
        let outcomes = match written {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if begun.events.len() == 1 => failed(&error, 1),
            // One of them is at fault; the others shall not suffer for it.
            Err(_) => self.write_singly(&begun.events),
        };
        begun.answer(outcomes);
    }

    /// `None` where nobody waited any more when the lock was free.
    fn write_together(&mut self, jobs: Vec<Job>) -> Option<(Begun, Result<Vec<Outcome>>)> {
        match begin(&mut self.connection, || queue::is_awaited(&jobs)) {
            Ok(Some(transaction)) => {
                let begun = queue::begin(jobs);
                let links = &mut self.links;
                let written = guarded(|| write_all(transaction, links, &begun.events));
                Some((begun, written))
            }
            Ok(None) => None,
            Err(error) => Some((queue::begin(jobs), Err(error))),
        }
    }

    fn write_singly(&mut self, events: &[Event]) -> Outcomes {
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            let written = guarded(|| {
                let transaction = begin(&mut self.connection, || true)?;
                let transaction = transaction.ok_or(Problem::Busy)?;
                write_all(transaction, &mut self.links, std::slice::from_ref(event))
            });
            match written {
                Ok(written) => outcomes.extend(written.into_iter().map(Ok)),
                Err(error) => outcomes.extend(failed(&error, 1)),
            }
        }
        outcomes
    }

    /// Clicks that cannot be written wait; nobody waits for them.
    fn write_clicks(&mut self, clicks: Vec<NewClick>) {
        let written = self.write_when_free(|transaction| apply::apply_clicks(transaction, &clicks));
        let error = match written {
            Ok(true) => return,
            Ok(false) => return self.queue.put_back(clicks),
            Err(error) => error,
        };
        if is_transient(&error) {
            self.queue.put_back(clicks);
            if !self.queue.is_closed() {
                sleep(CLICK_RETRY);
            }
            return;
        }
        tracing::error!(
            error = &error as &dyn std::error::Error,
            clicks = clicks.len(),
            "clicks not counted; sales that name them are right all the same"
        );
    }

    fn write_refusals(&mut self, refusals: &[Refusal]) {
        let written =
            self.write_when_free(|transaction| apply::apply_refusals(transaction, refusals));
        if let Err(error) = written {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                refusals = refusals.len(),
                "the trace of refused reports was not kept"
            );
        }
    }

    /// Whether it could be written before reports arrived, or within the time of a closed store.
    fn write_when_free(&mut self, write: impl FnOnce(&Connection) -> Result<()>) -> Result<bool> {
        let until = Instant::now()
            + if self.queue.is_closed() {
                LAST_TRY
            } else {
                CLICK_RETRY
            };
        let go_on = || Instant::now() < until;
        let gate = Arc::clone(&self.gate);
        let Some(_turn) = turn(&gate, go_on) else {
            return Ok(false);
        };
        guarded(|| {
            let Some(transaction) = begin(&mut self.connection, go_on)? else {
                return Ok(false);
            };
            write(&transaction)?;
            transaction.commit()?;
            Ok(true)
        })
    }

    fn purge(&mut self) {
        if self.purged_at.is_some_and(|at| at.elapsed() < PURGE_EVERY) {
            return;
        }
        let before = self.retention.before();
        let mut more = false;
        let purged = self.write_when_free(|transaction| {
            more = apply::purge_refusals(transaction, before)?;
            Ok(())
        });
        match purged {
            Ok(_) if more => return,
            Ok(_) => {}
            Err(error) => not_purged(&error),
        }
        self.purged_at = Some(Instant::now());
    }
}

/// This process's turn to write, as long as `go_on` says that it is worth waiting for.
fn turn(gate: &Gate, go_on: impl Fn() -> bool) -> Option<MutexGuard<'_, ()>> {
    loop {
        if let Ok(turn) = gate.try_lock() {
            return Some(turn);
        }
        if !go_on() {
            return None;
        }
        sleep(Duration::from_micros(200));
    }
}

/// Takes the write lock, which another process may have for long, as long as `go_on` says that it is
/// worth waiting for.
fn begin(connection: &mut Connection, go_on: impl Fn() -> bool) -> Result<Option<Transaction<'_>>> {
    let mut wait = Duration::from_micros(500);
    loop {
        // A transaction that is not begun borrows nothing; the borrow checker cannot see that.
        match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Ok(transaction) => return Ok(Some(transaction)),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                if !go_on() {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error.into()),
        }
        sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(5));
    }
}

/// What a server without a queue would have: a connection whose caller writes one event and waits for
/// its commit.
#[cfg(feature = "bench-internals")]
pub(crate) struct Alone {
    connection: Connection,
    links: load::Links,
}

#[cfg(feature = "bench-internals")]
impl Alone {
    /// To a file whose tables are there.
    pub(crate) fn open(path: &std::path::Path) -> Result<Self> {
        let connection = super::connect::connect(path)?;
        super::connect::configure(&connection)?;
        Ok(Self {
            connection,
            links: load::Links::default(),
        })
    }

    pub(crate) fn record(&mut self, event: &Event) -> Result<Outcome> {
        let transaction = begin(&mut self.connection, || true)?.ok_or(Problem::Busy)?;
        let events = std::slice::from_ref(event);
        let outcomes = write_all(transaction, &mut self.links, events)?;
        outcomes.into_iter().next().ok_or(Problem::Busy.into())
    }
}

fn write_all(
    transaction: Transaction<'_>,
    links: &mut load::Links,
    events: &[Event],
) -> Result<Vec<Outcome>> {
    let mut facts = load::load(&transaction, links, events)?;
    let (rows, outcomes) = decide_all(&mut facts, events);
    if !rows.is_empty() {
        apply::apply(&transaction, &rows)?;
    }
    transaction.commit()?;
    Ok(outcomes)
}

/// A panic is our mistake; it fails this group, and the thread goes on.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = || Problem::Panicked("the writer".to_owned());
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked().into()))
}

fn failed(error: &StoreError, reports: usize) -> Outcomes {
    tracing::error!(
        error = error as &dyn std::error::Error,
        reports,
        "reports not written"
    );
    (0..reports).map(|_| Err(RecordError::Failed)).collect()
}

/// Whether the same rows may be taken a moment later: the disk was full, the lock was held.
fn is_transient(error: &StoreError) -> bool {
    match &error.0 {
        Problem::Busy => true,
        Problem::Sqlite(error) => matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::OutOfMemory
            )
        ),
        _ => false,
    }
}
