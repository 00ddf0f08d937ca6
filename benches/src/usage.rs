//! What this process uses.

use std::{fs, time::Duration};

use anyhow::Context;
use rustix::{
    param::page_size,
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
