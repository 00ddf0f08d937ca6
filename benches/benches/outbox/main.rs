//! What the outbox costs: an event in the order's own transaction beside the order alone, a worker
//! beside the bare client, a claim with a long backlog beside one without. Prints the ratios; fails
//! where a gated one is missed.
//!
//! `cargo bench -p refport-bench --bench outbox -- large` runs several processes on one Postgres
//! instead, and gates nothing.
//!
//! Instructions, pages and flushes are counted; where time gates, both sides take turns in one run.
//! What is measured runs in a process of its own on one thread, and so does the service. Nothing is
//! pinned.

mod backlog;
mod busy;
mod drain;
mod fill;
mod large;
mod orders;
mod rows;
mod server;
mod shop;

use std::{env, process::ExitCode};

use anyhow::{Context, bail};
use refport_bench::table::Table;
use serde::Serialize;

use self::orders::{Backlog, Beside};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // What cargo gives.
    let arguments = arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = arguments.filter(|given| *given != "--bench").collect();
    match arguments[..] {
        ["server"] => on_one_thread(server::taking())?,
        ["orders-sqlite", beside, backlog, count, checkpoints] => {
            let (beside, backlog) = (Beside::parse(beside)?, Backlog::parse(backlog)?);
            let (count, checkpoints) = (count.parse()?, checkpoints.parse()?);
            report(orders::sqlite(beside, backlog, count, checkpoints))?;
        }
        ["orders-postgres", socket, database, rounds] => {
            report(orders::postgres(socket, database, rounds.parse()?))?;
        }
        ["busy", share] => on_one_thread(busy::until_told(share.parse()?))?,
        ["bare", url, events] => report(drain::bare(url, events.parse()?))?,
        ["drain-sqlite", url, events] => report(drain::sqlite(url, events.parse()?))?,
        ["drain-postgres", socket, database, url, events] => {
            report(drain::postgres(socket, database, url, events.parse()?))?;
        }
        ["claims-sqlite", file, claims] => report(backlog::sqlite(file, claims.parse()?))?,
        ["claims-postgres", socket, database, claims] => {
            report(backlog::postgres(socket, database, claims.parse()?))?;
        }
        ["produce", socket, database, name, seconds] => {
            report(large::produce(socket, database, name, seconds.parse()?))?;
        }
        ["work", socket, database, url] => report(large::work(socket, database, url))?,
        ["large"] => large::measure()?,
        [] => return measure(),
        _ => bail!("no such role: {arguments:?}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("making a runtime")?
        .block_on(work)
}

/// Prints what a role measured, for the parent.
fn report<R: Serialize>(run: impl Future<Output = anyhow::Result<R>>) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(&on_one_thread(run)?)?);
    Ok(())
}

fn measure() -> anyhow::Result<ExitCode> {
    let mut table = Table::default();
    rows::all(&mut table)?;
    println!("\n{table}");
    Ok(if table.is_missed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
