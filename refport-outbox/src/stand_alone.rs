use std::{path::Path, time::Duration};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::{Outbox, StoreError};

impl Outbox {
    /// An outbox in an SQLite file of its own, for applications without a database. Makes the file
    /// where there is none, and the tables in it.
    ///
    /// [`sale`](Self::sale) and [`lead`](Self::lead) return when the event is on the disk: the
    /// file's connections are in WAL mode and wait for the disk at every commit. Several processes
    /// may have the file open.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or made, is no database, or as [`migrate`](Self::migrate).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        // One for those who write, one for the worker, and two for who looks.
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await?;
        let outbox = Self::new(pool);
        outbox.migrate().await?;
        Ok(outbox)
    }
}
