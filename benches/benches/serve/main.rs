//! What the server answers over HTTP, on loopback, beside a handler that reads the same requests,
//! answers as much, and keeps nothing. Prints the limits and the ratios; fails where a gated one is
//! missed.
//!
//! Each server is a process of its own, and so is what loads it, on one thread. They share the
//! machine's cores; nothing is pinned. Afterwards the rows are counted: a commission for each sale, a
//! click for each redirect.

mod clients;
mod rows;
mod servers;

use std::{env, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use refport_bench::table::Table;
use tokio::runtime::{Builder, Runtime};

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // What cargo gives.
    let arguments = arguments.iter().map(String::as_str);
    let arguments: Vec<&str> = arguments.filter(|given| *given != "--bench").collect();
    match arguments[..] {
        ["refport", file] => many_threads()?.block_on(servers::refport(Path::new(file)))?,
        ["null"] => many_threads()?.block_on(servers::null())?,
        ["load", what, url, process, key, requests, in_flight] => {
            let load = clients::load(
                what,
                url,
                process.parse()?,
                key,
                requests.parse()?,
                in_flight.parse()?,
            );
            println!("{}", serde_json::to_string(&one_thread()?.block_on(load)?)?);
        }
        [] => return measure(),
        _ => bail!("no such role: {arguments:?}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// As the binary has it.
fn many_threads() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().build().context("making a runtime")
}

fn one_thread() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().context("making a runtime")
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
