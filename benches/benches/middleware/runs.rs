//! Counting and timing, variant by variant and for each kind of visitor.

use std::time::Instant;

use anyhow::ensure;
use refport_bench::callgrind::{self, Cost};

use super::server::{Group, Server, Traffic, groups, text, traffic};

/// Calls that find everything set up: caches filled, symbols bound.
const WARM_UP: usize = 5;

/// Calls that are counted. The median stands for them: where a peer's hash map is seeded at
/// random, they differ a little.
const COUNTED: usize = 5;

/// Batches that are timed, and calls in each.
const BATCHES: usize = 400;
const IN_A_BATCH: usize = 64;

/// What is done to each variant with each kind of visitor, group by group. All that is measured
/// stands in this order.
fn each<T>(
    groups: &mut [Group],
    traffic: &[Traffic],
    mut work: impl FnMut(&mut dyn Server, &str, &Traffic) -> T,
) -> Vec<T> {
    let mut all = Vec::new();
    for group in groups {
        for variant in &mut group.variants {
            for visitor in traffic {
                all.push(work(&mut *variant.server, group.url, visitor));
            }
        }
    }
    all
}

/// Each variant answers, and those who ask for the click ID find it where it is.
///
/// # Panics
///
/// Where one does not.
pub(super) fn check() {
    let traffic = traffic();
    for group in &mut groups() {
        for variant in &mut group.variants {
            for visitor in &traffic {
                let found = variant.reads && visitor.is_referred;
                variant.server.prepare(group.url, &visitor.headers, 1);
                let answer = variant.server.answer();
                let (name, visitor) = (variant.name, visitor.name);
                assert_eq!(answer, text(found).len() as u64, "{name}, {visitor}");
            }
        }
    }
}

/// What runs under valgrind.
pub(super) fn counted() {
    each(&mut groups(), &traffic(), |server, url, visitor| {
        for _ in 0..WARM_UP {
            server.prepare(url, &visitor.headers, 1);
            server.serve();
        }
        for _ in 0..COUNTED {
            server.prepare(url, &visitor.headers, 2);
            // Callgrind counts with it whom the program has called outside of it.
            one_call(server);
            one_call(server);
        }
    });
}

/// What is counted.
#[inline(never)]
fn one_call(server: &mut dyn Server) {
    server.serve();
}

/// Instructions and allocations of one call each. `None` where there is no valgrind.
///
/// # Errors
///
/// When the run under valgrind fails.
pub(super) fn count(expected: usize) -> anyhow::Result<Option<Vec<Cost>>> {
    let Some(calls) = callgrind::each_call("middleware::runs::one_call", &["counted"])? else {
        return Ok(None);
    };
    let calls: Vec<Cost> = calls.into_iter().skip(1).step_by(2).collect();
    let expected = expected * COUNTED;
    ensure!(
        calls.len() == expected,
        "{} calls of {expected}",
        calls.len()
    );
    let medians = calls.chunks(COUNTED).map(|calls| {
        let mut calls = calls.to_vec();
        calls.sort_by_key(|cost| cost.instructions);
        calls[COUNTED / 2]
    });
    Ok(Some(medians.collect()))
}

/// Nanoseconds of one call each: the median of many batches, in turns.
pub(super) fn time() -> Vec<f64> {
    let (mut groups, traffic) = (groups(), traffic());
    let mut batch = || {
        each(&mut groups, &traffic, |server, url, visitor| {
            server.prepare(url, &visitor.headers, 2 * IN_A_BATCH);
            (0..IN_A_BATCH).for_each(|_| server.serve());
            let start = Instant::now();
            for _ in 0..IN_A_BATCH {
                server.serve();
            }
            start.elapsed().as_nanos() as f64 / IN_A_BATCH as f64
        })
    };
    let batches: Vec<Vec<f64>> = (0..BATCHES).map(|_| batch()).collect();
    let median = |at: usize| {
        let mut samples: Vec<f64> = batches.iter().map(|batch| batch[at]).collect();
        samples.sort_by(f64::total_cmp);
        samples[BATCHES / 2]
    };
    (0..batches[0].len()).map(median).collect()
}
