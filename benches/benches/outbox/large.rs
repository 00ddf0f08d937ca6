//! Several processes on one Postgres: shops that take orders, and workers that deliver.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use refport_bench::{
    child::{self, Server},
    postgres,
};
use refport_outbox::Outbox;
use refport_test_cluster::{Cluster, Flushes};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgPool};
use tokio::{task::JoinSet, time::sleep};

use super::{
    drain, fill, on_one_thread, rows,
    server::parent_closes,
    shop::{self, Invoices},
};

/// Connections of each process that takes orders.
const CONNECTIONS: u32 = 8;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Count {
    events: u64,
}

/// Takes orders for so many seconds, each with its event in one transaction.
pub(super) async fn produce(
    socket: &str,
    database: &str,
    name: &str,
    seconds: f64,
) -> anyhow::Result<Count> {
    let pool = shop::postgres(socket, database, CONNECTIONS).await?;
    let outbox = Outbox::new(pool.clone());
    let ends = Instant::now() + Duration::from_secs_f64(seconds);
    let first = name.parse::<u64>()? << 40;
    let mut tasks = JoinSet::new();
    for task in 0..u64::from(CONNECTIONS) {
        let (pool, outbox) = (pool.clone(), outbox.clone());
        let first = first + (task << 32);
        tasks.spawn(async move {
            let mut number = first;
            while Instant::now() < ends {
                order(&pool, &outbox, number).await?;
                number += 1;
            }
            anyhow::Ok(number - first)
        });
    }
    let taken = tasks.join_all().await;
    let events = taken.into_iter().sum::<anyhow::Result<u64>>()?;
    Ok(Count { events })
}

async fn order(pool: &PgPool, outbox: &Outbox, number: u64) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query(shop::ORDER)
        .bind(i64::try_from(number)?)
        .bind(shop::customer(number))
        .bind(4900_i64)
        .bind("usd")
        .execute(&mut *transaction)
        .await?;
    let sale = shop::sale(number, Invoices::Scattered.number(number));
    let _ = outbox.enqueue(&mut *transaction, sale).await?;
    transaction.commit().await?;
    Ok(())
}

/// Delivers until the parent closes our standard input.
pub(super) async fn work(socket: &str, database: &str, url: &str) -> anyhow::Result<Count> {
    let pool = shop::postgres(socket, database, 4).await?;
    let outbox = Outbox::new(pool);
    let mut worker = outbox.worker().deliver_to(drain::client(url)?).build()?;
    println!("{url}");
    let report = worker.run(parent_closes()).await?;
    ensure!(report.lost == 0, "{report}");
    Ok(Count {
        events: report.delivered,
    })
}

/// Runs all, and prints what comes of it.
pub(super) fn measure() -> anyhow::Result<()> {
    let Some(cluster) = Cluster::start(Flushes::EachCommit)? else {
        bail!("there is no Postgres under /usr/lib/postgresql");
    };
    println!("orders with their events, {CONNECTIONS} connections a process");
    for processes in [1, 2, 4] {
        let shop = Shop::open(&cluster, &format!("producers_{processes}"))?;
        println!("  {}", shop.take_orders(processes)?);
    }
    println!("a backlog delivered, 64 in flight a process");
    for processes in [1, 2, 4] {
        let shop = Shop::open(&cluster, &format!("workers_{processes}"))?;
        println!("  {}", shop.deliver(processes)?);
        if processes == 4 {
            println!("the tables after it\n  {}", shop.sizes()?);
        }
    }
    println!("both at the same time");
    let shop = Shop::open(&cluster, "whole_shop")?;
    println!("  {}", shop.both(4, 2)?);
    Ok(())
}

/// A database of its own.
struct Shop {
    socket: String,
    database: String,
}

impl Shop {
    fn open(cluster: &Cluster, database: &str) -> anyhow::Result<Self> {
        let socket = rows::database(cluster, database)?;
        let shop = Self {
            socket,
            database: database.to_owned(),
        };
        shop.with(async |pool| {
            Outbox::new(pool.clone()).migrate().await?;
            sqlx::raw_sql(shop::POSTGRES_ORDERS).execute(&pool).await?;
            Ok(())
        })?;
        Ok(shop)
    }

    fn with<T>(&self, work: impl AsyncFnOnce(PgPool) -> anyhow::Result<T>) -> anyhow::Result<T> {
        on_one_thread(async {
            let pool = shop::postgres(&self.socket, &self.database, 2).await?;
            let done = work(pool.clone()).await?;
            pool.close().await;
            Ok(done)
        })
    }

    /// Bytes of the write-ahead log since the cluster was made.
    fn log(&self) -> anyhow::Result<f64> {
        self.with(async |pool| {
            const WRITTEN: &str = "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8";
            Ok(sqlx::query_scalar(WRITTEN).fetch_one(&pool).await?)
        })
    }

    /// Starts processes that take orders, and gives what each will report.
    fn producers(&self, processes: u64, seconds: &str) -> Producers {
        (0..processes)
            .map(|name| {
                let (socket, database) = (self.socket.clone(), self.database.clone());
                let (name, seconds) = (name.to_string(), seconds.to_owned());
                thread::spawn(move || {
                    let role = ["produce", &socket, &database, &name, &seconds];
                    child::report::<Count>(&mut child::this(&role)?)
                })
            })
            .collect()
    }

