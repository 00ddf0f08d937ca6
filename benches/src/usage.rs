//! What this process uses.

use std::{fs, time::Duration};

use anyhow::Context;
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

/// Bytes of memory that are resident.
///
/// # Errors
///
/// Where there is no `/proc/self/statm`, as outside Linux.
pub fn resident_bytes() -> anyhow::Result<u64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let resident = pages.split(' ').nth(1).context("statm has two fields")?;
    Ok(resident.parse::<u64>()? * page_size() as u64)
}

/// CPU time of all threads, in user space and kernel.
///
/// # Panics
///
/// When the clock reads before its own zero, which it does not.
#[must_use]
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .expect("CPU time counts from zero")
}

/// CPU time of the calling thread alone.
///
/// # Panics
///
/// As [`cpu_time`].
#[must_use]
pub fn thread_cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .expect("CPU time counts from zero")
}

/// CPU time of another process, in steps of the kernel's clock (10 ms).
///
/// # Errors
///
/// When it is gone, and where there is no `/proc`, as outside Linux.
pub fn cpu_time_of(process: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    in_time(ticks(&fields(&stat))?)
}

/// CPU time of the processes that `parent` has started and that still run.
///
/// # Errors
///
/// Where there is no `/proc`, as outside Linux.
pub fn cpu_time_of_children(parent: u32) -> anyhow::Result<Duration> {
    let mut sum = 0;
    for process in fs::read_dir("/proc")? {
        // Others end meanwhile.
        let Ok(stat) = fs::read_to_string(process?.path().join("stat")) else {
            continue;
        };
        let fields = fields(&stat);
        if let [_, _, of, ..] = fields[..]
            && of.parse() == Ok(parent)
        {
            sum += ticks(&fields)?;
        }
    }
    in_time(sum)
}

/// The name before may hold blanks; then come the state and the parent.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit(')').next().unwrap_or("").split(' ').collect()
}

fn ticks(fields: &[&str]) -> anyhow::Result<u64> {
    let field = |at: usize| fields.get(at).context("stat has the times");
    Ok(field(12)?.parse::<u64>()? + field(13)?.parse::<u64>()?)
}

fn in_time(ticks: u64) -> anyhow::Result<Duration> {
    let seconds = ticks as f64 / clock_ticks_per_second() as f64;
    Ok(Duration::try_from_secs_f64(seconds)?)
}

/// Connections to `port` of this machine, in IPv4, that have come about.
///
/// # Errors
///
/// Where there is no `/proc/self/net/tcp`, as outside Linux.
pub fn connections_to(port: u16) -> anyhow::Result<u64> {
    const ESTABLISHED: &str = "01";
    let remote = format!(":{port:04X}");
    let table = fs::read_to_string("/proc/self/net/tcp")?;
    // The number of the line, the local address, the remote one, the state.
    let is_one = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        fields
            .next()
            .is_some_and(|address| address.ends_with(&remote))
            && fields.next() == Some(ESTABLISHED)
    };
    Ok(table.lines().filter(|line| is_one(line)).count() as u64)
}

/// Asks for `wanted` open files, and says how many there may be.
#[must_use]
pub fn allow_open_files(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    if current >= wanted {
        return current;
    }
    let raised = Rlimit {
        current: Some(wanted.min(maximum)),
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => wanted.min(maximum),
        Err(_) => current,
    }
}
