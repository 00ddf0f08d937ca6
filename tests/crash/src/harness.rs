use std::{net::TcpListener, path::Path, sync::Arc, time::Duration};

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
    counted::Counted,
    database::{Database, States},
    locker::Locker,
    process::Cluster,
    storm::{Plan, Storm},
    tally::Kind,
    visitor::Visitor,
    visitors::Visitors,
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
        "store={} server_store={} seed={seed} kills={} orders_per_second={} kill_every_ms={} \
         clicks_per_second={} lock_seconds={}",
        args.store.as_str(),
        args.server_store.as_str(),
        args.kills,
        args.orders_per_second,
        args.kill_every_ms,
        args.clicks_per_second,
        args.lock_seconds,
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
    let needs_cluster = [args.store, args.server_store].contains(&args::Store::Postgres);
    let cluster = needs_cluster.then(Cluster::start_own).transpose()?;
    let database_of = async |store, name: &'static str| match (&cluster, store) {
        (Some(cluster), args::Store::Postgres) => cluster.create(name).await,
        _ => {
            let file = folder.join(name).with_extension("db");
            Ok(format!("sqlite://{}", file.display()))
        }
    };
    let shop_database = database_of(args.store, "shop").await?;
    let server_database = database_of(args.server_store, "refport").await?;
    let mut random = StdRng::seed_from_u64(seed);
    let database = Database::open(&shop_database).await?;
    let (plan, visitors_link) = set_up(args, seed, folder, shop_database, server_database)?;
    let server_database = plan.server_database.clone();
    let counted = Counted::open(&server_database).await?;
    let mut storm = Storm::new(plan);
    let api = Arc::new(Api::new(&storm.plan().server_url(), &storm.plan().api_key)?);

    storm.start(Kind::Server)?;
    wait_for_server(&mut storm, &api).await?;
    storm.plan().clicks = clicks(&storm.plan().link).await?;
    storm.start(Kind::Producer)?;
    storm.start(Kind::Worker)?;
    wait_for_first_sale(&mut storm, &database).await?;
    let url = format!("{}/r/{visitors_link}", storm.plan().server_url());
    let visitors = Arc::new(Visitors::start(&url, args.clicks_per_second)?);
    let locker = Locker::start(
        server_database.clone(),
        Arc::clone(&api),
        Arc::clone(&visitors),
    );
    let begun = Instant::now();
    let every = Duration::from_millis(args.kill_every_ms.get().into());
    storm.rage(args.kills, every, &mut random).await?;
    let raged = begun.elapsed();

    // From here on nothing is killed.
    storm.start(Kind::Server)?;
    storm.start(Kind::Producer)?;
    storm.start(Kind::Worker)?;
    wait_for_server(&mut storm, &api).await?;
    let mut locks = locker.stop().await?;
    let time = Duration::from_secs(args.lock_seconds);
    locks.hold(&server_database, &api, &visitors, time).await?;
    storm.check()?;
    storm.stop(Kind::Producer).await?;
    let left = database.states().await?.open;
    let begun = Instant::now();
    let outbox = drained(&mut storm, &database).await?;
    let drained = begun.elapsed();
    storm.stop(Kind::Worker).await?;
    // The visitors still come, and what they were given by then is counted.
    storm.terminate_server().await?;
    let mut visitors =
        Arc::try_unwrap(visitors).map_err(|_| anyhow::anyhow!("the locker is still there"))?;
    visitors.stop().await;
    let clicks = counted.clicks(&visitors_link).await?;
    storm.start(Kind::Server)?;
    wait_for_server(&mut storm, &api).await?;

    let orders = database.orders().await?;
    let tally = storm.tally();
    let mut asked = tally.begun().clone();
    asked.extend(orders.iter().map(|order| order.id.clone()));
    let sold = Sold {
        orders,
        committed: tally.committed().clone(),
        outbox,
    };
    let mut verdict = compare(&sold, &api.counted(&asked).await?);
    let sales = verdict.sales();
    let judged = visitors.judge(&api, &clicks, &storm.stops().starts).await?;
    locks.check(&counted).await?;
    storm.stop(Kind::Server).await?;

    // Each of these sales has made its click's row, where there was none.
    let now = counted.clicks(&visitors_link).await?;
    if now.ids.len() as u64 != now.by_day || now.ids.len() != judged.handed_out + judged.unseen {
        verdict.add_wrong([format!(
            "after the sales there are {} clicks, {} by day",
            now.ids.len(),
            now.by_day
        )]);
    }
    counted.close().await;
    let tally = storm.tally();
    print!("{tally}");
    println!(
        "clicks: {} handed out, {} of them counted, {} not; {} counted whose visitor was cut off",
        judged.handed_out,
        judged.counted,
        judged.handed_out - judged.counted,
        judged.unseen,
    );
    println!("{locks}");
    println!(
        "orderly stops: {}, the longest in {:.1} s",
        storm.stops().starts.len(),
        storm.stops().longest.as_secs_f64(),
    );
    verdict.add_clicks(judged);
    verdict.add_wrong(locks.wrong);
    let answered = tally.ended(Kind::Server, "200");
    println!(
        "sales answered again: {}; events claimed again: {}; committed and not told so: {}",
        answered.saturating_sub(sales as u64),
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
///
/// With the key of another partner's link, for the visitors who buy nothing.
fn set_up(
    args: &Run,
    seed: u64,
    folder: &Path,
    shop_database: String,
    server_database: String,
) -> anyhow::Result<(Plan, String)> {
    let store = Store::open(&server_database)?;
    let setup = store.init()?;
    let reward = Reward::new(Amount::percent("10")?, Interval::Lifetime)?;
    store.set_reward(&RewardTarget::Program, &reward)?;
    let partner = NewPartner::new(PARTNER, "Partner").destination("http://shop.example/");
    let key = store.add_partner(partner)?.link_key.context("no link")?;
    let partner = NewPartner::new("visited@example.com", "Visited");
    let partner = store.add_partner(partner.destination("http://shop.example/"))?;
    let visitors_link = partner.link_key.context("no link")?;
    let port = free_port()?;
    let plan = Plan {
        folder: folder.to_owned(),
        shop_database,
        server_database,
        port,
        api_key: setup.api_key,
        link: format!("http://127.0.0.1:{port}/r/{key}"),
        clicks: Vec::new(),
        orders_per_second: args.orders_per_second,
        seed,
    };
    Ok((plan, visitors_link))
}

/// A port that is free, and below those from which systems take a connection's own: a client that
/// connects to nobody there could else meet itself.
pub(crate) fn free_port() -> anyhow::Result<u16> {
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
