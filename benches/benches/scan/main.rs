//! What finding the click ID in a `Cookie` header costs beside its limits and its peers, case by
//! case: instructions, nanoseconds, allocations. Fails where a bound is missed.
//!
//! All in one process: headers are built beforehand, and what is counted is one look-up with its
//! answer, up to the drop of it. Instructions and allocations gate, time informs.

mod cases;
mod contenders;
mod figures;
mod rows;
mod runs;

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
