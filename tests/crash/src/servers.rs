//! Several servers on one Postgres, to which the same is reported at once, and what they made of it.
//!
//! - `report`: what shops send, and how they take an answer;
//! - `shop`: who reports what to whom at the same time, and what each answer must be;
//! - `ledger`: what must be in the database therefore.

mod ledger;
mod report;
mod shop;

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use refport_server::{Amount, Interval, NewPartner, Reward, RewardTarget, Store};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::{Instant, sleep},
};

use self::{ledger::Ledger, report::Server, shop::Shop};
use crate::{
    args::{self, Servers},
    counted::Counted,
    harness::free_port,
    journal,
    process::{Cluster, Process},
    roles::{CLICKS_LEFT, CONFLICTS, DRAIN},
};

/// [`run`], which gives up at an interrupt, so that all is cleaned up.
pub(crate) async fn run_until_interrupted(args: Servers) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = run(args) => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn run(args: Servers) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or_else(|| rand::rng().random());
    println!(
        "servers={} seed={seed} seconds={} shops={} collisions={}",
        args.servers, args.seconds, args.shops, args.collisions
    );
    let folder = tempfile::Builder::new()
        .prefix("refport-servers-")
        .tempdir()?;
    let outcome = report_and_compare(&args, seed, folder.path()).await;
    if outcome.is_err() {
        eprintln!("journals and logs: {}", folder.keep().display());
    }
    outcome
}

async fn report_and_compare(args: &Servers, seed: u64, folder: &Path) -> anyhow::Result<()> {
    let cluster = Cluster::start_own()?;
    let database = cluster.create("refport").await?;
    let set_up = SetUp::new(&database)?;
    let counted = Counted::open(&database).await?;
    let mut processes = Vec::new();
    let mut servers = Vec::new();
    for number in 0..args.servers {
        let port = free_port()?;
        let journal = folder.join(format!("server-{number}.journal"));
        let role = args::Server {
            database: database.clone(),
            port,
            start: number.into(),
            journal: journal.clone(),
        };
        let log = folder.join(format!("server-{number}.log"));
        processes.push(Process::start(&mut command(&role)?, journal, &log)?);
        servers.push(Server::new(port, &set_up.api_key)?);
    }
    for server in &servers {
        wait_for(server).await?;
    }

    let ledger = Arc::new(Ledger::default());
    let begun = Instant::now();
    let until = begun + Duration::from_secs(args.seconds);
    let mut shops = JoinSet::new();
    for number in 0..args.shops {
        let shop = Shop {
            number,
            servers: servers.clone(),
            links: set_up.links.clone(),
            ledger: Arc::clone(&ledger),
            random: StdRng::seed_from_u64(seed ^ u64::from(number)),
            collisions: args.collisions,
        };
        shops.spawn(shop.report_until(until));
    }
    while let Some(shop) = shops.join_next().await {
        shop??;
    }
    let took = begun.elapsed();

    let (mut conflicts, mut noted) = (0, 0);
    for mut process in processes {
        let within = 2 * DRAIN + Duration::from_secs(5);
        let stopped = process.terminate(within).await?;
        stopped.context("a server ended by itself")?;
        let mut ends = journal::read(&process.journal)?;
        let mut number = |name| -> anyhow::Result<u64> {
            let end = ends.remove(name).flatten().context("no end")?;
            Ok(end.parse()?)
        };
        conflicts += number(CONFLICTS)?;
        ensure!(number(CLICKS_LEFT)? == 0, "clicks are left");
        noted += ends.len();
    }
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let deadlocks = counted.number(sql).await?;
    let mut verdict = ledger.compare(&counted).await?;
    counted.close().await;
    if deadlocks > 0 {
        let what = format!("{deadlocks} times servers waited for each other in a circle");
        verdict.complaints.push(what);
    }
    println!("{}", ledger.turns());
    println!(
        "{} reports in {:.1} s, {noted} of sales; {:.0} reports/s",
        verdict.reports,
        took.as_secs_f64(),
        verdict.reports as f64 / took.as_secs_f64(),
    );
    for complaint in &verdict.complaints {
        eprintln!("{complaint}");
    }
    println!(
        "servers={} reports={} conflicts={conflicts} deadlocks={deadlocks} busy={} sales={} \
         commissions={} customers={} clicks={} lost={} double={} wrong={}",
        args.servers,
        verdict.reports,
        verdict.busy,
        verdict.sales,
        verdict.commissions,
        verdict.customers,
        verdict.clicks,
        verdict.lost,
        verdict.double,
        verdict.complaints.len(),
    );
    ensure!(
        verdict.is_good(),
        "what was reported is not what was counted"
    );
    Ok(())
}

fn command(role: &args::Server) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["server", "--database", &role.database]);
    command.args(["--port", &role.port.to_string()]);
    command.args(["--start", &role.start.to_string()]);
    command.arg("--journal").arg(&role.journal);
    Ok(command)
}

async fn wait_for(server: &Server) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    while !server.is_up().await {
        ensure!(begun.elapsed() < PATIENCE, "a server does not answer");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The keys of the links, by what their partner earns.
#[derive(Clone, Debug)]
struct Links {
    /// A tenth of every sale, as another partner does.
    always: [String; 2],
    /// A tenth of a customer's first sale, and a sum for a customer's first lead.
    once: String,
    /// A tenth of each sale in the month from the first.
    month: String,
}

struct SetUp {
    api_key: String,
    links: Links,
}

impl SetUp {
    fn new(database: &str) -> anyhow::Result<Self> {
        let store = Store::open(database)?;
        let api_key = store.init()?.api_key;
        let reward = |interval| Reward::new(Amount::percent("10")?, interval);
        store.set_reward(&RewardTarget::Program, &reward(Interval::Lifetime)?)?;
        store.add_group("once")?;
        store.add_group("month")?;
        let group = |name: &str| RewardTarget::GroupSale(name.to_owned());
        store.set_reward(&group("once"), &reward(Interval::OneTime)?)?;
        let month = reward(Interval::Recurring { months: 1 })?;
        store.set_reward(&group("month"), &month)?;
        let lead = Reward::new(Amount::Flat(50), Interval::OneTime)?;
        store.set_reward(&RewardTarget::GroupLead("once".to_owned()), &lead)?;
        let partner = |name: &str, group: Option<&str>| {
            let partner = NewPartner::new(format!("{name}@partners.example"), name)
                .destination("http://shop.example/");
            let partner = match group {
                Some(group) => partner.group(group),
                None => partner,
            };
            store.add_partner(partner)?.link_key.context("no link")
        };
        let links = Links {
            always: [partner("first", None)?, partner("second", None)?],
            once: partner("once", Some("once"))?,
            month: partner("month", Some("month"))?,
        };
        Ok(Self { api_key, links })
    }
}
