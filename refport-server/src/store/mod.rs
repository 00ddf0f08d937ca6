//! What the server keeps, in an SQLite file.
//!
//! - `writer`: one thread that writes events, many in one transaction;
//! - `event`, `attribute`: what is written and the eight steps of it;
//! - `setup`: workspace, program, partners, rewards, keys;
//! - `read`: what the API shows; `portal`: what the portal shows, and its tokens.

mod attribute;
pub(crate) mod event;
mod pool;
pub(crate) mod portal;
pub(crate) mod read;
mod setup;
mod writer;

use std::sync::Arc;

use rusqlite::Connection;

pub use self::setup::{Group, NewPartner, Partner, RewardTarget, Setup};
use self::{
    event::{Event, Recorded},
    pool::{Location, Pool},
    writer::Writer,
};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The server's memory. Clones share it.
///
/// Opening makes the file and brings its tables up to date. Several processes may have the same
/// file open, so that the command line works beside a running server.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Arc<Pool>,
    writer: Writer,
}

impl Store {
    /// Opens `sqlite://refport.db` (beside the working directory) or `sqlite:///var/refport.db`,
    /// and makes the file where there is none.
    ///
    /// Blocks for the time of some file operations.
    ///
    /// # Errors
    ///
    /// When the URL is none of SQLite's, the file cannot be opened or is no database, it was
    /// written by a newer version, or the linked SQLite is older than 3.51.3 (which can lose
    /// committed writes).
    pub fn open(url: &str) -> Result<Self> {
        Self::open_at(Location::parse(url)?)
    }

    /// Opens the file only where it is there already.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and when there is no such file.
    pub fn open_existing(url: &str) -> Result<Self> {
        Self::open_at(Location::parse(url)?.existing()?)
    }

    fn open_at(location: Location) -> Result<Self> {
        let pool = Arc::new(Pool::open(location)?);
        let writer = Writer::start(pool.connect()?)?;
        Ok(Self { pool, writer })
    }

    /// Writes a batch of events in one transaction and answers each its own outcome, in their
    /// order. One that is refused or fails leaves nothing behind and does not touch the others.
    pub(crate) async fn write(&self, batch: Vec<Event>) -> Vec<Result<Recorded, WriteError>> {
        self.writer.write(batch).await
    }

    /// Writes a single event.
    pub(crate) async fn write_one(&self, event: Event) -> Result<Recorded, WriteError> {
        self.write(vec![event])
            .await
            .pop()
            .expect("one outcome for one event")
    }

    /// Runs `work` on a connection, off the async threads.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    {
        let pool = Arc::clone(&self.pool);
        tokio::task::spawn_blocking(move || pool.with(work))
            .await
            .unwrap_or_else(|panic| Err(StoreError(Problem::Panicked(panic.to_string()))))
    }

    /// Runs `work` on a connection, here and now.
    fn run_blocking<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        self.pool.with(work)
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
    #[error("the database cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the database's writer cannot be started")]
    Thread(#[from] std::io::Error),
    #[error("the database's writer has stopped")]
    Stopped,
    #[error("work on the database panicked: {0}")]
    Panicked(String),
    #[error("a stored answer cannot be read")]
    Answer(#[from] serde_json::Error),
    #[error("a stored {0} makes no sense")]
    Corrupt(&'static str),
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    /// Something the caller asked for that cannot be, as a sentence for people.
    fn refused(why: impl Into<String>) -> Self {
        Self(Problem::Refused(why.into()))
    }
}

impl<E: Into<Problem>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Why an event was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The click is unknown, expired or nobody's, and the customer is not attributed yet.
    #[error("the click cannot be attributed")]
    InvalidClick,
    #[error(transparent)]
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}
