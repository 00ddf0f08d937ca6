//! One order after another, with and without its event in the same transaction: on SQLite as a role
//! whose instructions, pages and flushes are counted, on Postgres by time.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use refport_core::Timestamp;
use refport_outbox::{Enqueued, Outbox};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection, SqliteConnection, SqlitePool};

use super::shop::{self, Invoices};

/// What is written beside the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    /// What a team would write by hand: key, destination, the sale as JSON and the time, in one
    /// statement of sqlx, into a table of the same columns and indexes.
    Plain,
    Outbox,
}

impl Beside {
    pub(super) const ALL: [Self; 3] = [Self::Nothing, Self::Plain, Self::Outbox];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Plain => "plain",
            Self::Outbox => "outbox",
        }
    }

    pub(super) fn parse(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|beside| beside.name() == name);
        found.ok_or_else(|| anyhow::format_err!("there is no `{name}` beside an order"))
    }
}

/// What the table is like into which events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    /// Nobody takes them out, and the invoices are numbered one after another.
    Counted,
    /// Nobody takes them out, and the invoices are numbered at random.
    Scattered,
    /// As random, and a worker takes them out.
    TakenOut,
}

impl Backlog {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Scattered => "scattered",
            Self::TakenOut => "taken-out",
        }
    }

    pub(super) fn parse(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "counted" => Self::Counted,
            "scattered" => Self::Scattered,
            "taken-out" => Self::TakenOut,
            _ => bail!("there is no backlog `{name}`"),
        })
    }

    const fn invoices(self) -> Invoices {
        match self {
            Self::Counted => Invoices::Counted,
            Self::Scattered | Self::TakenOut => Invoices::Scattered,
        }
    }
}

/// What so many transactions wrote.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) wal_bytes: u64,
}

/// As the migration makes the outbox's own.
const SQLITE_PLAIN: &str = "CREATE TABLE plain (
    key TEXT NOT NULL, destination TEXT NOT NULL, payload TEXT NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (key, destination)) STRICT, WITHOUT ROWID";
const SQLITE_INSERT: &str =
    "INSERT INTO plain (key, destination, payload, created_at) VALUES (?, ?, ?, ?)";

/// Writes `count` orders, each in a transaction, into an SQLite file of its own. Without
/// checkpoints the log shows what was written.
pub(super) async fn sqlite(
    beside: Beside,
    backlog: Backlog,
    count: u64,
    checkpoints: u32,
) -> anyhow::Result<Written> {
    /// A worker takes out many at once.
    const TAKES: u64 = 8;
    let folder = tempfile::tempdir()?;
    let options = shop::sqlite_options(&folder.path().join("shop.db"), checkpoints);
    let pool = SqlitePool::connect_with(options.clone()).await?;
    let outbox = Outbox::new(pool.clone());
    outbox.migrate().await?;
    for sql in [shop::SQLITE_ORDERS, SQLITE_PLAIN] {
        sqlx::raw_sql(sql).execute(&pool).await?;
    }
    pool.close().await;
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let invoices = backlog.invoices();
    sqlite_order(&mut connection, &outbox, beside, 0, invoices).await?;
    let log = folder.path().join("shop.db-wal");
    let before = fs::metadata(&log)?.len();
    for number in 1..=count {
        sqlite_order(&mut connection, &outbox, beside, number, invoices).await?;
        if backlog == Backlog::TakenOut && number % TAKES == 0 {
            // All three write the same number of pages here.
            sqlx::raw_sql("DELETE FROM plain; DELETE FROM refport_outbox_events")
                .execute(&mut connection)
                .await?;
        }
    }
    Ok(Written {
        wal_bytes: fs::metadata(&log)?.len() - before,
    })
}

async fn sqlite_order(
    connection: &mut SqliteConnection,
    outbox: &Outbox,
    beside: Beside,
    number: u64,
    invoices: Invoices,
) -> anyhow::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(shop::ORDER)
        .bind(i64::try_from(number)?)
        .bind(shop::customer(number))
        .bind(4900_i64)
        .bind("usd")
        .execute(&mut *transaction)
        .await?;
    let sale = || shop::sale(number, invoices.number(number));
    match beside {
        Beside::Nothing => {}
        Beside::Plain => {
            sqlx::query(SQLITE_INSERT)
                .bind(format!("sale:{}", invoices.number(number)))
                .bind("refport")
                .bind(serde_json::to_string(&sale())?)
                .bind(Timestamp::now().as_millis())
                .execute(&mut *transaction)
                .await?;
        }
        Beside::Outbox => {
            let enqueued = outbox.enqueue(&mut *transaction, sale()).await?;
            ensure!(enqueued == Enqueued::New, "{enqueued:?}");
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// The medians of the transactions' times, in microseconds, in the order of [`Beside::ALL`].
pub(super) type Times = [f64; 3];

const POSTGRES_PLAIN: &str = "CREATE TABLE plain (LIKE refport_outbox_events INCLUDING ALL)";
const POSTGRES_INSERT: &str =
    "INSERT INTO plain (key, destination, payload, created_at) VALUES ($1, $2, $3, $4)";

/// Writes orders into Postgres over one connection, ten of each kind in turns.
pub(super) async fn postgres(socket: &str, database: &str, rounds: u64) -> anyhow::Result<Times> {
    const TURN: u64 = 10;
    let pool = shop::postgres(socket, database, 1).await?;
    let outbox = Outbox::new(pool.clone());
    outbox.migrate().await?;
    for sql in [shop::POSTGRES_ORDERS, POSTGRES_PLAIN] {
        sqlx::raw_sql(sql).execute(&pool).await?;
    }
    let mut connection = pool.acquire().await?;
    let mut times = [const { Vec::new() }; 3];
    let mut number = 0;
    for round in 0..rounds {
        // Each is first as often as the others.
        for turn in 0..Beside::ALL.len() {
            let kind = (turn + usize::try_from(round)?) % Beside::ALL.len();
            for _ in 0..TURN {
                number += 1;
                let start = Instant::now();
                postgres_order(&mut connection, &outbox, Beside::ALL[kind], number).await?;
                // The first round warms up.
                if round > 0 {
                    times[kind].push(start.elapsed());
                }
            }
        }
    }
    Ok(times.map(median_micros))
}

async fn postgres_order(
    connection: &mut PgConnection,
    outbox: &Outbox,
    beside: Beside,
    number: u64,
) -> anyhow::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::query(shop::ORDER)
        .bind(i64::try_from(number)?)
        .bind(shop::customer(number))
        .bind(4900_i64)
        .bind("usd")
        .execute(&mut *transaction)
        .await?;
    let invoice = Invoices::Scattered.number(number);
    match beside {
        Beside::Nothing => {}
        Beside::Plain => {
            sqlx::query(POSTGRES_INSERT)
                .bind(format!("sale:{invoice}"))
                .bind("refport")
                .bind(serde_json::to_string(&shop::sale(number, invoice))?)
                .bind(Timestamp::now().as_millis())
                .execute(&mut *transaction)
                .await?;
        }
        Beside::Outbox => {
            let sale = shop::sale(number, invoice);
            let enqueued = outbox.enqueue(&mut *transaction, sale).await?;
            ensure!(enqueued == Enqueued::New, "{enqueued:?}");
        }
    }
    transaction.commit().await?;
    Ok(())
}

pub(super) fn median_micros(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied();
    middle.unwrap_or_default().as_secs_f64() * 1e6
}
