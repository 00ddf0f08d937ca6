use std::{net::SocketAddr, num::NonZeroU32};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use refport_core::Currency;
use refport_server::{NewProgram, Store};
use serde_json::Value;
use url::Url;

mod commands;
mod serve;

const DEFAULT_LISTEN: &str = "127.0.0.1:4800";
const DEFAULT_PUBLIC_URL: &str = "http://127.0.0.1:4800";

/// Self-hosted referral attribution that speaks the Refport and Partli protocols.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up the database: a workspace, a program (10 % for 12 months, 30 holding days), an API key
    Init(Init),
    /// Answer requests until Ctrl-C
    Serve(ServeArgs),
    /// Bring the database's tables up to date; `serve` does so too, unless it is told not to
    Migrate(Common),
    /// Tell why a report paid or did not: click, customer, event, reward, arithmetic, outcome
    Explain(ExplainArgs),
    /// Programs: what partners are paid for, in which currency, and when
    #[command(subcommand)]
    Program(ProgramCommand),
    /// Partners and their links
    #[command(subcommand)]
    Partner(PartnerCommand),
    /// Groups of partners with rewards of their own
    #[command(subcommand)]
    Group(GroupCommand),
    /// What partners earn
    #[command(subcommand)]
    Reward(RewardCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Args)]
struct Database {
    /// The database, as in sqlite://refport.db, sqlite:///var/lib/refport.db or
    /// postgres://user:password@host/refport
    #[arg(long, env = "REFPORT_DATABASE", default_value = "sqlite://refport.db")]
    database: String,
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    database: Database,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    terms: Terms,
}

/// What a program is, besides its rewards.
#[derive(Debug, Args)]
struct Terms {
    /// The currency of flat rewards; shares are paid in the sale's own
    #[arg(long, default_value = "usd")]
    currency: Currency,
    /// A code of three letters that is not in ISO 4217 and is taken all the same, as for points
    #[arg(long)]
    other_currency: Vec<Currency>,
    /// How many days after the sale a commission is payable
    #[arg(long, default_value_t = 30)]
    holding_days: u32,
}

impl Terms {
    fn program(self, name: String) -> NewProgram {
        let program = NewProgram::new(name)
            .currency(self.currency)
            .holding_days(self.holding_days);
        self.other_currency
            .into_iter()
            .fold(program, NewProgram::other_currency)
    }
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("question").required(true).args(["invoice_id", "customer_external_id", "click_id"]))]
struct ExplainArgs {
    #[command(flatten)]
    common: Common,
    /// The invoice (Partli: the sale's externalId)
    #[arg(long)]
    invoice_id: Option<String>,
    /// Your own ID of the customer
    #[arg(long)]
    customer_external_id: Option<String>,
    /// The click, as in the visitor's cookie
    #[arg(long)]
    click_id: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ProgramCommand {
    /// Add a program; it pays 10 % for 12 months until it is told otherwise
    Add(ProgramAdd),
}

#[derive(Debug, Args)]
struct ProgramAdd {
    #[command(flatten)]
    common: Common,
    /// The program's name
    #[arg(long)]
    name: String,
    #[command(flatten)]
    terms: Terms,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    database: Database,
    /// The address to listen on
    #[arg(long, env = "REFPORT_LISTEN", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Where browsers reach the server [default: http:// and the address listened on]
    #[arg(long, env = "REFPORT_PUBLIC_URL", value_parser = parse_public_url)]
    public_url: Option<String>,
    /// Requests a second for each API key; more are answered with 429 [default: no limit]
    #[arg(long, env = "REFPORT_RATE_LIMIT")]
    rate_limit: Option<NonZeroU32>,
    /// Take a service's documents by their letter: its reports without a known click pay nobody, even
    /// where the customer is known
    #[arg(long, env = "REFPORT_STRICT", value_enum, value_delimiter = ',')]
    strict: Vec<Strict>,
    /// Whether to bring the tables up to date at the start, or to stop where they are not
    #[arg(long, env = "REFPORT_MIGRATE", value_enum, default_value_t = Migrate::Auto)]
    migrate: Migrate,
    /// For how many days refused reports are kept for `explain`
    #[arg(
        long,
        env = "REFPORT_KEEP_REFUSED",
        default_value_t = 90,
        value_name = "DAYS"
    )]
    keep_refused: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Migrate {
    Auto,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Strict {
    Refport,
    Partli,
}

#[derive(Debug, Subcommand)]
enum PartnerCommand {
    /// Add a partner and their link
    Add(PartnerAdd),
}

#[derive(Debug, Args)]
struct PartnerAdd {
    #[command(flatten)]
    common: Common,
    /// The partner's e-mail address
    #[arg(long)]
    email: String,
    /// The partner's name
    #[arg(long)]
    name: String,
    /// The link's key, the part behind /r/ [default: eight random letters and digits]
    #[arg(long)]
    key: Option<String>,
    /// Where the link leads
    #[arg(long)]
    destination: String,
    /// The program in which the partner earns [default: the first]
    #[arg(long)]
    program: Option<String>,
    /// The group whose rewards the partner earns
    #[arg(long)]
    group: Option<String>,
    /// Where browsers reach the server, for the link that is printed
    #[arg(long, env = "REFPORT_PUBLIC_URL", default_value = DEFAULT_PUBLIC_URL, value_parser = parse_public_url)]
    public_url: String,
}

#[derive(Debug, Subcommand)]
enum GroupCommand {
    /// Add a group
    Add(GroupAdd),
}

#[derive(Debug, Args)]
struct GroupAdd {
    #[command(flatten)]
    common: Common,
    /// The group's name
    #[arg(long)]
    name: String,
    /// The program in which it is [default: the first]
    #[arg(long)]
    program: Option<String>,
}

#[derive(Debug, Subcommand)]
enum RewardCommand {
    /// Set what is paid from now on; what was earned stays
    Set(RewardSet),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("amount").required(true).args(["percent", "flat"]))]
