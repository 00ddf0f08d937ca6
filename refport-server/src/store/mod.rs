//! What the server keeps, in an SQLite file or in Postgres.
//!
//! - `queue`: what waits to be written; `sqlite` and `postgres` each write it, many at once: they
//!   `connect`, `migrate`, `load` the facts of a batch, `apply` its plans, and a `writer` does so;
//! - `pool`: connections for everything else, where one statement serves both databases;
//! - `admin`: what an owner sets up; `query`: what the API shows; `portal`: what a partner sees;
//!   `explain`: why a report paid or did not.

mod admin;
mod cache;
mod decided;
mod explain;
mod pool;
pub(crate) mod portal;
mod postgres;
pub(crate) mod query;
mod queue;
mod retention;
mod rows;
mod sqlite;
mod url;

use std::{sync::Arc, time::Duration};

#[cfg(feature = "bench-internals")]
pub(crate) use self::sqlite::Alone;
pub use self::{
    admin::{Group, NewPartner, NewProgram, Partner, RewardTarget, Setup},
    explain::{Explanation, Question},
};
use self::{cache::Cache, pool::Pool, queue::Queue, retention::Retention, url::Location};
use crate::domain::{Event, NewClick, Outcome, Refusal};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The server's memory. Clones share it.
///
/// Opening makes the tables and brings them up to date. Several processes may have the same database
/// open, so that the command line works beside a running server.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Pool,
    queue: Arc<Queue>,
    cache: Cache,
    retention: Arc<Retention>,
    runtime: OwnRuntime,
}

impl Store {
    /// Opens `sqlite://refport.db` (beside the working directory) or `sqlite:///var/refport.db`,
    /// and makes the file where there is none; or a Postgres database, as in
    /// `postgres://user:password@host/refport`, which must be there. TLS to it follows `sslmode`
    /// (`disable`, `prefer` by default, `require`, `verify-ca`, `verify-full`).
    ///
    /// Blocks for the time of some file operations or answers.
    ///
    /// # Errors
    ///
    /// When the URL is none of a database that is known here, the database cannot be opened, it belongs
    /// to another program or was written by a newer version, or the linked SQLite is older than
    /// 3.51.3 (which can lose committed writes).
    pub fn open(url: &str) -> Result<Self> {
        Self::open_at(Location::parse(url)?, true)
    }

    /// Opens the database only where it is there already.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and when there is no such file.
    pub fn open_existing(url: &str) -> Result<Self> {
        Self::open_at(Location::parse(url)?.existing()?, true)
    }

    /// Opens the database only where its tables are up to date, for a server that shall not change
    /// them.
    ///
    /// # Errors
    ///
    /// As [`open_existing`](Self::open_existing), and when the tables are older.
    pub fn open_migrated(url: &str) -> Result<Self> {
        Self::open_at(Location::parse(url)?.existing()?, false)
    }

    fn open_at(location: Location, migrates: bool) -> Result<Self> {
        let runtime = OwnRuntime::start()?;
        let queue = Arc::new(Queue::default());
        let retention = Arc::default();
        let handle = runtime.get().handle().clone();
        let pool = match location {
            Location::Postgres(options) => {
                let (pool, writer) = wait_for(runtime.get(), postgres::open(*options, migrates))?;
                let (queue, retention) = (Arc::clone(&queue), Arc::clone(&retention));
                postgres::start_writer(writer, queue, retention, &handle);
                Pool::Postgres(pool)
            }
            Location::Sqlite(path) => {
                let path = path.as_path();
                let pool = Pool::sqlite(path, &handle);
                sqlite::start_writer(
                    path,
                    migrates,
                    &pool,
                    Arc::clone(&queue),
                    Arc::clone(&retention),
                    handle,
                )?;
                pool
            }
        };
        Ok(Self(Arc::new(Inner {
            pool,
            queue,
            cache: Cache::default(),
            retention,
            runtime,
        })))
    }

    /// Writes what waits, up to `within`, and takes nothing more. Call it when the server has stopped.
    ///
    /// How many clicks are left then: the sales that name them are right all the same, a chart misses
    /// them.
    pub async fn close(&self, within: Duration) -> usize {
        self.0.queue.close();
        self.flush(within).await
    }

