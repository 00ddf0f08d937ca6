//! The rows of the table, with their bounds.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use refport_bench::{
    child::{self, Count},
    disk,
    load::Run,
    numbers::median,
    postgres::{self, MISSING},
    table::Table,
};
use refport_test_cluster::{Cluster, Flushes};
use tempfile::TempDir;

use super::{counted, fill, on_one_thread};

/// How often what is timed is run, in turns.
const RUNS: usize = 5;
/// As the goals are stated.
const IN_FLIGHT: u64 = 64;
const SALES: u64 = 20_000;
/// Of the peers, which take their time.
const OF_PEERS: u64 = 4000;
/// Of a client that is alone. On SQLite the log grows to its size during the first 800, and each commit
/// waits for the file's length too.
const ALONE: u64 = 4000;
/// The same on Postgres.
const ALONE_ON_POSTGRES: u64 = 250;

pub(super) fn all(table: &mut Table, filled: u64) -> anyhow::Result<()> {
    let flush = disk::flush_micros()?;
    table.informs(
        "limit: flushes/s, one page over another",
        1e6 / flush,
        format!("fdatasync, median {flush:.0} us"),
    );
    sqlite(table)?;
    lone_sqlite(table)?;
    flushes(table)?;
    repeats(table)?;
    full(table, filled)?;
    postgres(table)
}

fn is_ci() -> bool {
    env::var_os("CI").is_some()
}

/// So many sales by a process of their own.
fn sales(how: &str, file: &Path, filled: u64, sales: u64, in_flight: u64) -> anyhow::Result<Run> {
    let (file, filled) = (file.display().to_string(), filled.to_string());
    let (sales, in_flight) = (sales.to_string(), in_flight.to_string());
    child::report(&mut child::this(&[
        "sqlite", how, &file, &filled, &sales, &in_flight,
    ])?)
}

/// [`sales`] on a new file.
fn on_new(how: &str, count: u64, in_flight: u64) -> anyhow::Result<Run> {
    let folder = tempfile::tempdir()?;
    sales(how, &file_in(&folder), 0, count, in_flight)
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("refport.db")
}

/// The median of each turn's ratio, and the run in the middle of either side.
struct Turns(Vec<(Run, Run)>);

impl Turns {
    fn take(
        mut one: impl FnMut() -> anyhow::Result<Run>,
        mut other: impl FnMut() -> anyhow::Result<Run>,
    ) -> anyhow::Result<Self> {
        let turns = (0..RUNS).map(|_| Ok((one()?, other()?)));
        turns.collect::<anyhow::Result<_>>().map(Self)
    }

    fn ratio(&self, of: fn(&Run) -> f64) -> f64 {
        median(self.0.iter().map(|(one, other)| of(one) / of(other)))
    }

    fn middle(&self, which: fn(&(Run, Run)) -> &Run) -> Run {
        let mut runs: Vec<Run> = self.0.iter().map(|turn| *which(turn)).collect();
        runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        runs[runs.len() / 2]
    }

    fn shown(&self) -> String {
        let (one, other) = (self.middle(|turn| &turn.0), self.middle(|turn| &turn.1));
        format!("{}; beside {}", one.shown(), other.shown())
    }
}

fn sqlite(table: &mut Table) -> anyhow::Result<()> {
    const MANY: u64 = 256;
    let turns = Turns::take(
        || on_new("grouped", SALES, IN_FLIGHT),
        || on_new("alone", OF_PEERS, IN_FLIGHT),
    )?;
    table.at_least(
        "SQLite, 64 in flight: sales/s, together : one mutex, a commit each",
        turns.ratio(Run::per_second),
        6.0,
        turns.shown(),
    );
    table.if_missed(
        "a sale writes 20 indexes, most of them at a page that no other sale of its group writes: \
        the writer is busy with pages, not with waiting for the disk",
    );
    table.informs(
        "  CPU a sale, together : one mutex",
        turns.ratio(Run::cpu_micros),
        String::new(),
    );
    const MEMORY: &str = "/dev/shm";
    const WITHOUT_DISK: &str = "SQLite, 256 in flight: sales/s, on the disk : in memory";
    if !Path::new(MEMORY).is_dir() {
        table.skip(WITHOUT_DISK, "there is no /dev/shm", false);
        return Ok(());
    }
    let turns = Turns::take(
        || on_new("grouped", SALES, MANY),
        || {
            let folder = tempfile::tempdir_in(MEMORY)?;
            sales("grouped", &file_in(&folder), 0, SALES, MANY)
        },
    )?;
    table.informs(WITHOUT_DISK, turns.ratio(Run::per_second), turns.shown());
    Ok(())
}

fn lone_sqlite(table: &mut Table) -> anyhow::Result<()> {
    let turns = Turns::take(|| on_new("grouped", ALONE, 1), || on_new("alone", ALONE, 1))?;
    table.at_most(
        "SQLite, alone: time of a sale, together : one mutex",
        turns.ratio(|run| run.p50),
        1.10,
        turns.shown(),
    );
    table.if_missed("two hand-overs between threads cost more here than a tenth of a sale");
    Ok(())
}

