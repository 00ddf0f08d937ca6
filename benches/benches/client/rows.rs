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
    const INSTRUCTIONS: &str = "instructions, refport : bare reqwest driven the same way";
    const HOP: &str = "instructions, bare reqwest driven the same way : bare";
    const ALLOCATIONS: &str = "allocations a call, refport - bare reqwest driven the same way";
    let is_ci = env::var_os("CI").is_some();
    match all_per_call(Count::Instructions, url)? {
        Some([refport, driven, bare]) => {
            let detail = format!("{refport:.0} : {driven:.0} a call");
            table.at_most(INSTRUCTIONS, refport / driven, 0.95, detail);
            let detail = format!("{driven:.0} : {bare:.0} a call, the hop to another thread");
            table.informs(HOP, driven / bare, detail);
        }
        None => table.skip(INSTRUCTIONS, "valgrind is not here", is_ci),
    }
    match all_per_call(Count::Allocations, url)? {
        Some([refport, driven, bare]) => {
            let detail = format!("{refport:.1} - {driven:.1}; bare {bare:.1}");
            table.at_most(ALLOCATIONS, refport - driven, -4.0, detail);
        }
        None => table.skip(ALLOCATIONS, "valgrind is not here", is_ci),
    }
    Ok(())
}

fn all_per_call(what: Count, url: &str) -> anyhow::Result<Option<[f64; 3]>> {
    let mut all = [0.0; 3];
    for (count, who) in all.iter_mut().zip(["refport", "driven", "bare"]) {
        match per_call(what, who, url)? {
            Some(per_call) => *count = per_call,
            None => return Ok(None),
        }
    }
    Ok(Some(all))
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
    const PEERS: [(&str, &str); 2] = [
        ("driven", "bare reqwest driven the same way"),
        ("bare", "bare reqwest"),
    ];
    let (mut refport, mut peers) = (Vec::new(), PEERS.map(|_| Vec::new()));
    for _ in 0..RUNS {
        refport.push(calls("refport", url, count, in_flight)?);
        for ((who, _), runs) in PEERS.iter().zip(&mut peers) {
            runs.push(calls(who, url, count, in_flight)?);
        }
    }
    let refport = least(refport);
    for ((_, name), runs) in PEERS.iter().zip(peers) {
        let peer = least(runs);
        table.informs(
            &format!("CPU at {in_flight} in flight, refport : {name}"),
            refport.cpu_seconds / peer.cpu_seconds,
            format!(
                "{:.3} : {:.3} s per 10,000 calls; {:.0} : {:.0} calls/s",
                refport.cpu_per_10k(),
                peer.cpu_per_10k(),
                refport.per_second(),
                peer.per_second()
            ),
        );
    }
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
        // A call is a task of its own, which goes on without its caller: that is 1 of them.
        5.0,
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
