//! A worker that empties an outbox, and the bare client beside it: each in a process of its own, on
//! one thread, against the same server.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::ensure;
use refport_bench::{
    postgres::{postmaster, transactions},
    usage,
};
use refport_core::Refport;
use refport_outbox::{Outbox, State};
use serde::{Deserialize, Serialize};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use tokio::task::JoinSet;

use super::{
    fill,
    shop::{self, Invoices},
};

pub(super) const IN_FLIGHT: u64 = 64;

/// What so many events took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Drained {
    pub(super) events: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    /// Transactions of the database that wrote something.
    pub(super) transactions: u64,
    /// What part of a core worked for this besides the thread that delivers: the database.
    pub(super) besides: f64,
}

impl Drained {
    pub(super) fn per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }
}

pub(super) fn client(url: &str) -> anyhow::Result<Refport> {
    const KEY: &str = "rk_test_0123456789abcdef0123456789abcdef";
    Ok(Refport::builder(KEY).base_url(url).build()?)
}

/// The client alone, from sales that are there already in memory.
pub(super) async fn bare(url: &str, events: u64) -> anyhow::Result<Drained> {
    let refport = client(url)?;
    let next = Arc::new(AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), usage::cpu_time());
    let mut tasks = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (refport, next) = (refport.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    return anyhow::Ok(());
                }
                let _ = refport
                    .track
                    .sale(shop::sale(number, Invoices::Counted.number(number)))
                    .await?;
            }
        });
    }
    tasks
        .join_all()
        .await
        .into_iter()
        .collect::<anyhow::Result<()>>()?;
    Ok(Drained {
        events,
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: (usage::cpu_time() - cpu).as_secs_f64(),
        transactions: 0,
        besides: 0.0,
    })
}

pub(super) async fn sqlite(url: &str, events: u64) -> anyhow::Result<Drained> {
    let folder = tempfile::tempdir()?;
    let commits = Arc::new(AtomicU64::new(0));
    let pool = counting(&folder.path().join("shop.db"), &commits).await?;
    let outbox = Outbox::new(pool.clone());
    outbox.migrate().await?;
    fill::sqlite_events(&pool, events).await?;
    let before = commits.load(Ordering::Relaxed);
    let drained = drain(&outbox, url, events).await?;
    let transactions = commits.load(Ordering::Relaxed) - before;
    Ok(Drained {
        transactions,
        ..drained
    })
}

/// A pool that counts the transactions that wrote.
async fn counting(file: &Path, commits: &Arc<AtomicU64>) -> sqlx::Result<SqlitePool> {
    let commits = Arc::clone(commits);
    SqlitePoolOptions::new()
        .max_connections(4)
        .after_connect(move |connection, _| {
            let commits = Arc::clone(&commits);
            Box::pin(async move {
                connection.lock_handle().await?.set_commit_hook(move || {
                    commits.fetch_add(1, Ordering::Relaxed);
                    true
                });
                Ok(())
            })
        })
        .connect_with(shop::sqlite_options(file, shop::CHECKPOINTS))
        .await
}

/// On a database that is there and empty.
pub(super) async fn postgres(
    socket: &str,
    database: &str,
    url: &str,
    events: u64,
) -> anyhow::Result<Drained> {
    let pool = shop::postgres(socket, database, 4).await?;
    let outbox = Outbox::new(pool.clone());
    outbox.migrate().await?;
    fill::postgres_events(&pool, events).await?;
    sqlx::raw_sql("VACUUM ANALYZE refport_outbox_events, refport_outbox_waiting")
        .execute(&pool)
        .await?;
    let before = transactions(&pool).await?;
    let cluster = postmaster(socket)?;
    let cpu = usage::cpu_time_of_children(cluster)?;
    let drained = drain(&outbox, url, events).await?;
    let cpu = usage::cpu_time_of_children(cluster)?.saturating_sub(cpu);
    Ok(Drained {
        transactions: transactions(&pool).await? - before,
        besides: drained.besides + cpu.as_secs_f64() / drained.seconds,
        ..drained
    })
}

async fn drain(outbox: &Outbox, url: &str, events: u64) -> anyhow::Result<Drained> {
    let mut worker = outbox.worker().deliver_to(client(url)?).build()?;
    let (start, cpu, own) = (Instant::now(), usage::cpu_time(), usage::thread_cpu_time());
    let report = worker.drain().await?;
    let seconds = start.elapsed().as_secs_f64();
    let own_seconds = (usage::thread_cpu_time() - own).as_secs_f64();
    let cpu_seconds = (usage::cpu_time() - cpu).as_secs_f64();
    ensure!(
        report.delivered == events && report.lost == 0 && report.left(State::Delivered) == events,
        "not all was delivered: {report}"
    );
    Ok(Drained {
        events,
        seconds,
        cpu_seconds,
        transactions: 0,
        besides: (cpu_seconds - own_seconds) / seconds,
    })
}
