//! The rows of the table, with their bounds. What gates was measured and rounded up a little.

use std::env;

use anyhow::ensure;
use refport_bench::{
    child::{self, Count, Server},
    table::Table,
    usage,
};

use super::{
    dub::Dub,
    runs::{Calls, Waiting},
};

/// Many enough for the pools to matter, as the goals are stated.
const IN_FLIGHT: u64 = 64;

/// How often what is timed is run.
const RUNS: usize = 5;

pub(super) fn all(table: &mut Table) -> anyhow::Result<()> {
    let server = Server::start("answering-server")?;
    counts(table, server.url())?;
    time(table, server.url(), 10_000, 1)?;
    time(table, server.url(), 20_000, IN_FLIGHT)?;
    beside_dub(table, server.url())?;
    drop(server);
    in_flight(table)
}

fn counts(table: &mut Table, url: &str) -> anyhow::Result<()> {
    const INSTRUCTIONS: &str = "instructions, refport : bare reqwest";
    const ALLOCATIONS: &str = "allocations a call, refport - bare reqwest";
    let is_ci = env::var_os("CI").is_some();
    match both_per_call(Count::Instructions, url)? {
        Some((refport, bare)) => {
            let detail = format!("{refport:.0} : {bare:.0} a call");
            table.at_most(INSTRUCTIONS, refport / bare, 0.95, detail);
        }
        None => table.skip(INSTRUCTIONS, "valgrind is not here", is_ci),
    }
    match both_per_call(Count::Allocations, url)? {
        Some((refport, bare)) => {
            let detail = format!("{refport:.1} - {bare:.1}");
            table.at_most(ALLOCATIONS, refport - bare, -4.0, detail);
        }
        None => table.skip(ALLOCATIONS, "valgrind is not here", is_ci),
    }
    Ok(())
}

fn both_per_call(what: Count, url: &str) -> anyhow::Result<Option<(f64, f64)>> {
    let refport = per_call(what, "refport", url)?;
    let bare = per_call(what, "bare", url)?;
    Ok(refport.zip(bare))
}

/// The difference of two runs, in which starting and warming up cancel.
fn per_call(what: Count, who: &str, url: &str) -> anyhow::Result<Option<f64>> {
    const CALLS: u64 = 2000;
    let once = child::count(what, &["calls", who, url, &CALLS.to_string(), "1"])?;
    let twice = child::count(what, &["calls", who, url, &(2 * CALLS).to_string(), "1"])?;
    Ok(once
        .zip(twice)
        .map(|(once, twice)| (twice - once) as f64 / CALLS as f64))
}

fn calls(who: &str, url: &str, calls: u64, in_flight: u64) -> anyhow::Result<Calls> {
    let (calls, in_flight) = (calls.to_string(), in_flight.to_string());
    child::report(&mut child::this(&["calls", who, url, &calls, &in_flight])?)
}

/// Time of both, in turns.
fn time(table: &mut Table, url: &str, count: u64, in_flight: u64) -> anyhow::Result<()> {
    let (mut refport, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        refport.push(calls("refport", url, count, in_flight)?);
        bare.push(calls("bare", url, count, in_flight)?);
    }
    let (refport, bare) = (least(refport), least(bare));
    table.informs(
        &format!("CPU at {in_flight} in flight, refport : bare reqwest"),
        refport.cpu_seconds / bare.cpu_seconds,
        format!(
            "{:.3} : {:.3} s per 10,000 calls; {:.0} : {:.0} calls/s",
            refport.cpu_per_10k(),
            bare.cpu_per_10k(),
            refport.per_second(),
            bare.per_second()
        ),
    );
    Ok(())
}

/// The least of several runs: where the scheduler puts client and server, and what else runs, only
/// ever adds.
fn least(runs: Vec<Calls>) -> Calls {
    let least = |of: fn(&Calls) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
    Calls {
        seconds: least(|run| run.seconds),
        cpu_seconds: least(|run| run.cpu_seconds),
        ..runs[0]
    }
}

