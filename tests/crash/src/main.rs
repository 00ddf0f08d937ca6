//! Kills a server, a shop and its workers at random instants, and compares what was sold with what
//! was counted: `cargo run -p refport-crash -- --store sqlite --kills 500`. `docs/CRASH.md` tells
//! the whole of it.
//!
//! - `harness`: one run, from the empty databases to the last line;
//! - `storm`, `process`: what is killed, when, and how it comes back;
//! - `visitors`, `locker`: who follows links all the time, and who keeps the server from writing;
//! - `roles`: what the killed processes do: this program again, as a subcommand;
//! - `database`: the shop's orders, with the outbox beside them;
//! - `counted`: the server's own database, looked into;
//! - `journal`, `tally`: what each process had begun when it was killed;
//! - `api`, `compare`: what the server counted, held against the orders;
//! - `servers`: another run, of several servers on one database, of which none is killed.

mod api;
mod args;
mod compare;
mod counted;
mod database;
mod harness;
mod journal;
mod locker;
mod process;
mod roles;
mod servers;
mod storm;
mod tally;
mod visitor;
mod visitors;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Role};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let outcome = match (args.role, args.run) {
        (Some(Role::Servers(args)), _) => servers::run_until_interrupted(args).await,
        (Some(role), _) => roles::play(role).await,
        (None, Some(run)) => harness::run_until_interrupted(run).await,
        (None, None) => unreachable!("clap requires one of them"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("refport-crash: {error:#}");
            ExitCode::FAILURE
        }
    }
}
