//! The rows of the table, with their bounds.

use std::env;

use refport_bench::table::Table;

use super::{
    figures::{Added, Figures},
    server::{
        ACTIX, AROUND, AXUM, AXUM_QUERY, CAPTURE, EXTRACTOR, MANY, MIDDLEWARE, NO_COOKIES, NO_OP,
        ORGANIC, PEER, REFERRED, ROUTER_LAYER,
    },
};

const ORGANIC_KINDS: [&str; 3] = [NO_COOKIES, ORGANIC, MANY];
const ALL_KINDS: [&str; 4] = [NO_COOKIES, ORGANIC, REFERRED, MANY];

pub(super) fn all(table: &mut Table, figures: &Figures) {
    if rows(table, figures).is_none() {
        let is_ci = env::var_os("CI").is_some();
        table.skip("instructions and allocations", "valgrind is not here", is_ci);
    }
}

fn rows(table: &mut Table, figures: &Figures) -> Option<()> {
    share(table, NO_COOKIES, figures.added(AXUM, AROUND, NO_COOKIES)?, 3.0);
    share(table, ORGANIC, figures.added(AXUM, AROUND, ORGANIC)?, 10.0);
    for kind in ORGANIC_KINDS {
        allocations(table, figures, [AXUM, AROUND, kind], 0.0)?;
        allocations(table, figures, [ACTIX, MIDDLEWARE, kind], 0.0)?;
    }
    // Those of the extensions' map: the ID's box, and on axum the growth of the table.
    allocations(table, figures, [AXUM, AROUND, REFERRED], 2.0)?;
    allocations(table, figures, [ACTIX, MIDDLEWARE, REFERRED], 1.0)?;
    for kind in ALL_KINDS {
        allocations(table, figures, [AXUM, EXTRACTOR, kind], 0.0)?;
        allocations(table, figures, [ACTIX, EXTRACTOR, kind], 0.0)?;
    }
    for group in [AXUM, AXUM_QUERY] {
        for kind in ALL_KINDS {
            let added = figures.added(group, CAPTURE, kind)?;
            let name = format!("{group}: {CAPTURE}, {kind}: instructions added");
            table.at_most(&name, added.instructions, 100.0, String::new());
            allocations(table, figures, [group, CAPTURE, kind], 0.0)?;
        }
    }
    for (kind, bound) in [(ORGANIC, 70.0), (REFERRED, 28.0)] {
        let peer = figures.added(AXUM, PEER, kind)?.instructions;
        let ours = figures.added(AXUM, AROUND, kind)?.instructions;
        let name = format!("{AXUM}: {PEER} : {AROUND}, {kind}");
        let detail = format!("{peer} : {ours} instructions added");
        table.at_least(&name, peer / ours, bound, detail);
    }
    let spelling = figures.added(AXUM, ROUTER_LAYER, NO_COOKIES)?.instructions;
    let around = figures.added(AXUM, AROUND, NO_COOKIES)?.instructions;
    let nothing = figures.added(AXUM, NO_OP, NO_COOKIES)?.instructions;
    table.informs(
        &format!("{AXUM}: {ROUTER_LAYER} - {AROUND}, {NO_COOKIES}"),
        spelling - around,
        format!("{spelling} - {around} instructions added; a layer that does nothing: {nothing}"),
    );
    Some(())
}

fn share(table: &mut Table, kind: &str, added: Added, bound: f64) {
    table.at_most(
        &format!("{AXUM}: {AROUND}, {kind}: instructions added, % of the bare router's"),
        100.0 * added.instructions / added.bare_instructions,
        bound,
        format!("{} of {}", added.instructions, added.bare_instructions),
    );
}

/// So many, and none fewer: an ID that is not put there would cost none.
fn allocations(
    table: &mut Table,
    figures: &Figures,
    [group, variant, kind]: [&str; 3],
    exactly: f64,
) -> Option<()> {
    let added = figures.added(group, variant, kind)?.allocations;
    let name = format!("{group}: {variant}, {kind}: allocations off {exactly}");
    table.at_most(&name, (added - exactly).abs(), 0.0, format!("{added} added"));
    Some(())
}
