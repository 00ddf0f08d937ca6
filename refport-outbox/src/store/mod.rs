//! The tables, behind one trait for both databases.

mod connection;
mod migrate;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{
    collections::HashSet,
    fmt,
    future::{Future, pending},
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::{JoinError, spawn_blocking},
    time::timeout,
};

pub use self::connection::Connection;
pub(crate) use self::connection::sealed;
use crate::{
    EnqueueError, Enqueued, Event, ParsePayloadError, StoreError,
    enqueue::{Name, Prepared},
    look::{Count, DeadLetter, Page, PausedDestination, Selection},
};

/// A pool of connections to the database that holds the outbox's tables.
///
/// Made `From` a pool of sqlx's. Clones share it.
#[derive(Clone)]
#[must_use]
pub struct Store(Arc<dyn Backend>);

impl Store {
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0
    }
}

#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for Store {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self(Arc::new(sqlite::Sqlite::new(pool)))
    }
}

#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for Store {
    fn from(pool: sqlx::PgPool) -> Self {
        Self(Arc::new(postgres::Postgres::new(pool)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.0.name())
    }
}

/// The database's work on its way.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What one database does its own way. Times are milliseconds since 1970.
pub(crate) trait Backend: Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// Makes the tables, or brings them up to date.
    fn migrate(&self) -> Work<'_, ()>;

    /// Fails where the tables are missing.
    fn check(&self) -> Work<'_, ()>;

    /// Writes one event in a transaction of its own, or together with others.
    fn add(&self, entry: Prepared) -> Work<'_, Result<Enqueued, EnqueueError>>;

    /// Marks what is settled and claims what is due, in one transaction.
    fn turn<'a>(&'a self, turn: &'a Turn<'a>) -> Work<'a, Turned>;

    /// Gives back what is kept for the next turn: there is none for now.
    fn rest(&self) {}

    /// Resolves when the application closes the pool, so that it need not wait for what is kept.
    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }

    /// Takes over what was claimed under leases that are over. As [`Turned::claimed`].
    fn take_over<'a>(&'a self, claim: Claim<'a>) -> Work<'a, Vec<Claimed>>;

    /// Pulls back what lies so far in the future that only a clock's jump explains it: what waits
    /// beyond `horizon`, and leases beyond `longest_lease`.
    fn heal<'a>(
        &'a self,
        destination: &'a str,
        now: i64,
        horizon: i64,
        longest_lease: i64,
    ) -> Work<'a, u64>;

    /// Waits for the database's own hint that something was enqueued; forever where it has none.
    fn hint(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Writes that a destination is paused, or is not any more.
    fn set_pause<'a>(
        &'a self,
        destination: &'a str,
        pause: Option<&'a PausedDestination>,
    ) -> Work<'a, ()>;

    /// Lets each event of the destination that waits for its time be due.
    fn make_due<'a>(&'a self, destination: &'a str, now: i64) -> Work<'a, ()>;

    fn pauses(&self) -> Work<'_, Vec<PausedDestination>>;

    fn counts(&self) -> Work<'_, Vec<Count>>;

    fn dead_letters<'a>(&'a self, page: &'a Page) -> Work<'a, Vec<DeadLetter>>;

    fn dead_letter(&self, id: i64) -> Work<'_, Option<DeadLetter>>;

    fn replay<'a>(&'a self, selection: &'a Selection, now: i64) -> Work<'a, u64>;

    /// Deletes up to `limit` delivered rows that were settled before `before`.
    fn purge(&self, before: i64, limit: i64) -> Work<'_, u64>;
}

/// A row to be written.
#[expect(unnameable_types, reason = "only the sealed `Connection` speaks of it")]
#[derive(Debug)]
pub struct NewRow {
    pub(crate) key: String,
    pub(crate) destination: Name,
    pub(crate) payload: String,
    pub(crate) created_at: i64,
    /// What the payload says.
    pub(crate) event: Event,
}

/// Which rows are among those that were written, of which each is there once.
fn fresh<R>(
    rows: &[&NewRow],
    written: &[R],
    key: impl Fn(&R) -> Result<(String, String), StoreError>,
) -> Result<Vec<bool>, StoreError> {
    let mut written: HashSet<_> = written.iter().map(key).collect::<Result<_, _>>()?;
    Ok(rows
        .iter()
        .map(|row| written.remove(&(row.key.clone(), row.destination.to_string())))
        .collect())
}

/// What a worker asks for in one transaction.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) settles: &'a [Settle],
    pub(crate) claim: Claim<'a>,
}

