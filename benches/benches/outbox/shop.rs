//! The shop whose orders are reported: its databases, its order, and the sale that goes with it.

use std::{path::Path, str::FromStr};

use refport_bench::{numbers::scattered, postgres};
use refport_core::{ClickId, Sale};
use sqlx::{
    PgPool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

/// The table of the shop's own row.
pub(super) const SQLITE_ORDERS: &str = "CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer TEXT NOT NULL, amount INTEGER NOT NULL,
    currency TEXT NOT NULL) STRICT";
pub(super) const POSTGRES_ORDERS: &str = "CREATE TABLE orders (
    id BIGINT PRIMARY KEY, customer TEXT NOT NULL, amount BIGINT NOT NULL, currency TEXT NOT NULL)";
/// For both.
pub(super) const ORDER: &str =
    "INSERT INTO orders (id, customer, amount, currency) VALUES ($1, $2, $3, $4)";

/// The sale of one order, as a shop that takes Stripe reports it: some 210 bytes of payload.
pub(super) fn sale(number: u64, invoice: String) -> Sale {
    let click_id = ClickId::from_str("clk_01h455vb4pex5vsknk084sn02q").expect("a click ID");
    Sale::new(click_id, customer(number), 4900)
        .currency("usd")
        .event_name("Purchase")
        .invoice_id(invoice)
        .payment_processor("stripe")
}

pub(super) fn customer(number: u64) -> String {
    format!("user_{:06}", number % 50_000)
}

/// How the shop numbers its invoices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invoices {
    /// One after another.
    Counted,
    /// At random, so that each goes to another place of an index.
    Scattered,
}

impl Invoices {
    pub(super) fn number(self, number: u64) -> String {
        let number = match self {
            Self::Counted => number,
            Self::Scattered => scattered(number),
        };
        format!("in_{number:016x}")
    }
}

/// A file that waits for the disk at every commit. `checkpoints` is after how many pages the
/// write-ahead log is moved into the file; 0 is never.
pub(super) fn sqlite_options(file: &Path, checkpoints: u32) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", checkpoints.to_string())
}

/// SQLite's own number of pages.
pub(super) const CHECKPOINTS: u32 = 1000;

pub(super) async fn postgres(
    socket: &str,
    database: &str,
    connections: u32,
) -> sqlx::Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(connections)
        .connect_with(postgres::options(socket, database))
        .await
}
