//! The rows of the table, with their bounds.

use std::path::Path;

use anyhow::{Context, ensure};
use refport_bench::{
    child::{self, Server},
    disk,
    load::Run,
    numbers::median,
    table::Table,
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{clients::Load, one_thread};

/// How often what is timed is run, in turns.
const RUNS: usize = 5;
const SALES: u64 = 30_000;
/// As many as the server lets wait, with those that warm up: whatever it is slower to write than to
/// answer, it counts.
const REDIRECTS: u64 = 30_000;
/// More than it lets wait, as quick as they can be asked for.
const FLOOD: u64 = 120_000;

pub(super) fn all(table: &mut Table) -> anyhow::Result<()> {
    let flush = disk::flush_micros()?;
    table.informs(
        "limit: flushes/s, one page over another",
        1e6 / flush,
        format!("fdatasync, median {flush:.0} us"),
    );
    let sales = |in_flight| turns("sales", SALES, in_flight);
    let redirects = |in_flight| turns("redirects", REDIRECTS, in_flight);
    table.informs(
        "sales/s, 64 in flight : null handler",
        ratio(&sales(64)?),
        String::new(),
    );
    let at_256 = sales(256)?;
    limit(
        table,
        "limit: the null handler's sales/s, 256 in flight",
        &at_256,
    );
    table.at_least(
        "sales/s on SQLite, 256 in flight : null handler",
        ratio(&at_256),
        0.5,
        shown(&at_256),
    );
    table.if_missed("the one thread that writes is busy with the pages of the indexes");
    let at_256 = redirects(256)?;
    limit(
        table,
        "limit: the null handler's redirects/s, 256 in flight",
        &at_256,
    );
    table.at_least(
        "redirects/s, every click counted, 256 in flight : null handler",
        ratio(&at_256),
        0.7,
        shown(&at_256),
    );
    let flood = ours("redirects", FLOOD, 256)?;
    table.informs(
        "  clicks counted of a flood, the rest is told as dropped",
        1.0 - flood.dropped as f64 / flood.load.redirects as f64,
        with_both(&flood.load.run),
    );
    Ok(())
}

/// Ours and the null one's.
type Turns = Vec<(Run, Run)>;

fn turns(what: &str, requests: u64, in_flight: u64) -> anyhow::Result<Turns> {
    let turn = |_| {
        let ours = ours(what, requests, in_flight)?;
        ensure!(ours.dropped == 0, "{} clicks were dropped", ours.dropped);
        Ok((ours.load.run, null(what, requests, in_flight)?))
    };
    (0..RUNS).map(turn).collect()
}

fn ratio(turns: &Turns) -> f64 {
    let ratios = turns
        .iter()
        .map(|(ours, null)| ours.per_second() / null.per_second());
    median(ratios)
}

fn middle(runs: impl Iterator<Item = Run>) -> Run {
    let mut runs: Vec<Run> = runs.collect();
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs[runs.len() / 2]
}

fn limit(table: &mut Table, name: &str, turns: &Turns) {
    let null = middle(turns.iter().map(|turn| turn.1));
    table.informs(name, null.per_second(), with_both(&null));
}

fn shown(turns: &Turns) -> String {
    with_both(&middle(turns.iter().map(|turn| turn.0)))
}

fn with_both(run: &Run) -> String {
    let each = |seconds: f64| seconds * 1e6 / run.calls as f64;
    format!(
        "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, CPU {:.1} us each and {:.1} of the load",
        run.per_second(),
        run.p50 / 1e3,
        run.p99 / 1e3,
        each(run.server_cpu_seconds),
        each(run.cpu_seconds)
    )
}

fn null(what: &str, requests: u64, in_flight: u64) -> anyhow::Result<Run> {
    let server = Server::start("null")?;
    Ok(load(&server, what, requests, in_flight)?.run)
}

/// What our server did.
struct Ours {
    load: Load,
    dropped: u64,
}

fn ours(what: &str, requests: u64, in_flight: u64) -> anyhow::Result<Ours> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("refport.db");
    let server = Server::start_with(&["refport", &file.display().to_string()])?;
    let load = load(&server, what, requests, in_flight)?;
    let dropped = server.stop()?;
    let dropped: u64 = dropped.trim().parse().context("the clicks dropped")?;
    let sales = if what == "sales" { requests } else { 0 };
    one_thread()?.block_on(counted(&file, sales, load.redirects - dropped))?;
    Ok(Ours { load, dropped })
}

fn load(server: &Server, what: &str, requests: u64, in_flight: u64) -> anyhow::Result<Load> {
    let words: Vec<&str> = server.url().split(' ').collect();
    let [address, process, key] = words[..] else {
        anyhow::bail!("the server said {words:?}");
    };
    let (requests, in_flight) = (requests.to_string(), in_flight.to_string());
    let role = ["load", what, address, process, key, &requests, &in_flight];
    let load: Load = child::report(&mut child::this(&role)?)?;
    // The null one answers as much as ours.
    let expected = if what == "sales" { 275 } else { 87 };
    ensure!(
        load.bytes.abs_diff(expected) < 8,
        "answers of {} bytes",
        load.bytes
    );
    Ok(load)
}

/// A commission for each sale, a click for each redirect that was not dropped.
async fn counted(file: &Path, sales: u64, redirects: u64) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let sql = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM commission),
                      (SELECT count(*) FROM outgoing_event), (SELECT count(*) FROM click),
                      (SELECT sum(clicks) FROM click_count)";
    let rows: (i64, i64, i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut db).await?;
    let (sales, redirects) = (i64::try_from(sales)?, i64::try_from(redirects)?);
    ensure!(
        rows == (sales, sales, 2 * sales, redirects, redirects),
        "{sales} sales and {redirects} redirects made {rows:?}"
    );
    Ok(())
}
