//! The rows of the table, with their bounds.

use std::env;

use anyhow::ensure;
use refport_bench::{
    child::{self, Count, Server},
    disk,
    numbers::median,
    postgres::{self, MISSING},
    table::Table,
};
use refport_test_cluster::{Cluster, Flushes};

use super::{
    backlog::{self, Claims, LARGE, SMALL},
    drain::{Drained, IN_FLIGHT},
    on_one_thread,
    orders::{Backlog, Beside, Times, Written},
    shop::CHECKPOINTS,
};

/// How often what is timed is run, in turns.
const RUNS: usize = 5;

pub(super) fn all(table: &mut Table) -> anyhow::Result<()> {
    let flush = disk::flush_micros()?;
    table.informs(
        "disk: flushes/s, one page over another",
        1e6 / flush,
        format!("fdatasync, median {flush:.0} us"),
    );
    let cluster = Cluster::start(Flushes::EachCommit)?;
    enqueue_sqlite(table)?;
    enqueue_postgres(table, cluster.as_ref())?;
    drain_sqlite(table)?;
    drain_postgres(table, cluster.as_ref())?;
    backlog_sqlite(table)?;
    backlog_postgres(table, cluster.as_ref())
}

fn is_ci() -> bool {
    env::var_os("CI").is_some()
}

/// Another database on the cluster.
pub(super) fn database(cluster: &Cluster, name: &str) -> anyhow::Result<String> {
    on_one_thread(postgres::create(cluster, name))
}

// An event in the transaction of its order.

/// What an enqueue may cost, in terms of one plain statement through sqlx.
const BESIDE_PLAIN: f64 = 1.3;

fn enqueue_sqlite(table: &mut Table) -> anyhow::Result<()> {
    instructions(table)?;
    pages(table)?;
    flushes(table)
}

/// Beside one plain statement in its place: sqlx hands each to a thread and its answer back, which
/// takes most of the instructions of both.
fn instructions(table: &mut Table) -> anyhow::Result<()> {
    const NAME: &str = "SQLite: added instructions, enqueue : a plain statement";
    let mut counts = Vec::new();
    for beside in Beside::ALL {
        let Some(count) = instructions_per_order(beside)? else {
            table.skip(NAME, "valgrind is not here", is_ci());
            return Ok(());
        };
        counts.push(count);
    }
    let [alone, plain, outbox] = counts[..] else {
        unreachable!("one for each");
    };
    table.at_most(
        NAME,
        (outbox - alone) / (plain - alone),
        BESIDE_PLAIN,
        format!(
            "{:.0} : {:.0} to an order's transaction",
            outbox - alone,
            plain - alone
        ),
    );
    Ok(())
}

/// The difference of two runs, in which starting cancels. With the checkpoints that fall due.
fn instructions_per_order(beside: Beside) -> anyhow::Result<Option<f64>> {
    const FEW: u64 = 500;
    const MANY: u64 = 2000;
    let count = |orders: u64| {
        let (orders, checkpoints) = (orders.to_string(), CHECKPOINTS.to_string());
        child::count(
            Count::Instructions,
            &[
                "orders-sqlite",
                beside.name(),
                Backlog::Counted.name(),
                &orders,
                &checkpoints,
            ],
        )
    };
    let both = count(FEW)?.zip(count(MANY)?);
    Ok(both.map(|(few, many)| (many as f64 - few as f64) / (MANY - FEW) as f64))
}

fn pages(table: &mut Table) -> anyhow::Result<()> {
    const GOAL: f64 = 7500.0;
    let counted = wal_bytes(Backlog::Counted)?;
    let what = "nobody takes events out, invoices in order";
    table.at_most(
        "SQLite: WAL bytes added to the order's transaction",
        counted,
        GOAL,
        what.to_owned(),
    );
    for (backlog, what) in [
        (
            Backlog::Scattered,
            "nobody takes events out, invoices at random",
        ),
        (
            Backlog::TakenOut,
            "a worker takes them out, invoices at random",
        ),
    ] {
        table.informs("  the same", wal_bytes(backlog)?, what.to_owned());
    }
    Ok(())
}

fn wal_bytes(backlog: Backlog) -> anyhow::Result<f64> {
    const ORDERS: u64 = 2000;
    let bytes = |beside: Beside| -> anyhow::Result<f64> {
        let orders = ORDERS.to_string();
        let written: Written = child::report(&mut child::this(&[
            "orders-sqlite",
            beside.name(),
            backlog.name(),
            &orders,
            "0",
        ])?)?;
        Ok(written.wal_bytes as f64 / ORDERS as f64)
    };
    Ok(bytes(Beside::Outbox)? - bytes(Beside::Nothing)?)
}

