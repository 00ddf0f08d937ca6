//! What a sale costs in the server, without HTTP: on SQLite beside one mutex around the same decision
//! with a commit each, on Postgres beside ten round trips, a repeat beside a first sale, full tables
//! beside empty ones. Prints the limits and the ratios; fails where a gated one is missed.
//!
//! `cargo bench -p refport-bench --bench pipeline -- large` fills the tables with ten million events,
//! where a million are the default. It takes some 20 GB of the temporary folder.
//!
//! Each run is a process of its own, on a database of its own, and looks at its rows afterwards: one
//! event, one commission and two outgoing events a sale, and nothing more after repeats. Where time
//! gates, both sides take turns. Nothing is pinned.

mod counted;
mod fill;
mod on_postgres;
mod on_sqlite;
mod rows;
mod ten;

use std::{env, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use refport_bench::{load::Run, table::Table};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // What cargo gives.
    let arguments = arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = arguments.filter(|given| *given != "--bench").collect();
    match arguments[..] {
        ["sqlite", how, file, filled, sales, in_flight] => report(on_sqlite::run(
            how,
            Path::new(file),
            filled.parse()?,
            sales.parse()?,
            in_flight.parse()?,
        ))?,
        ["postgres", how, socket, database, sales, in_flight] => report(on_postgres::run(
            how,
            socket,
            database,
            sales.parse()?,
            in_flight.parse()?,
        ))?,
        ["counted", what, sales] => on_one_thread(counted::run(what, sales.parse()?))?,
        ["large"] => return measure(10_000_000),
        [] => return measure(1_000_000),
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
fn report(run: impl Future<Output = anyhow::Result<Run>>) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(&on_one_thread(run)?)?);
    Ok(())
}

fn measure(filled: u64) -> anyhow::Result<ExitCode> {
    let mut table = Table::default();
    rows::all(&mut table, filled)?;
    println!("\n{table}");
    Ok(if table.is_missed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