    /// Waits until what was taken so far is written, up to `within`. How many clicks are left then.
    pub async fn flush(&self, within: Duration) -> usize {
        let (_, clicks) = self.0.queue.emptied(within).await;
        clicks
    }

    /// How many reports and clicks wait to be written.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.0.queue.waiting()
    }

    /// How many clicks were not counted, because too many waited to be written.
    #[must_use]
    pub fn dropped_clicks(&self) -> u64 {
        self.0.queue.dropped_clicks()
    }

    /// How often reports were decided anew, because another server had been first. Zero on SQLite.
    #[must_use]
    pub fn retried_conflicts(&self) -> u64 {
        self.0.queue.retried_conflicts()
    }

    /// For how many days reports that were refused are kept, so that `explain` can tell of them.
    /// Default: 90. At most 100,000 are kept in any case.
    pub(crate) fn keep_refusals(&self, days: u32) {
        self.0.retention.set_days(days);
    }

    /// Decides an event and writes what follows from it; answers when it is on the disk.
    pub(crate) async fn record(&self, event: Event) -> Result<Outcome, RecordError> {
        self.0.queue.record(event).await
    }

    /// Takes a click to be written later.
    pub(crate) fn click(&self, click: NewClick) {
        self.0.queue.click(click);
    }

    /// Takes the trace of a report that could not be read, to be written later.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.0.queue.refusal(refusal);
    }

    /// Runs `work` on the store's own runtime: a connection belongs to the runtime that opened it, and
    /// a caller's may end.
    async fn run<T>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
    {
        let task = self.0.runtime.get().spawn(work);
        task.await
            .unwrap_or_else(|panic| Err(Problem::Panicked(panic.to_string()).into()))
    }

    /// Runs `work` and blocks until it has ended.
    fn run_blocking<T>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T>
    where
        T: Send + 'static,
    {
        wait_for(self.0.runtime.get(), work)
    }
}

/// Runs `work` on the runtime, and blocks this thread, which may be another runtime's.
fn wait_for<T>(
    runtime: &tokio::runtime::Runtime,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T>
where
    T: Send + 'static,
{
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        let _ = sender.send(work.await);
    });
    let panicked = || Err(Problem::Panicked("work on the database".to_owned()).into());
    receiver.recv().unwrap_or_else(|_| panicked())
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Where the store's connections live.
#[derive(Debug)]
struct OwnRuntime(Option<tokio::runtime::Runtime>);

impl OwnRuntime {
    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("refport-store")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    const fn get(&self) -> &tokio::runtime::Runtime {
        self.0.as_ref().expect("it is taken in drop only")
    }
}

impl Drop for OwnRuntime {
    /// A runtime may not be waited for on a thread that runs async code.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the database URL {0}, give one like sqlite://refport.db")]
    Url(&'static str),
    #[error("there is no database at {0}, make one with `refport-server init`")]
    Missing(String),
    #[error("SQLite {0} can lose committed writes, 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    #[error("the database was written by a newer version of refport-server (schema {0})")]
    NewerSchema(i64),
    #[error(
        "the tables are of version {0}, this refport-server needs {1}: run `refport-server migrate`"
    )]
    OldSchema(usize, usize),
    #[error("the database belongs to another program: {0}")]
    Foreign(String),
    #[error("the database cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the database cannot be used")]
    Sqlx(#[from] sqlx::Error),
    #[error("the database is busy")]
    Busy,
    #[error("the database did not answer whether it has written")]
    Unanswered,
    #[error("the database's threads cannot be started")]
    Thread(#[from] std::io::Error),
    #[error("work on the database panicked: {0}")]
    Panicked(String),
    #[error("a stored {0} makes no sense")]
    Corrupt(&'static str),
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    /// Something the caller asked for that cannot be, as a sentence for people.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self(Problem::Refused(why.into()))
    }

    /// Whether it may work a moment later.
    pub(crate) fn is_busy(&self) -> bool {
        match &self.0 {
            Problem::Busy | Problem::Sqlx(sqlx::Error::PoolTimedOut) => true,
            // Postgres's lock_timeout.
            Problem::Sqlx(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == "55P03")
            }
            _ => false,
        }
    }
}

impl<E: Into<Problem>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// Its writing could not begin in time. It does not count.
    #[error("the database is busy")]
    Busy,
    /// The database refused it. It does not count.
    #[error("the database failed")]
    Failed,
}