    fn take_orders(&self, processes: u64) -> anyhow::Result<String> {
        const SECONDS: f64 = 5.0;
        let before = self.log()?;
        let producers = self.producers(processes, &SECONDS.to_string());
        let events = taken(producers)?;
        Ok(format!(
            "{processes} processes: {:.0}/s, {:.0} bytes of WAL each with the order",
            events as f64 / SECONDS,
            (self.log()? - before) / events as f64,
        ))
    }

    fn workers(&self, processes: u64, url: &str) -> anyhow::Result<Vec<Server>> {
        (0..processes)
            .map(|_| Server::start_with(&["work", &self.socket, &self.database, url]))
            .collect()
    }

    fn deliver(&self, processes: u64) -> anyhow::Result<String> {
        const EVENTS: u64 = 60_000;
        self.with(async |pool| {
            fill::postgres_events(&pool, EVENTS).await?;
            sqlx::raw_sql("VACUUM ANALYZE refport_outbox_events, refport_outbox_waiting")
                .execute(&pool)
                .await?;
            Ok(())
        })?;
        let server = Server::start("server")?;
        let (log, transactions) = (
            self.log()?,
            self.with(async |pool| postgres::transactions(&pool).await)?,
        );
        let start = Instant::now();
        let workers = self.workers(processes, server.url())?;
        self.wait_until_delivered()?;
        let seconds = start.elapsed().as_secs_f64();
        let (log, transactions) = (
            self.log()? - log,
            self.with(async |pool| postgres::transactions(&pool).await)? - transactions,
        );
        let delivered = delivered(workers)?;
        let taken: u64 = server.stop()?.trim().parse()?;
        ensure!(
            delivered == EVENTS && taken == EVENTS,
            "{delivered} delivered and {taken} taken of {EVENTS}"
        );
        let events = EVENTS as f64;
        Ok(format!(
            "{processes} processes: {:.0}/s, {:.0} bytes of WAL and {:.4} transactions each",
            events / seconds,
            log / events,
            transactions as f64 / events,
        ))
    }

    fn wait_until_delivered(&self) -> anyhow::Result<()> {
        const LEFT: &str = "SELECT EXISTS (SELECT 1 FROM refport_outbox_waiting)
                OR EXISTS (SELECT 1 FROM refport_outbox_leased)";
        const LOOK: Duration = Duration::from_millis(20);
        self.with(async |pool| {
            while sqlx::query_scalar(LEFT).fetch_one(&pool).await? {
                sleep(LOOK).await;
            }
            Ok(())
        })
    }

    fn both(&self, producers: u64, workers: u64) -> anyhow::Result<String> {
        const SECONDS: f64 = 10.0;
        let server = Server::start("server")?;
        let workers = self.workers(workers, server.url())?;
        let count = workers.len();
        let start = Instant::now();
        let events = taken(self.producers(producers, &SECONDS.to_string()))?;
        let left: i64 = self.with(async |pool| {
            const LEFT: &str = "SELECT (SELECT count(*) FROM refport_outbox_waiting)
                + (SELECT count(*) FROM refport_outbox_leased)";
            Ok(sqlx::query_scalar(LEFT).fetch_one(&pool).await?)
        })?;
        self.wait_until_delivered()?;
        let seconds = start.elapsed().as_secs_f64();
        let delivered = delivered(workers)?;
        let sales: u64 = server.stop()?.trim().parse()?;
        ensure!(
            delivered == events && sales == events,
            "{delivered} delivered and {sales} taken of {events}"
        );
        Ok(format!(
            "{producers} producers, {count} workers: {:.0}/s enqueued, {left} left at the end of \
            {SECONDS} s, none after {:.1} s; every event taken once",
            events as f64 / SECONDS,
            seconds,
        ))
    }

    /// What delivered rows take, and what it takes to be rid of them.
    fn sizes(&self) -> anyhow::Result<String> {
        self.with(async |pool| {
            // The event, and that it is delivered.
            const SIZES: &str = "SELECT count(*)::float8,
                (pg_relation_size('refport_outbox_events')
                    + pg_relation_size('refport_outbox_delivered'))::float8,
                (pg_indexes_size('refport_outbox_events')
                    + pg_indexes_size('refport_outbox_delivered'))::float8
                FROM refport_outbox_events";
            let (rows, heap, indexes): (f64, f64, f64) =
                sqlx::query_as(SIZES).fetch_one(&pool).await?;
            let start = Instant::now();
            let purged = Outbox::new(pool).purge(Duration::ZERO).await?;
            ensure!(purged as f64 == rows, "{purged} purged of {rows}");
            Ok(format!(
                "{:.0} bytes a row, {:.0} of them indexes; the purge deletes {:.0} rows/s",
                (heap + indexes) / rows,
                indexes / rows,
                rows / start.elapsed().as_secs_f64(),
            ))
        })
    }
}

type Producers = Vec<thread::JoinHandle<anyhow::Result<Count>>>;

fn taken(producers: Producers) -> anyhow::Result<u64> {
    let mut events = 0;
    for producer in producers {
        let Ok(count) = producer.join() else {
            bail!("a producer panicked");
        };
        events += count?.events;
    }
    Ok(events)
}

fn delivered(workers: Vec<Server>) -> anyhow::Result<u64> {
    let mut events = 0;
    for worker in workers {
        let count: Count = serde_json::from_str(&worker.stop()?)?;
        events += count.events;
    }
    Ok(events)
}
