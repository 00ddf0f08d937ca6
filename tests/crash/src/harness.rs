use std::{net::TcpListener, path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use refport_outbox::refport_core::ClickId;
use refport_server::{Amount, Interval, NewPartner, Reward, RewardTarget, Store};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use crate::{
    api::Api,
    args::{self, Run},
    compare::{Sold, compare},
    database::{Database, States},
    process::Cluster,
    storm::{Plan, Storm},
    tally::Kind,
    visitor::Visitor,
};

/// The partner who earns.
pub(crate) const PARTNER: &str = "partner@example.com";

/// [`run`], which gives up at an interrupt, so that all is cleaned up.
pub(crate) async fn run_until_interrupted(args: Run) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = run(args) => done,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}

async fn run(args: Run) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or_else(|| rand::rng().random());
    println!(
        "store={} seed={seed} kills={} orders_per_second={} kill_every_ms={}",
        match args.store {
            args::Store::Sqlite => "sqlite",
            args::Store::Postgres => "postgres",
        },
        args.kills,
        args.orders_per_second,
        args.kill_every_ms,
    );
    let folder = tempfile::Builder::new()
        .prefix("refport-crash-")
        .tempdir()?;
    let outcome = rage_and_compare(&args, seed, folder.path()).await;
    if outcome.is_err() {
        eprintln!("databases, journals and logs: {}", folder.keep().display());
    }
    outcome
}

async fn rage_and_compare(args: &Run, seed: u64, folder: &Path) -> anyhow::Result<()> {
    let cluster = match args.store {
        args::Store::Sqlite => None,
        args::Store::Postgres => Some(Cluster::start(
            std::process::Command::new(std::env::current_exe()?).arg("cluster"),
        )?),
    };
    let shop_database = match &cluster {
        Some(cluster) => cluster.url.clone(),
        None => format!("sqlite://{}", folder.join("shop.db").display()),
    };
    let mut random = StdRng::seed_from_u64(seed);
    let database = Database::open(&shop_database).await?;
    let mut storm = Storm::new(set_up(args, seed, folder, shop_database)?);
    let api = Api::new(&storm.plan().server_url(), &storm.plan().api_key)?;

    storm.start(Kind::Server)?;
    wait_for_server(&mut storm, &api).await?;
    storm.plan().clicks = clicks(&storm.plan().link).await?;
    storm.start(Kind::Producer)?;
    storm.start(Kind::Worker)?;
    wait_for_first_sale(&mut storm, &database).await?;
    let begun = Instant::now();
    let every = Duration::from_millis(args.kill_every_ms.get().into());
    storm.rage(args.kills, every, &mut random).await?;
    let raged = begun.elapsed();

    // From here on nothing is killed.
    storm.start(Kind::Server)?;
    storm.start(Kind::Producer)?;
    storm.start(Kind::Worker)?;
    wait_for_server(&mut storm, &api).await?;
    storm.stop(Kind::Producer).await?;
    let left = database.states().await?.open;
    let begun = Instant::now();
    let outbox = drained(&mut storm, &database).await?;
    let drained = begun.elapsed();
    storm.stop(Kind::Worker).await?;

    let orders = database.orders().await?;
    let tally = storm.tally();
    let mut asked = tally.begun().clone();
    asked.extend(orders.iter().map(|order| order.id.clone()));
    let sold = Sold {
        orders,
        committed: tally.committed().clone(),
        outbox,
    };
    let verdict = compare(&sold, &api.counted(&asked).await?);
    storm.stop(Kind::Server).await?;

    let tally = storm.tally();
    print!("{tally}");
    let answered = tally.ended(Kind::Server, "200");
    println!(
        "sales answered again: {}; events claimed again: {}; committed and not told so: {}",
        answered.saturating_sub(verdict.sales() as u64),
        database.claimed_again().await?,
        sold.orders.len() - sold.committed.len().min(sold.orders.len()),
    );
    println!(
        "killing took {:.1} s and left {left} sales, delivered in {:.1} s",
        raged.as_secs_f64(),
        drained.as_secs_f64(),
    );
    for complaint in verdict.complaints() {
        eprintln!("{complaint}");
    }
    println!("kills={} {verdict}", tally.kills());
    ensure!(verdict.is_good(), "what was sold is not what was counted");
    Ok(())
}

/// A workspace with a partner who earns a tenth of every sale, as the command line makes it.
fn set_up(args: &Run, seed: u64, folder: &Path, shop_database: String) -> anyhow::Result<Plan> {
    let server_database = format!("sqlite://{}", folder.join("refport.db").display());
    let store = Store::open(&server_database)?;
    let setup = store.init()?;
    let reward = Reward::new(Amount::percent("10")?, Interval::Lifetime)?;
    store.set_reward(&RewardTarget::Program, &reward)?;
    let partner = NewPartner::new(PARTNER, "Partner").destination("http://shop.example/");
    let key = store.add_partner(partner)?.link_key.context("no link")?;
    let port = free_port()?;
    Ok(Plan {
        folder: folder.to_owned(),
        shop_database,
        server_database,
        port,
        api_key: setup.api_key,
        link: format!("http://127.0.0.1:{port}/r/{key}"),
        clicks: Vec::new(),
        orders_per_second: args.orders_per_second,
        seed,
    })
}

/// A port that is free, and below those from which systems take a connection's own: a client that
/// connects to nobody there could else meet itself.
fn free_port() -> anyhow::Result<u16> {
    const TRIES: usize = 100;
    let port = || rand::rng().random_range(20_000..30_000);
    (0..TRIES)
        .map(|_| port())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no port is free")
}

/// Clicks of visitors who came before the first kill.
async fn clicks(link: &str) -> anyhow::Result<Vec<ClickId>> {
    const VISITORS: usize = 20;
    const TRIES: usize = 200;
    let visitor = Visitor::new()?;
    let mut clicks = Vec::new();
    for _ in 0..TRIES {
        match visitor.click(link).await {
            Ok(click_id) => clicks.push(click_id),
            Err(error) => tracing::warn!(error = &*error as &dyn std::error::Error, "no click"),
        }
        if clicks.len() == VISITORS {
            return Ok(clicks);
        }
    }
    bail!("the link {link} gives no clicks")
}

/// How long the processes may take until they work, undisturbed.
const PATIENCE: Duration = Duration::from_secs(60);

async fn wait_for_server(storm: &mut Storm, api: &Api) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !api.is_up().await {
        storm.check()?;
        ensure!(begun.elapsed() < PATIENCE, "the server does not answer");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// All of it works before the first kill, so that no run ends without an order.
async fn wait_for_first_sale(storm: &mut Storm, database: &Database) -> anyhow::Result<()> {
    let begun = Instant::now();
    while database.states().await?.delivered == 0 {
        storm.check()?;
        ensure!(begun.elapsed() < PATIENCE, "no sale is delivered");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until the outbox has nothing to deliver, for as long as it becomes less. A lease that a
/// killed worker left has to end first.
async fn drained(storm: &mut Storm, database: &Database) -> anyhow::Result<States> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let (mut least, mut since) = (u64::MAX, Instant::now());
    loop {
        storm.check()?;
        let states = database.states().await?;
        if states.open == 0 {
            return Ok(states);
        }
        if states.open < least {
            (least, since) = (states.open, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            let paused = database.outbox().paused().await?;
            bail!("nothing is delivered any more: {states:?}, paused: {paused:?}");
        }
        sleep(Duration::from_millis(100)).await;
    }
}
