//! Sales on Postgres: written together, in ten round trips each, and one statement alone as a limit.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{bail, ensure};
use refport_bench::{
    load::{self, Run},
    postgres::{self, postmaster, transactions},
    site::{Sale, Site},
    usage,
};
use sqlx::{PgPool, postgres::PgPoolOptions};

use super::{
    on_sqlite::{Rows, recorded},
    ten::{Ten, Told},
};

/// Each connection of a peer prepares its statements before anything is timed.
const WARM_UP: u64 = 8;

/// So many sales on a database that is new and empty.
pub(super) async fn run(
    how: &str,
    socket: &str,
    database: &str,
    sales: u64,
    in_flight: usize,
) -> anyhow::Result<Run> {
    let url = format!("postgres://postgres@localhost/{database}?host={socket}");
    let warm_up = WARM_UP * in_flight as u64;
    let all = sales + warm_up;
    let site = Site::with_clicks(&url, all / 2 + 1).await?;
    let connections = u32::try_from(in_flight)?;
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .connect_with(postgres::options(socket, database))
        .await?;
    let mut first = Sale::many(0, 0, all);
    let rest = first.split_off(warm_up as usize);
    let mut runs = Vec::new();
    for sales in [&first, &rest] {
        let before = (
            transactions(&pool).await?,
            usage::cpu_time_of_children(postmaster(socket)?)?,
        );
        let run = match how {
            "grouped" => grouped(&site, sales, in_flight).await?,
            "ten" => ten(&site, &pool, sales, in_flight).await?,
            "statement" => statement(&pool, sales, in_flight).await?,
            _ => bail!("there is no way `{how}`"),
        };
        let cpu = usage::cpu_time_of_children(postmaster(socket)?)?.saturating_sub(before.1);
        runs.push(Run {
            commits: transactions(&pool).await? - before.0,
            server_cpu_seconds: cpu.as_secs_f64(),
            ..run
        });
    }
    if how != "statement" {
        let made = rows(&pool).await?;
        ensure!(made == Rows::of(all)?, "{all} sales made {made:?}");
        if how == "grouped" {
            grouped(&site, &first, in_flight).await?;
            let again = rows(&pool).await?;
            ensure!(again == made, "repeats made {again:?} of {made:?}");
        }
    }
    runs.pop().ok_or_else(|| anyhow::anyhow!("there were two"))
}

async fn grouped(site: &Site, sales: &[Sale], in_flight: usize) -> anyhow::Result<Run> {
    let (pipeline, reports) = site.reports(sales).await?;
    let caller = || {
        let pipeline = pipeline.clone();
        move |report| {
            let pipeline = pipeline.clone();
            async move { recorded(pipeline.record(report).await).map(drop) }
        }
    };
    load::in_flight(reports, in_flight, caller).await
}

async fn ten(site: &Site, pool: &PgPool, sales: &[Sale], in_flight: usize) -> anyhow::Result<Run> {
    let key_id = site.key.split('_').nth(1).unwrap_or_default().to_owned();
    let ten = Ten {
        pool: pool.clone(),
        key_id,
    };
    let told = |sale: &Sale| Told {
        sale: *sale,
        click_id: sale.click(&site.clicks),
        number: sale.number(),
    };
    let caller = || {
        let ten = ten.clone();
        move |told| {
            let ten = ten.clone();
            async move { ten.record(told).await }
        }
    };
    load::in_flight(sales.iter().map(told).collect(), in_flight, caller).await
}

/// A row and its commit: nothing that is kept can be quicker.
async fn statement(pool: &PgPool, sales: &[Sale], in_flight: usize) -> anyhow::Result<Run> {
    const SQL: &str = "INSERT INTO outgoing_event (id, workspace_id, type, payload, created_at)
        VALUES ('evt_' || $1::bigint, 'ws', 'sale.created', '{}', 0)";
    let next = Arc::new(AtomicU64::new(
        sales.first().map_or(0, |sale| sale.number()),
    ));
    let caller = || {
        let (pool, next) = (pool.clone(), Arc::clone(&next));
        move |_| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let pool = pool.clone();
            async move {
                let number = i64::try_from(number)?;
                sqlx::query(SQL).bind(number).execute(&pool).await?;
                Ok(())
            }
        }
    };
    load::in_flight(sales.to_vec(), in_flight, caller).await
}

async fn rows(pool: &PgPool) -> anyhow::Result<Rows> {
    Ok(Rows::read(sqlx::query_as(Rows::SQL).fetch_one(pool).await?))
}
