//! The worker's claim on a small table, and on one with years of delivered events and a long outage.
//! Each claim is taken back, so that the next finds the same.

use std::{path::Path, time::Instant};

use anyhow::{Context, ensure};
use refport_outbox::Outbox;
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{fill, orders::median_micros, shop};

/// Events that are delivered, and events that wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) delivered: u64,
    pub(super) waiting: u64,
}

pub(super) const SMALL: Size = Size {
    delivered: 0,
    waiting: 1000,
};
pub(super) const LARGE: Size = Size {
    delivered: 1_000_000,
    waiting: 100_000,
};

/// As many as a worker claims at a time by default.
const CLAIMED: i64 = 256;
/// Of what was tried, and of what was not.
const SQLITE_CLAIMS: [&str; 2] = [
    include_str!("../../../refport-outbox/src/store/sqlite/claim_tried.sql"),
    include_str!("../../../refport-outbox/src/store/sqlite/claim_next.sql"),
];
const POSTGRES_CLAIM: &str = include_str!("../../../refport-outbox/src/store/postgres/claim.sql");
/// After all that wait, which are due from 1 on.
const NOW: i64 = i64::MAX / 2;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The median of one.
    pub(super) micros: f64,
}

/// Makes a file, fast and without care for the disk.
pub(super) async fn make_sqlite(file: &Path, size: Size) -> anyhow::Result<()> {
    let options = shop::sqlite_options(file, shop::CHECKPOINTS)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off);
    let pool = SqlitePool::connect_with(options).await?;
    Outbox::new(pool.clone()).migrate().await?;
    fill::sqlite_backlog(&pool, size.delivered, size.waiting).await?;
    pool.close().await;
    // The claims' roles find it in WAL mode, so that none of them pays for the change.
    SqliteConnection::connect_with(&shop::sqlite_options(file, shop::CHECKPOINTS))
        .await?
        .close()
        .await?;
    Ok(())
}

/// Half of each claim are events that were tried before.
pub(super) async fn sqlite(file: &str, claims: u64) -> anyhow::Result<Claims> {
    const HALF: i64 = CLAIMED / 2;
    let options = shop::sqlite_options(Path::new(file), shop::CHECKPOINTS);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let [tried, next] = SQLITE_CLAIMS;
    let mut times = Vec::new();
    for _ in 0..claims {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let start = Instant::now();
        let tried = sqlx::query(tried)
            .bind("refport")
            .bind(NOW)
            .bind(HALF)
            .bind(NOW)
            .fetch_all(&mut *transaction)
            .await?;
        let next = sqlx::query(next)
            .bind("refport")
            .bind("")
            .bind(HALF)
            .bind(NOW)
            .bind(NOW)
            .fetch_one(&mut *transaction)
            .await?;
        times.push(start.elapsed());
        // The lengths of the payloads, with a comma between two.
        let lengths: String = next.try_get(3)?;
        let claimed = tried.len() + lengths.split(',').count();
        ensure!(claimed as i64 == CLAIMED, "claimed {claimed}");
        transaction.rollback().await?;
    }
    Ok(Claims {
        micros: median_micros(times),
    })
}

pub(super) async fn sqlite_plan(file: &Path) -> anyhow::Result<String> {
    let options = shop::sqlite_options(file, shop::CHECKPOINTS);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut steps: Vec<String> = Vec::new();
    for claim in SQLITE_CLAIMS {
        let plan = format!("EXPLAIN QUERY PLAN {claim}");
        let rows = sqlx::query(AssertSqlSafe(plan))
            .fetch_all(&mut connection)
            .await?;
        steps.extend(rows.iter().map(|row| row.get::<String, _>(3)));
    }
    Ok(steps.join("\n"))
}

/// Makes the tables in a database that is there.
pub(super) async fn make_postgres(socket: &str, database: &str, size: Size) -> anyhow::Result<()> {
    let pool = shop::postgres(socket, database, 1).await?;
    Outbox::new(pool.clone()).migrate().await?;
    fill::postgres_backlog(&pool, size.delivered, size.waiting).await
}

pub(super) async fn postgres(socket: &str, database: &str, claims: u64) -> anyhow::Result<Claims> {
    let pool = shop::postgres(socket, database, 1).await?;
    // Claims that were taken back leave dead rows.
    sqlx::raw_sql("VACUUM refport_outbox_waiting, refport_outbox_leased")
        .execute(&pool)
        .await?;
    let mut times = Vec::new();
    for _ in 0..claims {
        let mut transaction = pool.begin().await?;
        let start = Instant::now();
        let rows = sqlx::query(POSTGRES_CLAIM)
            .bind("refport")
            .bind(NOW)
            .bind(CLAIMED)
            .bind(NOW)
            .fetch_all(&mut *transaction)
            .await?;
        times.push(start.elapsed());
        ensure!(rows.len() as i64 == CLAIMED, "claimed {}", rows.len());
        transaction.rollback().await?;
    }
    Ok(Claims {
        micros: median_micros(times),
    })
}

/// The plan of a claim as it was run, and how many pages it looked at.
pub(super) async fn postgres_plan(socket: &str, database: &str) -> anyhow::Result<(String, u64)> {
    let pool = shop::postgres(socket, database, 1).await?;
    let mut claim = POSTGRES_CLAIM.to_owned();
    let values = [
        ("$1", "'refport'"),
        ("$2", &NOW.to_string()),
        ("$3", &CLAIMED.to_string()),
    ];
    for (name, value) in values {
        claim = claim.replace(name, value);
    }
    let claim = claim.replace("$4", "0");
    let mut transaction = pool.begin().await?;
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {claim}");
    let rows = sqlx::query(AssertSqlSafe(explain))
        .fetch_all(&mut *transaction)
        .await?;
    transaction.rollback().await?;
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // The first line of buffers is the whole statement's.
    let buffers = lines.iter().find(|line| line.contains("Buffers: shared"));
    let pages = buffers
        .context("the plan tells no buffers")?
        .split(' ')
        .filter_map(|word| {
            word.strip_prefix("hit=")
                .or_else(|| word.strip_prefix("read="))
        })
        .map(str::parse::<u64>)
        .sum::<Result<u64, _>>()?;
    Ok((lines.join("\n"), pages))
}