#[command(group = ArgGroup::new("interval").args(["one_time", "months", "lifetime"]))]
struct RewardSet {
    #[command(flatten)]
    common: Common,
    /// The group whose reward it is [default: the program's, for partners without one]
    #[arg(long)]
    group: Option<String>,
    /// The program whose reward it is [default: the first]
    #[arg(long, conflicts_with = "group")]
    program: Option<String>,
    /// What is rewarded; leads only in groups, with a flat sum, once a customer
    #[arg(long, value_enum, default_value_t = On::Sale)]
    on: On,
    /// A share of each sale, as in 10 or 12.5
    #[arg(long)]
    percent: Option<String>,
    /// A fixed sum in the smallest unit of the program's currency (cents)
    #[arg(long)]
    flat: Option<i64>,
    /// Only for a customer's first sale
    #[arg(long)]
    one_time: bool,
    /// For sales within so many months from the customer's first
    #[arg(long)]
    months: Option<u16>,
    /// For all sales of a customer
    #[arg(long)]
    lifetime: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum On {
    Sale,
    Lead,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a further API key and show it, once
    Add(KeyAdd),
    /// Sign click IDs and embed tokens with a new key; those of older keys go on to count
    RotateSigning(Common),
}

#[derive(Debug, Args)]
struct KeyAdd {
    #[command(flatten)]
    common: Common,
    /// The program in which partners earn whom a call with the key makes [default: the first]
    #[arg(long)]
    program: Option<String>,
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Init(args) => commands::init(args),
            Command::Serve(args) => serve::run(args).await,
            Command::Migrate(common) => commands::migrate(&common),
            Command::Explain(args) => commands::explain(args),
            Command::Program(ProgramCommand::Add(args)) => commands::add_program(args),
            Command::Partner(PartnerCommand::Add(args)) => commands::add_partner(args),
            Command::Group(GroupCommand::Add(args)) => commands::add_group(&args),
            Command::Reward(RewardCommand::Set(args)) => commands::set_reward(args),
            Command::Key(KeyCommand::Add(args)) => commands::add_key(&args),
            Command::Key(KeyCommand::RotateSigning(common)) => {
                commands::rotate_signing_key(&common)
            }
        }
    }
}

impl Common {
    fn open(&self) -> anyhow::Result<Store> {
        Ok(Store::open_existing(&self.database.database)?)
    }

    /// One line of JSON, or a line for each value.
    fn print(&self, values: &Value) {
        if self.json {
            println!("{values}");
        } else {
            for (name, value) in values.as_object().into_iter().flatten() {
                println!(
                    "{name}: {}",
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                );
            }
        }
    }
}

/// A URL to which paths can be added.
fn parse_public_url(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("give a URL like https://go.example.com".to_owned()),
    }
}