/// Of which those of making the file are taken off.
fn flushes(table: &mut Table) -> anyhow::Result<()> {
    const NAME: &str = "SQLite, 64 in flight: flushes a sale";
    let count = |sales: u64| -> anyhow::Result<Option<u64>> {
        let folder = tempfile::tempdir()?;
        let (file, sales) = (file_in(&folder).display().to_string(), sales.to_string());
        let role = ["sqlite", "grouped", &file, "0", &sales, "64"];
        child::system_calls("fsync,fdatasync", &role)
    };
    match count(SALES)?.zip(count(0)?) {
        Some((some, none)) => {
            let detail = format!("{some} - {none} for {SALES} sales, checkpoints among them");
            table.at_most(
                NAME,
                (some as f64 - none as f64) / SALES as f64,
                0.05,
                detail,
            );
        }
        None => table.skip(NAME, "strace is not here", false),
    }
    Ok(())
}

fn repeats(table: &mut Table) -> anyhow::Result<()> {
    const NAME: &str = "SQLite: instructions, a repeat : a first sale";
    match instructions("again")?.zip(instructions("first")?) {
        Some((again, first)) => table.at_most(
            NAME,
            again / first,
            0.5,
            format!("{again:.0} : {first:.0}, with a transaction each"),
        ),
        None => table.skip(NAME, "valgrind is not here", is_ci()),
    }
    Ok(())
}

/// The difference of two runs, in which all but the sales cancels.
fn instructions(what: &str) -> anyhow::Result<Option<f64>> {
    const FEW: u64 = 500;
    let count = |sales: u64| {
        let sales = sales.to_string();
        child::count(Count::Instructions, &["counted", what, &sales])
    };
    let both = count(FEW)?.zip(count(counted::MOST)?);
    Ok(both.map(|(few, many)| (many as f64 - few as f64) / (counted::MOST - FEW) as f64))
}

fn full(table: &mut Table, filled: u64) -> anyhow::Result<()> {
    const OF_EACH: u64 = 10_000;
    let folder = tempfile::tempdir()?;
    let file = file_in(&folder);
    let start = Instant::now();
    on_one_thread(fill::sqlite(&file, filled))?;
    println!(
        "{filled} events, {} MB, made in {:.0} s",
        file.metadata()?.len() / 1_000_000,
        start.elapsed().as_secs_f64()
    );
    let turns = Turns::take(
        || sales("grouped", &file, filled, OF_EACH, IN_FLIGHT),
        || on_new("grouped", OF_EACH, IN_FLIGHT),
    )?;
    table.at_most(
        &format!("SQLite, 64 in flight: time of a sale, after {filled} events : none"),
        turns.ratio(|run| 1.0 / run.per_second()),
        1.5,
        turns.shown(),
    );
    table.informs("  CPU a sale", turns.ratio(Run::cpu_micros), String::new());
    Ok(())
}

fn postgres(table: &mut Table) -> anyhow::Result<()> {
    const MANY: &str = "Postgres, 64 in flight: sales/s, together : ten round trips";
    const LONE: &str = "Postgres, alone: time of a sale : of one statement and its commit";
    let Some(cluster) = Cluster::start(Flushes::EachCommit)? else {
        table.skip(MANY, MISSING, is_ci());
        table.skip(LONE, MISSING, is_ci());
        return Ok(());
    };
    let mut databases = 0;
    let mut run = |how: &str, sales: u64, in_flight: u64| -> anyhow::Result<Run> {
        databases += 1;
        let name = format!("sales_{databases}");
        let socket = on_one_thread(postgres::create(&cluster, &name))?;
        let (sales, in_flight) = (sales.to_string(), in_flight.to_string());
        let role = ["postgres", how, &socket, &name, &sales, &in_flight];
        child::report(&mut child::this(&role)?)
    };
    let mut turns = Turns(Vec::new());
    for _ in 0..RUNS {
        let together = run("grouped", SALES, IN_FLIGHT)?;
        turns.0.push((together, run("ten", OF_PEERS, IN_FLIGHT)?));
    }
    table.at_least(MANY, turns.ratio(Run::per_second), 8.0, turns.shown());
    table.if_missed(
        "a group is some 13 statements one after another, and Postgres looks up each reference \
        row by row",
    );
    table.informs(
        "  CPU a sale, server and database",
        turns.ratio(Run::cpu_micros),
        String::new(),
    );
    table.informs(
        "  commits a sale",
        median(
            turns
                .0
                .iter()
                .map(|(run, _)| run.commits as f64 / run.calls as f64),
        ),
        String::new(),
    );
    let mut turns = Turns(Vec::new());
    for _ in 0..RUNS {
        let together = run("grouped", ALONE_ON_POSTGRES, 1)?;
        turns
            .0
            .push((together, run("statement", ALONE_ON_POSTGRES, 1)?));
    }
    table.at_most(LONE, turns.ratio(|run| run.p50), 1.5, turns.shown());
    table.if_missed(
        "a sale is 12 or 13 round trips, which count where the flush is quick: see the rate of the \
        one statement",
    );
    Ok(())
}
