//! What the client costs beside the same call on bare reqwest, beside its peer on Node, and while
//! it waits. Prints the ratios; fails where a gated one is missed. Instructions, allocations and
//! memory gate; the peer and whatever is time inform.
//!
//! The client is a process of its own on one thread, and so is the server, so that each figure is
//! the client's alone. Nothing is pinned.

mod callers;
mod dub;
mod rows;
mod runs;
mod server;

use std::{env, process::ExitCode};

use anyhow::{Context, bail};
use refport_bench::table::Table;

use self::callers::Caller;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["answering-server"] => on_one_thread(server::answering())?,
        ["dead-server"] => on_one_thread(server::dead())?,
        ["calls", who, url, calls, in_flight] => {
            let caller = Caller::new(who, url)?;
            let run = runs::calls(caller, calls.parse()?, in_flight.parse()?);
            println!("{}", serde_json::to_string(&on_one_thread(run)?)?);
        }
        ["waiting", who, url, calls] => {
            let port = url.rsplit_once(':').map(|(_, port)| port.parse());
            let caller = Caller::patient(who, url)?;
            let run = runs::waiting(caller, calls.parse()?, port.transpose()?);
            println!("{}", serde_json::to_string(&on_one_thread(run)?)?);
        }
        // What cargo gives.
        [] | ["--bench"] => return measure(),
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
