//! Connections for everything but the writing of events. A statement stands once for both databases:
//! its parameters are `$1`, `$2`, … in the order in which they first appear.

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::PgRow,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard},
    time::{Instant, sleep},
};

use super::{Problem, Result};

/// So many statements run at once beside the writer.
const CONNECTIONS: u32 = 4;
/// How long one waits for a connection. Then the caller is told that the database is busy.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How long a change waits for another process that writes: the command line is run by people.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) enum Pool {
    Sqlite {
        /// Reads, which wait for nobody but a recovery.
        pool: SqlitePool,
        /// Changes, one at a time.
        changes: SqlitePool,
        gate: Gate,
    },
    Postgres(PgPool),
}

/// SQLite has one writer at a time. Who writes in this process takes turns here, first come, first
/// served; the database itself would let the busiest go first.
pub(super) type Gate = Arc<Mutex<()>>;

/// A value for a statement.
#[derive(Clone, Debug)]
pub(super) enum Arg {
    Text(Option<String>),
    Integer(Option<i64>),
    Bytes(Vec<u8>),
}

macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::pool::Arg::from($value)),*] };
}
pub(super) use args;

/// What one row of either database is read into.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{}

macro_rules! query {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text),
                Arg::Integer(number) => query.bind(number),
                Arg::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

impl Pool {
    /// `runtime` is where the connections live.
    pub(super) fn sqlite(path: &Path, runtime: &Handle) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let _inside = runtime.enter();
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options.clone());
        let changes = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WRITE_PATIENCE)
            .connect_lazy_with(options.busy_timeout(Duration::ZERO));
        let gate = Arc::default();
        Self::Sqlite {
            pool,
            changes,
            gate,
        }
    }

    pub(super) async fn fetch_all<T: Row>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Vec<T>> {
        Ok(match self {
            Self::Sqlite { pool, .. } => {
                query!(sqlx::query_as::<_, T>(sql), args)
                    .fetch_all(pool)
                    .await?
            }
            Self::Postgres(pool) => {
                query!(sqlx::query_as::<_, T>(sql), args)
                    .fetch_all(pool)
                    .await?
            }
        })
    }

    pub(super) async fn fetch_optional<T: Row>(
        &self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Option<T>> {
        Ok(match self {
            Self::Sqlite { pool, .. } => {
                query!(sqlx::query_as::<_, T>(sql), args)
                    .fetch_optional(pool)
                    .await?
            }
            Self::Postgres(pool) => {
                query!(sqlx::query_as::<_, T>(sql), args)
                    .fetch_optional(pool)
                    .await?
            }
        })
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self) -> Result<Tx> {
        match self {
            Self::Sqlite { changes, gate, .. } => {
                let turn = Arc::clone(gate).lock_owned().await;
                Ok(Tx::Sqlite(begin_immediate(changes).await?, turn))
            }
            Self::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }
}

/// Takes the write lock at once. Another process may have it: SQLite's own wait grows to a tenth of a
/// second, and then a busy server never lets anybody in; this one is short.
async fn begin_immediate(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    let deadline = Instant::now() + WRITE_PATIENCE;
    loop {
        match pool.begin_with("BEGIN IMMEDIATE").await {
            Err(error) if is_locked(&error) => {
                if Instant::now() >= deadline {
                    return Err(Problem::Busy.into());
                }
            }
            other => return Ok(other?),
        }
        let wait = rand::random_range(500..2_000);
        sleep(Duration::from_micros(wait)).await;
    }
}

fn is_locked(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY, and its extended codes for a snapshot and for recovery.
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

/// A transaction. Dropped without [`commit`](Self::commit), it leaves nothing behind.
#[derive(Debug)]
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>, OwnedMutexGuard<()>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// How many rows it touched.
    pub(super) async fn execute(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64> {
        Ok(match self {
            Self::Sqlite(tx, _) => query!(sqlx::query(sql), args)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
            Self::Postgres(tx) => query!(sqlx::query(sql), args)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }

    /// As [`execute`](Self::execute); a broken unique rule is told as a sentence.
    pub(super) async fn execute_unless_taken(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
        taken: impl FnOnce() -> String,
    ) -> Result<u64> {
        self.execute(sql, args)
            .await
            .map_err(|error| match error.0 {
                Problem::Sqlx(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    Problem::Refused(taken()).into()
                }
                other => other.into(),
            })
    }

    pub(super) async fn fetch_all<T: Row>(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Vec<T>> {
        Ok(match self {
            Self::Sqlite(tx, _) => {
                query!(sqlx::query_as::<_, T>(sql), args)
                    .fetch_all(&mut **tx)
                    .await?
            }
            Self::Postgres(tx) => {
                query!(sqlx::query_as::<_, T>(sql), args)
                    .fetch_all(&mut **tx)
                    .await?
            }
        })
    }

    /// The first row.
    pub(super) async fn fetch_optional<T: Row>(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Option<T>> {
        Ok(self.fetch_all(sql, args).await?.into_iter().next())
    }

    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx, _turn) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl From<String> for Arg {
    /// Postgres refuses a text with a NUL, which no row has: what is asked for is not there then.
    fn from(text: String) -> Self {
        let has_nul = text.contains('\0');
        Self::Text(Some(if has_nul {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        }))
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for Arg {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Arg {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<Vec<u8>> for Arg {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