/// How much is claimed, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) destination: &'a str,
    pub(crate) limit: usize,
    pub(crate) now: i64,
    pub(crate) lease_until: i64,
    pub(crate) order: Order,
}

/// What is claimed first of what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// What has been due for long.
    Due,
    /// What never failed: what did, after it.
    Healthy,
    /// The sales of an invoice, which count once, and of them what never failed: to see with one whether a
    /// destination is well again.
    Probe,
}

#[derive(Debug, Default)]
pub(crate) struct Turned {
    /// How many of the settled rows were marked: of the others, the lease was gone.
    pub(crate) marked: u64,
    pub(crate) claimed: Vec<Claimed>,
}

/// A row under a lease.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) id: i64,
    pub(crate) fence: Fence,
    pub(crate) event: Result<Event, ParsePayloadError>,
    /// With the one that this lease is for.
    pub(crate) attempts: i64,
    pub(crate) due_at: i64,
    /// When it was enqueued.
    pub(crate) created_at: i64,
    /// Whether another held it whose lease ran out, so that it may have been sent.
    pub(crate) taken_over: bool,
}

/// What tells whose lease a row is under: it changes with each lease, and who holds an older one can
/// mark nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Kept in the row.
    Row(i64),
    /// The number of a lease on many rows.
    #[cfg(feature = "sqlite")]
    Lease(i64),
}

impl Fence {
    /// The number in the row, where it is there.
    const fn row(self) -> Option<i64> {
        match self {
            Self::Row(fence) => Some(fence),
            #[cfg(feature = "sqlite")]
            Self::Lease(_) => None,
        }
    }
}

/// The event of a row. A driver that is not ours may have written anything.
fn event(payload: &[u8]) -> Result<Event, ParsePayloadError> {
    let payload = std::str::from_utf8(payload).map_err(|_| ParsePayloadError::Json)?;
    Event::from_payload(payload)
}

/// Reads the events of so many rows, in the order in which they are due. Many of them are read on a
/// thread for it, so that deliveries go on meanwhile; where none is free, at once, for they are leased.
async fn read_all(
    rows: usize,
    read: impl FnOnce() -> Result<Vec<Claimed>, StoreError> + Send + 'static,
) -> Result<Vec<Claimed>, StoreError> {
    const MANY: usize = 64;
    const SOON: Duration = Duration::from_millis(5);
    let read = || {
        let mut claimed = read()?;
        claimed.sort_unstable_by_key(|row| (row.due_at, row.id));
        Ok(claimed)
    };
    if rows < MANY {
        return read();
    }
    let read = Arc::new(Mutex::new(Some(read)));
    let take = |read: &Mutex<Option<_>>| read.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut reading = spawn_blocking({
        let read = Arc::clone(&read);
        move || take(&read).map(|read| read())
    });
    let read = match timeout(SOON, &mut reading).await {
        Err(_) => match take(&read) {
            Some(read) => return read(),
            None => reading.await,
        },
        Ok(read) => read,
    };
    match read.map_err(JoinError::try_into_panic) {
        Ok(Some(claimed)) => claimed,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime shuts down, and with it whoever waits here.
        Ok(None) | Err(Err(_)) => pending().await,
    }
}

/// What becomes of a row whose lease is held.
#[derive(Clone, Debug)]
pub(crate) struct Settle {
    pub(crate) id: i64,
    pub(crate) fence: Fence,
    pub(crate) mark: Mark,
}

#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// Done; with a word on it where it was not simply accepted.
    Delivered(Option<&'static str>),
    /// To be tried again from `due_at` on. What does not count gives its attempt back.
    Waiting {
        due_at: i64,
        counts: bool,
        failure: Option<Failure>,
    },
    /// Never to be tried again by itself.
    Dead(Failure),
}

impl Mark {
    pub(crate) const fn state(&self) -> i64 {
        match self {
            Self::Waiting { .. } => 0,
            Self::Delivered(_) => 2,
            Self::Dead(_) => 3,
        }
    }

    pub(crate) const fn due_at(&self) -> Option<i64> {
        match self {
            Self::Waiting { due_at, .. } => Some(*due_at),
            _ => None,
        }
    }

    /// By how much the attempts change.
    pub(crate) const fn attempts(&self) -> i64 {
        match self {
            Self::Waiting { counts: false, .. } => -1,
            _ => 0,
        }
    }

    pub(crate) const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Waiting { failure, .. } => failure.as_ref(),
            Self::Dead(failure) => Some(failure),
            Self::Delivered(_) => None,
        }
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Delivered(note) => *note,
            _ => self.failure().map(|failure| failure.reason),
        }
    }
}

/// Why an attempt failed, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}
