use std::{future::Future, net::SocketAddr, num::NonZeroU32};

use anyhow::{Context, bail};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use refport_server::{
    Amount, Config, Interval, NewPartner, Reward, RewardTarget, Store, router, serve,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, signal};
use url::Url;

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
    Init(Common),
    /// Answer requests until Ctrl-C
    Serve(ServeArgs),
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
    /// The database, as in sqlite://refport.db or sqlite:///var/lib/refport.db
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
    Add(Common),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Init(common) => init(&common),
            Command::Serve(args) => run_server(args).await,
            Command::Partner(PartnerCommand::Add(args)) => add_partner(args),
            Command::Group(GroupCommand::Add(args)) => add_group(&args),
            Command::Reward(RewardCommand::Set(args)) => set_reward(args),
            Command::Key(KeyCommand::Add(common)) => add_key(&common),
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

fn init(common: &Common) -> anyhow::Result<()> {
    let setup = Store::open(&common.database.database)?.init()?;
    common.print(&json!({ "apiKey": setup.api_key, "programId": setup.program_id }));
    if !common.json {
        println!("The API key is not shown again.");
    }
    Ok(())
}

fn add_key(common: &Common) -> anyhow::Result<()> {
    let api_key = common.open()?.create_api_key()?;
    common.print(&json!({ "apiKey": api_key }));
    Ok(())
}

fn add_partner(args: PartnerAdd) -> anyhow::Result<()> {
    let mut partner = NewPartner::new(args.email, args.name).destination(args.destination);
    if let Some(key) = args.key {
        partner = partner.key(key);
    }
    if let Some(group) = args.group {
        partner = partner.group(group);
    }
    let added = args.common.open()?.add_partner(partner)?;
    let public_url = args.public_url;
    let link_url = added.link_key.map(|key| format!("{public_url}/r/{key}"));
    args.common
        .print(&json!({ "partnerId": added.partner_id, "linkUrl": link_url }));
    Ok(())
}

fn add_group(args: &GroupAdd) -> anyhow::Result<()> {
    let group = args.common.open()?.add_group(&args.name)?;
    args.common.print(&json!({ "groupId": group.group_id }));
    Ok(())
}

fn set_reward(args: RewardSet) -> anyhow::Result<()> {
    let amount = match (&args.percent, args.flat) {
        (Some(percent), _) => Amount::percent(percent)?,
        (None, Some(flat)) => Amount::Flat(flat),
        (None, None) => unreachable!("clap requires one of them"),
    };
    let interval_given = args.one_time || args.months.is_some() || args.lifetime;
    let interval = match args.on {
        On::Lead if interval_given => bail!(
            "a lead is rewarded once a customer; leave out --one-time, --months and --lifetime"
        ),
        On::Lead => Interval::OneTime,
        On::Sale if !interval_given => {
            bail!("say for how long: --one-time, --months N or --lifetime")
        }
        On::Sale if args.one_time => Interval::OneTime,
        On::Sale => args
            .months
            .map_or(Interval::Lifetime, |months| Interval::Recurring { months }),
    };
    let target = match (args.on, args.group) {
        (On::Sale, None) => RewardTarget::Program,
        (On::Sale, Some(group)) => RewardTarget::GroupSale(group),
        (On::Lead, Some(group)) => RewardTarget::GroupLead(group),
        (On::Lead, None) => bail!("a reward for leads belongs to a group; name it with --group"),
    };
    let reward = Reward::new(amount, interval)?;
    args.common.open()?.set_reward(&target, &reward)?;
    let text = match args.on {
        On::Sale => reward.to_string(),
        On::Lead => format!("{amount} the first lead of a customer"),
    };
    args.common.print(&json!({ "reward": text }));
    Ok(())
}

async fn run_server(args: ServeArgs) -> anyhow::Result<()> {
    let store = Store::open_existing(&args.database.database)?;
    if !store.is_initialised()? {
        bail!("the database is empty; set it up with `refport-server init`");
    }
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another with --listen",
            args.listen
        )
    })?;
    let address = listener.local_addr()?;
    let public_url = public_url(args.public_url, address)?;
    let mut config = Config::new(&public_url);
    if let Some(per_second) = args.rate_limit {
        config = config.rate_limit(per_second);
    }
    tracing::info!(%address, public_url, "listening");
    serve(listener, router(store, config), interrupted()?).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Where browsers reach the server: as told, or at the address listened on, where that is one.
fn public_url(given: Option<String>, address: SocketAddr) -> anyhow::Result<String> {
    match given {
        Some(url) => Ok(url),
        None if address.ip().is_unspecified() => {
            bail!(
                "{address} is no address for a browser; say with --public-url where the server is reached"
            )
        }
        None => Ok(format!("http://{address}")),
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

/// Resolves at Ctrl-C or, on Unix, at SIGTERM.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = signal::ctrl_c().await;
    })
}
