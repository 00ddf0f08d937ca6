//! The `refport-outbox` command: looks at what an outbox holds, mends it, and delivers it from a
//! process of its own.
//!
//! - `args`: what can be said on the command line;
//! - `database`: from a URL to an outbox;
//! - `status`, `dead`, `mend`, `work`: the commands;
//! - `print`, `span`: how their answers look;
//! - `failure`: how they fail.

mod args;
mod database;
mod dead;
mod failure;
mod mend;
mod print;
mod span;
mod status;
mod work;

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use self::{
    args::{Cli, Command, DeadCommand},
    database::{Database, Missing},
    failure::Usage,
    print::Printer,
};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli.command);
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

/// To standard error, so that standard output is the answer alone.
fn log(command: &Command) {
    // A command that answers at once says what is to be said in its answer.
    let usual = match command {
        Command::Work(_) => "info,sqlx=warn",
        _ => "error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(stderr().is_terminal())
        .with_writer(stderr)
        .init();
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let printer = Printer::new(cli.json);
    let url = cli.database.filter(|url| !url.trim().is_empty());
    let url = url.ok_or(Usage(
        "--database or DATABASE_URL is missing: give sqlite:shop.db or \
         postgres://user@host/shop"
            .into(),
    ))?;
    let missing = match cli.command {
        Command::Migrate => Missing::IsMade,
        _ => Missing::IsAnError,
    };
    // Keys are looked at before the database is, which may be far.
    let destinations = match &cli.command {
        Command::Work(args) => Some(work::destinations(args)?),
        _ => None,
    };
    let database = Database::open(&url, missing).await?;
    let outbox = &database.outbox;
    let done = match cli.command {
        Command::Migrate => mend::migrate(outbox, &printer).await,
        Command::Status => status::status(outbox, &printer).await,
        Command::Dead(DeadCommand::List(args)) => dead::list(outbox, args, &printer).await,
        Command::Dead(DeadCommand::Show { id }) => dead::show(outbox, id, &printer).await,
        Command::Dead(DeadCommand::Replay(args)) => dead::replay(outbox, args, &printer).await,
        Command::Resume { destination } => mend::resume(outbox, &destination, &printer).await,
        Command::Purge { older_than } => mend::purge(outbox, older_than, &printer).await,
        Command::Work(args) => work::work(outbox, destinations, &args, &printer).await,
    };
    database.close().await;
    done
}
