//! The rows of the table, with their bounds.

use std::env;

use refport_bench::table::Table;

use super::{
    figures::{Added, Figures},
    server::{
        ACTIX, AROUND, AXUM, AXUM_QUERY, CAPTURE, CAPTURE_IGNORING, EXTRACTOR, MANY, MIDDLEWARE,
        NO_COOKIES, NO_OP, ORGANIC, PEER, REFERRED, ROUTER_LAYER,
    },
};

/// Who was not referred.
const ORGANICS: [&str; 3] = [NO_COOKIES, ORGANIC, MANY];
const ALL: [&str; 4] = [NO_COOKIES, ORGANIC, REFERRED, MANY];

pub(super) fn all(table: &mut Table, figures: &Figures) {
    if rows(table, figures).is_none() {
        let is_ci = env::var_os("CI").is_some();
        table.skip("all counts", "valgrind is not here", is_ci);
    }
}

/// `None` where there is no valgrind.
fn rows(table: &mut Table, figures: &Figures) -> Option<()> {
    share(table, figures, NO_COOKIES, 3.0)?;
    share(table, figures, ORGANIC, 11.0)?;
    allocations(table, figures, [AXUM, AROUND], &ORGANICS, 0.0)?;
    // Those of the extensions' map: the ID's box, and on axum the growth of the table.
    allocations(table, figures, [AXUM, AROUND], &[REFERRED], 2.0)?;
    allocations(table, figures, [ACTIX, MIDDLEWARE], &ORGANICS, 0.0)?;
    allocations(table, figures, [ACTIX, MIDDLEWARE], &[REFERRED], 1.0)?;
    allocations(table, figures, [AXUM, EXTRACTOR], &ALL, 0.0)?;
    allocations(table, figures, [ACTIX, EXTRACTOR], &ALL, 0.0)?;
    capture(table, figures)?;
    beside_the_peer(table, figures, ORGANIC, 70.0)?;
    beside_the_peer(table, figures, REFERRED, 26.0)?;
    spelling(table, figures)
}

fn share(table: &mut Table, figures: &Figures, kind: &str, bound: f64) -> Option<()> {
    let Added {
        instructions,
        bare_instructions,
        ..
    } = figures.added(AXUM, AROUND, kind)?;
    table.at_most(
        &format!("{AROUND}, {kind}: instructions, % of the bare router's"),
        100.0 * instructions / bare_instructions,
        bound,
        format!("{instructions} of {bare_instructions}"),
    );
    Some(())
}

/// So many, and not fewer: an ID that was not put there would cost none.
fn allocations(
    table: &mut Table,
    figures: &Figures,
    [group, variant]: [&str; 2],
    kinds: &[&str],
    expected: f64,
) -> Option<()> {
    let off = |added: Added| (added.allocations - expected).abs();
    let name = format!(
        "{group}: {variant}, {}: allocations off {expected}",
        kinds.join(", ")
    );
    let worst = figures.worst(group, variant, kinds, off)?;
    table.at_most(&name, worst, 0.0, String::new());
    Some(())
}

fn capture(table: &mut Table, figures: &Figures) -> Option<()> {
    /// With one look-up among the headers, and without.
    const BOUNDS: [f64; 2] = [200.0, 100.0];
    let instructions = |added: Added| added.instructions;
    let of = |group, variant| figures.worst(group, variant, &ALL, instructions);
    let (whole, ignoring) = (of(AXUM, CAPTURE)?, of(AXUM, CAPTURE_IGNORING)?);
    let look_up = whole - ignoring;
    table.at_most(
        &format!("{CAPTURE}, no query: instructions"),
        whole,
        BOUNDS[0],
        format!("{look_up} of them look for Sec-GPC among the headers"),
    );
    table.at_most(
        &format!("{CAPTURE_IGNORING}, no query: instructions"),
        ignoring,
        BOUNDS[1],
        String::new(),
    );
    table.informs(
        &format!("{CAPTURE}, two other parameters: instructions"),
        of(AXUM_QUERY, CAPTURE)?,
        String::new(),
    );
    allocations(table, figures, [AXUM, CAPTURE], &ALL, 0.0)?;
    allocations(table, figures, [AXUM_QUERY, CAPTURE], &ALL, 0.0)
}

fn beside_the_peer(table: &mut Table, figures: &Figures, kind: &str, bound: f64) -> Option<()> {
    let peer = figures.added(AXUM, PEER, kind)?.instructions;
    let ours = figures.added(AXUM, AROUND, kind)?.instructions;
    table.at_least(
        &format!("{PEER} : {AROUND}, {kind}: instructions"),
        peer / ours,
        bound,
        format!("{peer} : {ours}"),
    );
    Some(())
}

/// What `Router::layer` costs over wrapping the whole router.
fn spelling(table: &mut Table, figures: &Figures) -> Option<()> {
    let through = figures.added(AXUM, ROUTER_LAYER, NO_COOKIES)?;
    let around = figures.added(AXUM, AROUND, NO_COOKIES)?;
    let nothing = figures.added(AXUM, NO_OP, NO_COOKIES)?;
    let instructions = through.instructions - around.instructions;
    table.informs(
        &format!("{ROUTER_LAYER} - {AROUND}: instructions"),
        instructions,
        format!(
            "{:.0} % of the bare router's, and {} allocations; {NO_OP}: {}, {}",
            100.0 * instructions / around.bare_instructions,
            through.allocations - around.allocations,
            nothing.instructions,
            nothing.allocations
        ),
    );
    Some(())
}
