//! Sales on an SQLite file, written together or each by itself.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use refport_bench::{
    load::{self, Run},
    site::{Sale, Site},
};
use refport_server::bench::OneByOne;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use super::fill::customers;

/// How many are repeated afterwards.
const REPEATS: usize = 500;

/// Rows of the tables that a sale writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) events: i64,
    pub(super) commissions: i64,
    pub(super) outgoing: i64,
    pub(super) customers: i64,
}

impl Rows {
    /// What so many sales add: every other one is of a new customer.
    pub(super) fn of(sales: u64) -> anyhow::Result<Self> {
        let sales = i64::try_from(sales)?;
        Ok(Self {
            events: sales,
            commissions: sales,
            outgoing: 2 * sales,
            customers: (sales + 1) / 2,
        })
    }

    pub(super) const SQL: &str = "SELECT (SELECT count(*) FROM event),
        (SELECT count(*) FROM commission), (SELECT count(*) FROM outgoing_event),
        (SELECT count(*) FROM customer)";

    pub(super) const fn read(
        (events, commissions, outgoing, customers): (i64, i64, i64, i64),
    ) -> Self {
        Self {
            events,
            commissions,
            outgoing,
            customers,
        }
    }

    const fn since(self, before: Self) -> Self {
        Self {
            events: self.events - before.events,
            commissions: self.commissions - before.commissions,
            outgoing: self.outgoing - before.outgoing,
            customers: self.customers - before.customers,
        }
    }
}

/// A connection that only looks.
pub(super) async fn look(file: &Path) -> sqlx::Result<SqlitePool> {
    let options = SqliteConnectOptions::new().filename(file);
    let pool = SqlitePoolOptions::new().max_connections(1);
    pool.connect_with(options).await
}

/// So many sales in a file that is new, or holds `filled` events; the rest of the file's sales is of
/// other runs.
pub(super) async fn run(
    how: &str,
    file: &Path,
    filled: u64,
    sales: u64,
    in_flight: usize,
) -> anyhow::Result<Run> {
    let site = Site::with_clicks(&format!("sqlite://{}", file.display()), sales / 2 + 1).await?;
    let look = look(file).await?;
    let before = rows(&look).await?;
    let known = u64::try_from(before.customers)?;
    ensure!(known >= customers(filled), "the file is not filled");
    let earlier = u64::try_from(before.events)?;
    let made = Sale::many(earlier, known, sales);
    let (pipeline, reports) = site.reports(&made).await?;
    let run = match how {
        "grouped" => {
            let caller = || {
                let pipeline = pipeline.clone();
                move |report| {
                    let pipeline = pipeline.clone();
                    async move { recorded(pipeline.record(report).await).map(drop) }
                }
            };
            load::in_flight(reports, in_flight, caller).await?
        }
        "alone" => {
            let alone = OneByOne::open(file)?;
            let record = |report| recorded(alone.record(&report)).map(drop);
            load::on_threads(reports, in_flight, record)?
        }
        _ => bail!("there is no way `{how}`"),
    };
    let after = rows(&look).await?;
    let added = after.since(before);
    ensure!(added == Rows::of(sales)?, "{sales} sales made {added:?}");
    let first = &made[..made.len().min(REPEATS)];
    let (_, repeats) = site.reports(first).await?;
    for (sale, report) in first.iter().zip(repeats) {
        let again = recorded(pipeline.record(report).await)?;
        let sql = "SELECT id FROM event WHERE invoice_id = $1 AND dedupe_key = 'inv:' || $1
                   AND workspace_id = (SELECT id FROM workspace) AND kind = 'sale'";
        let id: String = sqlx::query_scalar(sql)
            .bind(sale.invoice())
            .fetch_one(&look)
            .await?;
        ensure!(
            id == again,
            "a repeat was answered {again}, the first is {id}"
        );
    }
    let repeated = rows(&look).await?;
    ensure!(
        repeated == after,
        "repeats made {:?}",
        repeated.since(after)
    );
    Ok(run)
}

async fn rows(look: &SqlitePool) -> anyhow::Result<Rows> {
    Ok(Rows::read(sqlx::query_as(Rows::SQL).fetch_one(look).await?))
}

pub(super) fn recorded(id: Option<String>) -> anyhow::Result<String> {
    id.context("a sale was not recorded")
}