/// Of so many that one at the start or the end does not count.
fn flushes(table: &mut Table) -> anyhow::Result<()> {
    const NAME: &str = "SQLite: flushes added to the order's transaction";
    const ORDERS: &str = "500";
    let count = |beside: Beside| {
        let role = ["orders-sqlite", beside.name(), "counted", ORDERS, "0"];
        child::system_calls("fsync,fdatasync", &role)
    };
    match count(Beside::Outbox)?.zip(count(Beside::Nothing)?) {
        Some((outbox, alone)) => {
            let orders: f64 = ORDERS.parse()?;
            let detail = format!("{outbox} - {alone} for {ORDERS} orders");
            let added = (outbox as f64 - alone as f64) / orders;
            table.at_most(NAME, added, 0.01, detail);
        }
        None => table.skip(NAME, "strace is not here", false),
    }
    Ok(())
}

fn enqueue_postgres(table: &mut Table, cluster: Option<&Cluster>) -> anyhow::Result<()> {
    const NAME: &str = "Postgres: time with enqueue : with a plain statement";
    const ROUNDS: u64 = 300;
    let Some(cluster) = cluster else {
        table.skip(NAME, MISSING, is_ci());
        return Ok(());
    };
    let socket = database(cluster, "orders")?;
    let rounds = ROUNDS.to_string();
    let [alone, plain, outbox]: Times = child::report(&mut child::this(&[
        "orders-postgres",
        &socket,
        "orders",
        &rounds,
    ])?)?;
    table.at_most(
        NAME,
        outbox / plain,
        BESIDE_PLAIN,
        format!("{outbox:.0} : {plain:.0} us, the order alone {alone:.0}; medians, in turns"),
    );
    Ok(())
}

// A worker beside the bare client.

const EVENTS: u64 = 30_000;

/// The same events by the bare client, by a worker, and by the bare client while another process takes
/// as much of a core as the worker's database did: what of its loss is the machine's.
#[derive(Default)]
struct Drains {
    bare: Vec<Drained>,
    worker: Vec<Drained>,
    beside_work: Vec<Drained>,
}

impl Drains {
    /// One of each, so that they take turns.
    fn measure(&mut self, server: &Server, worker: &[&str]) -> anyhow::Result<()> {
        let bare = ["bare", server.url(), &EVENTS.to_string()];
        self.bare.push(drained(&bare)?);
        let worker = drained(worker)?;
        let share = worker.besides.min(1.0).to_string();
        self.worker.push(worker);
        let _busy = Server::start_with(&["busy", &share])?;
        self.beside_work.push(drained(&bare)?);
        Ok(())
    }
}

fn drain_sqlite(table: &mut Table) -> anyhow::Result<()> {
    let server = Server::start("server")?;
    let mut drains = Drains::default();
    for _ in 0..RUNS {
        let role = ["drain-sqlite", server.url(), &EVENTS.to_string()];
        drains.measure(&server, &role)?;
    }
    beside_bare(table, "SQLite", 0.5, server, &drains)
}

fn drain_postgres(table: &mut Table, cluster: Option<&Cluster>) -> anyhow::Result<()> {
    let Some(cluster) = cluster else {
        table.skip("Postgres: events/s, worker : bare client", MISSING, is_ci());
        return Ok(());
    };
    let server = Server::start("server")?;
    let events = EVENTS.to_string();
    let mut drains = Drains::default();
    for run in 0..RUNS {
        let name = format!("drain_{run}");
        let socket = database(cluster, &name)?;
        let role = ["drain-postgres", &socket, &name, server.url(), &events];
        drains.measure(&server, &role)?;
    }
    beside_bare(table, "Postgres", 0.4, server, &drains)
}

fn drained(role: &[&str]) -> anyhow::Result<Drained> {
    child::report(&mut child::this(role)?)
}

