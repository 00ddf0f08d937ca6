//! The server's own database, looked into and locked.

use std::{collections::BTreeSet, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, PgPool, SqliteConnection, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

/// A reader of the server's database.
#[derive(Clone, Debug)]
pub(crate) enum Counted {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The clicks of one link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clicks {
    pub(crate) ids: BTreeSet<String>,
    /// As the numbers by day add up.
    pub(crate) by_day: u64,
}

fn sqlite(path: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(30))
}

impl Counted {
    pub(crate) async fn open(url: &str) -> anyhow::Result<Self> {
        Ok(match url.strip_prefix("sqlite://") {
            Some(path) => {
                let pool = SqlitePoolOptions::new().max_connections(1);
                Self::Sqlite(pool.connect_with(sqlite(path)).await?)
            }
            None => Self::Postgres(PgPoolOptions::new().max_connections(1).connect(url).await?),
        })
    }

    /// Before the database goes away.
    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// The first column of all rows.
    pub(crate) async fn texts(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await?,
        })
    }

    /// One number.
    pub(crate) async fn number(&self, sql: &str) -> anyhow::Result<u64> {
        let sql = AssertSqlSafe(sql.to_owned());
        let number: i64 = match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await?,
        };
        Ok(number.try_into()?)
    }

    pub(crate) async fn clicks(&self, link_key: &str) -> anyhow::Result<Clicks> {
        let link = format!(r#"(SELECT id FROM link WHERE "key" = '{link_key}')"#);
        let rows = format!("SELECT id FROM click WHERE link_id = {link}");
        let by_day = format!(
            "SELECT CAST(coalesce(sum(clicks), 0) AS BIGINT) FROM click_count WHERE link_id = {link}"
        );
        Ok(Clicks {
            ids: self.texts(&rows).await?.into_iter().collect(),
            by_day: self.number(&by_day).await?,
        })
    }
}

/// A lock by which nobody else writes: SQLite's one, or the strongest on Postgres' customers.
#[derive(Debug)]
pub(crate) enum Lock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Lock {
    pub(crate) async fn take(url: &str) -> anyhow::Result<Self> {
        Ok(match url.strip_prefix("sqlite://") {
            Some(path) => {
                let mut connection = SqliteConnection::connect_with(&sqlite(path)).await?;
                connection.execute("BEGIN IMMEDIATE").await?;
                Self::Sqlite(connection)
            }
            None => {
                let mut connection = PgConnection::connect(url).await?;
                connection.execute("BEGIN").await?;
                let sql = "LOCK TABLE customer IN ACCESS EXCLUSIVE MODE";
                connection.execute(sql).await?;
                Self::Postgres(connection)
            }
        })
    }

    pub(crate) async fn release(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(mut connection) => {
                connection.execute("ROLLBACK").await?;
                connection.close().await?;
            }
            Self::Postgres(mut connection) => {
                connection.execute("ROLLBACK").await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}
