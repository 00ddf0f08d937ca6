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
        // One for those who write, one for the worker, and two for who looks.
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options(path.as_ref()))
            .await?;
        let outbox = Self::new(pool);
        outbox.migrate().await?;
        Ok(outbox)
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::*;

    #[tokio::test]
    async fn the_files_connections_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outbox.db");
        let mut connection = options(&file).connect().await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        const FULL: i64 = 2;
        assert_eq!((journal.as_str(), synchronous), ("wal", FULL));
    }
}