fn beside_bare(
    table: &mut Table,
    database: &str,
    least: f64,
    server: Server,
    Drains {
        bare,
        worker,
        beside_work,
    }: &Drains,
) -> anyhow::Result<()> {
    let taken: u64 = server.stop()?.trim().parse()?;
    let sent = (bare.len() + worker.len() + beside_work.len()) as u64 * EVENTS;
    ensure!(taken == sent, "the service took {taken} of {sent}");
    let rate = |runs: &[Drained]| median(runs.iter().map(Drained::per_second));
    let cpu = |runs: &[Drained]| {
        median(
            runs.iter()
                .map(|run| run.cpu_seconds * 1e6 / run.events as f64),
        )
    };
    let per_bare = |runs: &[Drained]| {
        let ratios = bare.iter().zip(runs);
        median(ratios.map(|(bare, run)| run.per_second() / bare.per_second()))
    };
    table.at_least(
        &format!("{database}: events/s, worker : bare client"),
        per_bare(worker),
        least,
        format!(
            "{:.0} : {:.0} at {IN_FLIGHT} in flight, CPU {:.1} : {:.1} us each; medians, in turns",
            rate(worker),
            rate(bare),
            cpu(worker),
            cpu(bare)
        ),
    );
    table.informs(
        "  the bare client beside as much other work : alone",
        per_bare(beside_work),
        format!(
            "the database took {:.0} % of a core: what is possible on these cores",
            median(worker.iter().map(|run| run.besides)) * 100.0
        ),
    );
    table.at_most(
        &format!("{database}: transactions per hundred events"),
        median(
            worker
                .iter()
                .map(|run| run.transactions as f64 * 100.0 / run.events as f64),
        ),
        1.0,
        "claims and marks together".to_owned(),
    );
    Ok(())
}

// A claim with a long backlog.

/// Of claims, in each run.
const CLAIMS: &str = "20";

fn backlog_sqlite(table: &mut Table) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let paths = ["small.db", "large.db"].map(|name| folder.path().join(name));
    on_one_thread(async {
        for (path, size) in paths.iter().zip([SMALL, LARGE]) {
            backlog::make_sqlite(path, size).await?;
        }
        let plan = backlog::sqlite_plan(&paths[1]).await?;
        println!("the claim's plan on SQLite, {LARGE:?}:\n{plan}\n");
        Ok(())
    })?;
    let [small, large] = paths.map(|path| path.display().to_string());
    let roles = [["claims-sqlite", &small], ["claims-sqlite", &large]];
    const INSTRUCTIONS: &str = "SQLite: a claim's instructions, long backlog : none";
    let per_claim = |[role, file]: [&str; 2]| -> anyhow::Result<Option<f64>> {
        let once = child::count(Count::Instructions, &[role, file, "20"])?;
        let thrice = child::count(Count::Instructions, &[role, file, "60"])?;
        Ok(once
            .zip(thrice)
            .map(|(once, thrice)| (thrice - once) as f64 / 40.0))
    };
    match per_claim(roles[0])?.zip(per_claim(roles[1])?) {
        Some((small, large)) => table.at_most(
            INSTRUCTIONS,
            large / small,
            2.0,
            format!("{large:.0} : {small:.0} for 256 events"),
        ),
        None => table.skip(INSTRUCTIONS, "valgrind is not here", is_ci()),
    }
    let [small, large] = roles.map(|role| [&role[..], &[CLAIMS]].concat());
    claims(table, "SQLite", &small, &large)
}

fn backlog_postgres(table: &mut Table, cluster: Option<&Cluster>) -> anyhow::Result<()> {
    const PAGES: &str = "Postgres: a claim's pages, long backlog : none";
    let Some(cluster) = cluster else {
        table.skip(PAGES, MISSING, is_ci());
        return Ok(());
    };
    let mut looked_at = Vec::new();
    for (name, size) in [("small", SMALL), ("large", LARGE)] {
        let socket = database(cluster, name)?;
        let (plan, pages) = on_one_thread(async {
            backlog::make_postgres(&socket, name, size).await?;
            backlog::postgres_plan(&socket, name).await
        })?;
        println!("the claim's plan on Postgres, {size:?}:\n{plan}\n");
        looked_at.push(pages as f64);
    }
    let (small, large) = (looked_at[0], looked_at[1]);
    let detail = format!("{large} : {small} for 256 events");
    table.at_most(PAGES, large / small, 2.0, detail);
    let socket = cluster.socket().display().to_string();
    let role = |name| ["claims-postgres", &socket, name, CLAIMS];
    claims(table, "Postgres", &role("small"), &role("large"))
}

fn claims(table: &mut Table, database: &str, small: &[&str], large: &[&str]) -> anyhow::Result<()> {
    let time = |role: &[&str]| -> anyhow::Result<f64> {
        let claims: Claims = child::report(&mut child::this(role)?)?;
        Ok(claims.micros)
    };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        without.push(time(small)?);
        with.push(time(large)?);
    }
    let (without, with) = (median(without.into_iter()), median(with.into_iter()));
    table.informs(
        &format!("{database}: a claim's time, long backlog : none"),
        with / without,
        format!("{with:.0} : {without:.0} us for 256 events; medians, in turns"),
    );
    Ok(())
}
