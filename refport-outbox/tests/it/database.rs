use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use refport_outbox::{EnqueueError, Enqueued, Entry, Outbox, Store};
use refport_test_cluster::Cluster;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tempfile::TempDir;

use crate::cluster;

/// The time at which every test begins: 2026-11-21T08:30:00Z, in milliseconds.
pub(crate) const START: i64 = 1_795_249_800_000;

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A database with the outbox's tables, and a clock that the test sets.
pub(crate) struct Database {
    pub(crate) pool: Pool,
    /// Of the file in its folder, or of the database on its cluster.
    pub(crate) name: String,
    now: Arc<AtomicI64>,
    pub(crate) kept: Kept,
}

#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What must outlive the pool: where other drivers find the database.
pub(crate) enum Kept {
    Folder(TempDir),
    Cluster(Arc<Cluster>),
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("shop.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .unwrap();
        Self::new(Pool::Sqlite(pool), Kept::Folder(folder)).await
    }

    /// `None` where Postgres is not installed.
    pub(crate) async fn postgres() -> Option<Self> {
        Self::on(cluster::shared()?).await
    }

    /// A database of its own on this cluster.
    pub(crate) async fn on(cluster: Arc<Cluster>) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("shop_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let options = cluster::options(&cluster);
        let mut admin = options.connect().await.unwrap();
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut admin)
            .await
            .unwrap();
        admin.close().await.unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .connect_with(options.database(&name))
            .await
            .unwrap();
        let database = Self::new(Pool::Postgres(pool), Kept::Cluster(cluster)).await;
        Some(Self { name, ..database })
    }

    async fn new(pool: Pool, kept: Kept) -> Self {
        let now = Arc::new(AtomicI64::new(START));
        let database = Self {
            pool,
            name: "shop.db".to_owned(),
            now,
            kept,
        };
        database.outbox().migrate().await.unwrap();
        database
            .execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
            .await;
        database
    }

    /// An outbox on this database, by the test's clock.
    pub(crate) fn outbox(&self) -> Outbox {
        let now = Arc::clone(&self.now);
        Outbox::new(self.store()).clock(move || now.load(Ordering::Relaxed))
    }

    pub(crate) fn store(&self) -> Store {
        match self.pool.clone() {
            Pool::Sqlite(pool) => pool.into(),
            Pool::Postgres(pool) => pool.into(),
        }
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Sets the clock forward, or back.
    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// An order and its event in one transaction, which is committed or not.
    pub(crate) async fn order(
        &self,
        outbox: &Outbox,
        id: &str,
        event: impl Into<Entry>,
        commits: bool,
    ) -> Result<Enqueued, EnqueueError> {
        const ORDER: &str = "INSERT INTO orders (id) VALUES ($1)";
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
                sqlx::query(ORDER).bind(id).execute(&mut *tx).await.unwrap();
                let enqueued = outbox.enqueue(&mut *tx, event).await;
                if commits {
                    tx.commit().await.unwrap();
                }
                enqueued
            }
            Pool::Postgres(pool) => {
                let mut tx = pool.begin().await.unwrap();
                sqlx::query(ORDER).bind(id).execute(&mut *tx).await.unwrap();
                let enqueued = outbox.enqueue(&mut *tx, event).await;
                if commits {
                    tx.commit().await.unwrap();
                }
                enqueued
            }
        }
    }

    /// Drops all that the migrations made.
    pub(crate) async fn drop_tables(&self) {
        let (tables, rest) = match &self.pool {
            Pool::Sqlite(_) => ("SELECT name FROM sqlite_master WHERE type = 'table'", ""),
            Pool::Postgres(_) => (
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
                "DROP FUNCTION refport_outbox_enqueued",
            ),
        };
        let tables = self.texts(tables, 0).await;
        for table in tables.iter().filter(|name| name.starts_with("refport_")) {
            self.execute(&format!("DROP TABLE {table}")).await;
        }
        self.execute(rest).await;
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
            Pool::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
        }
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// The lines of a table, or of a plan, whose column of this number is text.
    pub(crate) async fn texts(&self, sql: &str, column: usize) -> Vec<String> {
        use sqlx::Row;
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => {
                let rows = sqlx::query(sql).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| row.get(column)).collect()
            }
            Pool::Postgres(pool) => {
                let rows = sqlx::query(sql).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| row.get(column)).collect()
            }
        }
    }
}
