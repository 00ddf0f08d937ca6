use std::{num::NonZeroU32, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use refport_outbox::refport_core::ClickId;

/// Kills a server, a shop and its workers, and compares what was sold with what was counted.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// Without one it is the harness itself.
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) run: Option<Run>,
}

/// What is run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Run {
    /// Where the shop keeps its orders and its outbox
    #[arg(long, value_enum)]
    pub(crate) store: Store,
    /// Where the server keeps what it counts
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) server_store: Store,
    /// How many processes are killed while they run
    #[arg(long)]
    pub(crate) kills: u32,
    /// Repeats the choice of victims, instants and orders [default: drawn, and printed]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many orders the shop tries to take, on average
    #[arg(long, default_value = "200")]
    pub(crate) orders_per_second: NonZeroU32,
    /// The mean time between two kills, in milliseconds: each is drawn from nothing to twice that
    #[arg(long, default_value = "400")]
    pub(crate) kill_every_ms: NonZeroU32,
    /// How many visitors follow a link beside the shop, on average
    #[arg(long, default_value = "50")]
    pub(crate) clicks_per_second: NonZeroU32,
    /// For how many seconds the server's database is locked once nothing is killed any more
    #[arg(long, default_value = "7", value_parser = clap::value_parser!(u64).range(6..))]
    pub(crate) lock_seconds: u64,
}

/// Several servers on one Postgres, and what is reported to them at once.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Servers {
    /// How many servers
    #[arg(long, default_value = "4", value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) servers: u16,
    /// For how many seconds they are reported to
    #[arg(long, default_value = "30")]
    pub(crate) seconds: u64,
    /// How many shops report at the same time
    #[arg(long, default_value = "24")]
    pub(crate) shops: u32,
    /// How many of a hundred turns are such that servers get into each other's way
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) collisions: u32,
    /// Repeats the choice of what is reported [default: drawn, and printed]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// An SQLite file
    Sqlite,
    /// A temporary Postgres of the harness's own
    Postgres,
}

impl Store {
    /// As on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// The processes of a run. Each ends when its standard input does, and so with the harness.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Runs several servers on one Postgres, and reports the same to them at once
    Servers(Servers),
    /// refport-server, as its own binary serves it
    #[command(hide = true)]
    Server(Server),
    /// The shop that takes orders
    #[command(hide = true)]
    Producer(Producer),
    /// A worker of the shop's outbox
    #[command(hide = true)]
    Worker(Worker),
    /// A Postgres in a temporary folder, whose URL is printed
    #[command(hide = true)]
    Cluster,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Server {
    #[arg(long)]
    pub(crate) database: String,
    #[arg(long)]
    pub(crate) port: u16,
    /// Which start of the server this is: links say so
    #[arg(long)]
    pub(crate) start: u32,
    #[arg(long)]
    pub(crate) journal: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Producer {
    #[arg(long)]
    pub(crate) database: String,
    /// The partner's link, which visitors follow
    #[arg(long)]
    pub(crate) link: String,
    /// Clicks that the server knows, for visitors who come while it is down
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) clicks: Vec<ClickId>,
    #[arg(long)]
    pub(crate) orders_per_second: NonZeroU32,
    #[arg(long)]
    pub(crate) seed: u64,
    /// Which start of the shop this is: no two place an order of the same ID
    #[arg(long)]
    pub(crate) start: u32,
    #[arg(long)]
    pub(crate) journal: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Worker {
    #[arg(long)]
    pub(crate) database: String,
    #[arg(long, env = "REFPORT_BASE_URL")]
    pub(crate) base_url: String,
    #[arg(long, env = "REFPORT_API_KEY", hide_env_values = true)]
    pub(crate) api_key: String,
    #[arg(long)]
    pub(crate) journal: PathBuf,
}