/// Beside the peer, in turns. What the client stands on is measured in the same turns, so that a
/// reader sees how much of the distance is left to it. Rates of one run move by a quarter with what
/// else the machine does, so none of this gates.
fn beside_dub(table: &mut Table, url: &str) -> anyhow::Result<()> {
    const CALLERS: [(&str, &str); 3] = [
        ("refport", "refport"),
        ("bare", "bare reqwest"),
        ("hyper", "bare hyper-util"),
    ];
    let dub = match Dub::install()? {
        Ok(dub) => dub,
        Err(why) => {
            table.skip("beside the dub SDK", &why, false);
            return Ok(());
        }
    };
    let (mut slow, mut fast) = (Vec::new(), CALLERS.map(|_| Vec::new()));
    for _ in 0..RUNS {
        slow.push(dub.run(url, 6000, IN_FLIGHT)?);
        for ((who, _), runs) in CALLERS.iter().zip(&mut fast) {
            runs.push(calls(who, url, 20_000, IN_FLIGHT)?);
        }
    }
    let slow = least(slow);
    for ((_, name), runs) in CALLERS.iter().zip(fast) {
        let beside = Beside::new(slow, least(runs));
        let seconds = format!("{} at {IN_FLIGHT} in flight", beside.seconds);
        table.informs(&format!("CPU, dub SDK : {name}"), beside.cpu, seconds);
        let rate = format!("calls/s, {name} : dub SDK");
        table.informs(&rate, beside.rate, beside.rates);
    }
    Ok(())
}

/// A caller beside the peer: how many times less CPU and more calls a second, and of what.
struct Beside {
    cpu: f64,
    rate: f64,
    seconds: String,
    rates: String,
}

impl Beside {
    fn new(slow: Calls, fast: Calls) -> Self {
        let (slow_cpu, fast_cpu) = (slow.cpu_per_10k(), fast.cpu_per_10k());
        let (slow_rate, fast_rate) = (slow.per_second(), fast.per_second());
        Self {
            cpu: slow_cpu / fast_cpu,
            rate: fast_rate / slow_rate,
            seconds: format!("{slow_cpu:.2} : {fast_cpu:.3} s per 10,000 calls"),
            rates: format!("{fast_rate:.0} : {slow_rate:.0}"),
        }
    }
}

/// Ten thousand calls that wait.
fn in_flight(table: &mut Table) -> anyhow::Result<()> {
    const CALLS: u64 = 10_000;
    let parked = waiting("parked", "", CALLS)?;
    table.at_most(
        "KiB a call in flight, over a transport that waits",
        parked.kib_per_call(),
        4.0,
        format!("{CALLS} calls"),
    );
    let files = usage::allow_open_files(CALLS + 100);
    if files < CALLS + 100 {
        let why = format!("{CALLS} sockets do not fit into {files} open files");
        table.skip("10,000 calls to a dead service", &why, false);
        return Ok(());
    }
    let (refport, bare) = (unanswered("refport", CALLS)?, unanswered("bare", CALLS)?);
    table.informs(
        "% of a CPU while 10,000 calls wait on a dead service",
        100.0 * refport.cpu_share(),
        format!("{:.6} s in {:.1} s", refport.cpu_seconds, refport.seconds),
    );
    table.at_most(
        "KiB a call in flight, each with its connection",
        refport.kib_per_call(),
        32.0,
        format!("bare reqwest {:.2}", bare.kib_per_call()),
    );
    Ok(())
}

/// On real sockets, against a server that accepts and never answers.
fn unanswered(who: &str, calls: u64) -> anyhow::Result<Waiting> {
    let server = Server::start("dead-server")?;
    let waited = waiting(who, server.url(), calls)?;
    let held: u64 = server.stop()?.trim().parse()?;
    ensure!(held >= calls, "only {held} calls reached the dead service");
    Ok(waited)
}

fn waiting(who: &str, url: &str, calls: u64) -> anyhow::Result<Waiting> {
    child::report(&mut child::this(&[
        "waiting",
        who,
        url,
        &calls.to_string(),
    ])?)
}
