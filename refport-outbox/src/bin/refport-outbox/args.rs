use std::{num::NonZeroU32, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::span;

/// What is said on the command line. Without `Debug`: it holds keys and passwords.
#[derive(Parser)]
#[command(
    version,
    about = "Looks at an outbox of leads and sales, mends it, and delivers what it holds",
    after_help = "Exit status: 0 done, 1 failed, 2 called in a wrong way."
)]
pub(crate) struct Cli {
    /// The database: sqlite:shop.db or postgres://user@host/shop
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub(crate) database: Option<String>,
    /// Answer in one line of JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make the outbox's tables, or bring them up to date; makes an SQLite file that is not there
    Migrate,
    /// How many events are in which state, how old the oldest is, and what is paused
    Status,
    /// Events that were given up
    #[command(subcommand)]
    Dead(DeadCommand),
    /// End the pause of a destination, as after a wrong API key: its workers try again at once
    Resume {
        /// Its name, as `status` shows it
        destination: String,
    },
    /// Delete what was delivered, and with it the memory of its keys
    Purge {
        /// How long ago it was delivered at least, as in 30d or 12h
        #[arg(long, value_name = "TIME", value_parser = span::parse)]
        older_than: Duration,
    },
    /// Deliver until SIGTERM or Ctrl-C, then finish what is on its way and say what is left
    Work(Work),
}

#[derive(Subcommand)]
pub(crate) enum DeadCommand {
    /// The dead letters, the oldest first
    List(DeadList),
    /// One dead letter with its event, which may tell of a person
    Show {
        /// Its number, as `dead list` shows it
        id: i64,
    },
    /// Let dead letters be delivered again
    ///
    /// One that was given up as `unclear` was perhaps taken: delivered again, it may be counted a
    /// second time.
    Replay(DeadReplay),
}

#[derive(Args)]
pub(crate) struct DeadList {
    /// Of one destination only
    #[arg(long, value_name = "NAME")]
    pub(crate) destination: Option<String>,
    /// So many at most
    #[arg(long, value_name = "LETTERS", default_value = "100")]
    pub(crate) limit: NonZeroU32,
    /// Those whose number is greater: the last one of the page before
    #[arg(
        long,
        value_name = "ID",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub(crate) after: i64,
}

#[derive(Args)]
pub(crate) struct DeadReplay {
    /// Their numbers, as `dead list` shows them
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<i64>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// With --all: those of one destination
    #[arg(long, value_name = "NAME", requires = "all", conflicts_with = "ids")]
    pub(crate) destination: Option<String>,
}

/// A worker's destinations and settings. What is not said is as in the library.
#[derive(Args)]
pub(crate) struct Work {
    /// The API key of Refport: its events are delivered
    #[arg(
        long,
        env = "REFPORT_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(crate) refport_key: Option<String>,
    /// Where Refport lives, or a refport-server of your own [default: the service]
    #[arg(long, env = "REFPORT_BASE_URL", value_name = "URL")]
    pub(crate) refport_url: Option<String>,
    /// Take plain http for any host in --refport-url
    #[arg(long, env = "REFPORT_ALLOW_HTTP")]
    pub(crate) refport_allow_http: bool,
    /// That service counts a repeated lead once, as refport-server does
    #[arg(long)]
    pub(crate) refport_repeat_leads: bool,
    /// The API key of Partli: its events are delivered
    #[arg(
        long,
        env = "PARTLI_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(crate) partli_key: Option<String>,
    /// Where Partli lives [default: the service]
    #[arg(long, env = "PARTLI_BASE_URL", value_name = "URL")]
    pub(crate) partli_url: Option<String>,
    /// Take plain http for any host in --partli-url
    #[arg(long, env = "PARTLI_ALLOW_HTTP")]
    pub(crate) partli_allow_http: bool,
    /// Deliver what is due, and end
    #[arg(long)]
    pub(crate) drain: bool,
    /// Deliveries on their way at once, to each destination [default: 64]
    #[arg(long, value_name = "DELIVERIES")]
    pub(crate) concurrency: Option<usize>,
    /// Attempts before an event is a dead letter [default: 20]
    #[arg(long, value_name = "ATTEMPTS")]
    pub(crate) max_attempts: Option<u32>,
    /// How long to wait for what is on its way when told to stop [default: 25s]
    #[arg(long, value_name = "TIME", value_parser = span::parse)]
    pub(crate) stop_within: Option<Duration>,
}
