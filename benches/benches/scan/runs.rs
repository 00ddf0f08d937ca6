//! Counting and timing, case by case and for each contender.

use std::{hint::black_box, time::Instant};

use anyhow::ensure;
use refport_bench::callgrind::{self, Cost};
use refport_core::ClickId;

use super::{
    cases::Case,
    contenders::{ALL, Contender},
};

/// Calls that find everything set up, then two counts whose difference is looked at, so that
/// whatever a count costs by itself cancels.
const COUNTED: [u64; 3] = [3, 10, 20];

/// Samples that are timed, in turns, and how long each takes at least.
const SAMPLES: usize = 25;
const SAMPLE_NANOSECONDS: f64 = 1_500_000.0;

/// What one call costs, the loop around it included.
#[derive(Clone, Copy)]
pub(super) struct PerCall {
    pub(super) instructions: f64,
    pub(super) allocations: f64,
}

/// What is done with each contender in each case. All that is measured stands in this order.
fn each<T>(cases: &[Case], mut work: impl FnMut(&Contender, &Case) -> T) -> Vec<T> {
    let pairs = cases
        .iter()
        .flat_map(|case| ALL.iter().map(move |it| (it, case)));
    pairs
        .map(|(contender, case)| work(contender, case))
        .collect()
}

/// Each who reads finds what is there.
///
/// # Panics
///
/// Where one does not.
pub(super) fn check(cases: &[Case]) {
    each(cases, |contender, case| {
        let found = (contender.find)(case);
        let expected = case.found.filter(|_| contender.reads());
        let found = found.as_ref().map(ClickId::as_str);
        assert_eq!(found, expected, "{}, {}", contender.name, case.name);
    });
}

/// What runs under valgrind.
pub(super) fn counted() {
    each(&super::cases::all(), |contender, case| {
        for times in COUNTED {
            repeat(contender, case, times);
        }
    });
}

/// What is counted, and timed.
#[inline(never)]
fn repeat(contender: &Contender, case: &Case, times: u64) {
    for _ in 0..times {
        black_box((contender.find)(black_box(case)));
    }
}

/// One call each. `None` where there is no valgrind.
///
/// # Errors
///
/// When the run under valgrind fails.
pub(super) fn count(cases: &[Case]) -> anyhow::Result<Option<Vec<PerCall>>> {
    let Some(counts) = callgrind::each_call("scan::runs::repeat", &["counted"])? else {
        return Ok(None);
    };
    let expected = cases.len() * ALL.len() * COUNTED.len();
    ensure!(
        counts.len() == expected,
        "{} counts of {expected}",
        counts.len()
    );
    let (counts, _) = counts.as_chunks();
    Ok(Some(counts.iter().map(difference).collect()))
}

fn difference([_, fewer, more]: &[Cost; 3]) -> PerCall {
    let calls = (COUNTED[2] - COUNTED[1]) as f64;
    let per_call = |of: fn(&Cost) -> u64| (of(more) as f64 - of(fewer) as f64) / calls;
    PerCall {
        instructions: per_call(|cost| cost.instructions),
        allocations: per_call(|cost| cost.allocations),
    }
}

/// Nanoseconds of one call each: the median of samples that are taken in turns.
pub(super) fn time(cases: &[Case]) -> Vec<f64> {
    let lengths = each(cases, length_of_a_sample);
    let mut samples = vec![Vec::new(); lengths.len()];
    for _ in 0..SAMPLES {
        let mut at = 0;
        each(cases, |contender, case| {
            let nanoseconds = sample(contender, case, lengths[at]);
            samples[at].push(nanoseconds / lengths[at] as f64);
            at += 1;
        });
    }
    samples.into_iter().map(median).collect()
}

/// How many calls take long enough.
fn length_of_a_sample(contender: &Contender, case: &Case) -> u64 {
    let mut calls = 1;
    while sample(contender, case, calls) < SAMPLE_NANOSECONDS {
        calls *= 2;
    }
    calls
}

fn sample(contender: &Contender, case: &Case, calls: u64) -> f64 {
    let start = Instant::now();
    repeat(contender, case, calls);
    start.elapsed().as_nanos() as f64
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}
