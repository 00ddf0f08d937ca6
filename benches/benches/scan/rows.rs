//! The rows of the table, with their bounds.

use std::env;

use refport_bench::table::Table;

use super::{
    cases::{ADVERSARIAL, ADVERSARIAL_TWICE, CRUMBS, DENSEST, NO_COOKIE, THIRTY, TWELVE},
    contenders::{JARS, LOOKUP, MEMCHR, REFPORT, SPLIT_PARSE, SPLIT_PARSE_ENCODED},
    figures::Figures,
};

/// Cookies, the cases with so many, and how many times the instructions that `split_parse` and
/// each cookie jar need at the least.
const PEERS: [(&str, [&str; 2], f64, f64); 2] = [
    ("12 cookies", TWELVE, 9.5, 40.0),
    ("30 cookies", THIRTY, 16.5, 55.0),
];

pub(super) fn all(table: &mut Table, figures: &Figures) {
    if rows(table, figures).is_none() {
        let is_ci = env::var_os("CI").is_some();
        table.skip("all counts", "valgrind is not here", is_ci);
    }
}

/// `None` where there is no valgrind.
fn rows(table: &mut Table, figures: &Figures) -> Option<()> {
    limits(table, figures)?;
    for (cookies, cases, split, jar) in PEERS {
        peer(table, figures, SPLIT_PARSE, cookies, &cases, Some(split))?;
        peer(table, figures, SPLIT_PARSE_ENCODED, cookies, &cases, None)?;
        for name in JARS {
            peer(table, figures, name, cookies, &cases, Some(jar))?;
        }
    }
    for case in [ADVERSARIAL, CRUMBS] {
        peer(table, figures, SPLIT_PARSE, case, &[case], None)?;
    }
    adversarial(table, figures)?;
    let most = figures.most_allocations(REFPORT)?;
    let what = format!("{REFPORT}, every case: allocations");
    table.at_most(&what, most, 0.0, String::new());
    Some(())
}

/// Beside what cannot be done without, where there is nothing to find.
fn limits(table: &mut Table, figures: &Figures) -> Option<()> {
    let cases = [
        (NO_COOKIE, LOOKUP, 1.15),
        (TWELVE[1], MEMCHR, 2.0),
        (THIRTY[1], MEMCHR, 3.0),
    ];
    for (case, limit, bound) in cases {
        let ours = figures.instructions(REFPORT, case)?;
        let least = figures.instructions(limit, case)?;
        table.at_most(
            &format!("{REFPORT} : {limit}, {case}"),
            ours / least,
            bound,
            format!("{ours:.0} : {least:.0}"),
        );
    }
    Some(())
}

/// Beside a peer, in the case in which it comes nearest.
fn peer(
    table: &mut Table,
    figures: &Figures,
    name: &str,
    what: &str,
    cases: &[&str],
    bound: Option<f64>,
) -> Option<()> {
    let mut least = (f64::INFINITY, String::new());
    for case in cases {
        let theirs = figures.instructions(name, case)?;
        let ours = figures.instructions(REFPORT, case)?;
        let ratio = theirs / ours;
        if ratio < least.0 {
            least = (ratio, format!("{theirs:.0} : {ours:.0}, {case}"));
        }
    }
    let (ratio, detail) = least;
    let what = format!("{name} : {REFPORT}, {what}");
    match bound {
        Some(bound) => table.at_least(&what, ratio, bound, detail),
        None => table.informs(&what, ratio, detail),
    }
    Some(())
}

/// Whatever a header holds, its bytes cost so much and no more.
fn adversarial(table: &mut Table, figures: &Figures) -> Option<()> {
    let per_byte = |case| Some(figures.instructions(REFPORT, case)? / figures.bytes(case) as f64);
    let whole = figures.instructions(REFPORT, ADVERSARIAL)?;
    let twice = figures.instructions(REFPORT, ADVERSARIAL_TWICE)?;
    table.at_most(
        &format!("{REFPORT}, {ADVERSARIAL}: instructions a byte"),
        per_byte(ADVERSARIAL)?,
        7.0,
        format!("{whole:.0} in {} bytes", figures.bytes(ADVERSARIAL)),
    );
    table.at_most(
        &format!("{REFPORT}, {ADVERSARIAL_TWICE} : {ADVERSARIAL}"),
        twice / whole,
        2.1,
        format!("{twice:.0} : {whole:.0}"),
    );
    for (case, _) in DENSEST {
        let what = format!("{REFPORT}, {case}: instructions a byte");
        table.informs(&what, per_byte(case)?, String::new());
    }
    Some(())
}
