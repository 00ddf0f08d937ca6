//! What the layers, the middlewares and the extractors add to a request, over the bare framework
//! and beside their peers: instructions, nanoseconds, allocations. Fails where a bound is missed.
//!
//! All in one process and without a socket: requests are built beforehand, and what is counted is
//! one call of the service with its answer, up to the drop of both. Instructions and allocations
//! gate, time informs.

#[path = "../scan/cases.rs"]
#[allow(
    dead_code,
    reason = "the requests are those of the bench `scan`, and these are some"
)]
mod cases;
mod figures;
mod on_actix;
mod on_axum;
mod rows;
mod runs;
mod server;

use std::{env, process::ExitCode};

use anyhow::bail;
use refport_bench::table::Table;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["counted"] => runs::counted(),
        // What cargo gives.
        [] | ["--bench"] => return measure(),
        _ => bail!("no such role: {arguments:?}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn measure() -> anyhow::Result<ExitCode> {
    let figures = figures::measure()?;
    println!("{figures}");
    let mut table = Table::default();
    rows::all(&mut table, &figures);
    println!("{table}");
    Ok(if table.is_missed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
