//! Postgres, and what speaks its protocol: one task a server writes, many events in one transaction.
//! Several servers may share a database.

mod addresses;
mod apply;
mod connect;
mod load;
mod migrate;
mod writer;

use std::sync::Arc;

use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::runtime::Handle;

use super::{Result, queue::Queue, retention::Retention};

/// Opens the database and brings its tables up to date where `migrates`; else looks whether they are.
/// Answers connections to read by, and the writer's.
pub(super) async fn open(options: PgConnectOptions, migrates: bool) -> Result<(PgPool, PgPool)> {
    let pool = connect::connect(options.clone()).await?;
    migrate::migrate(&pool, migrates).await?;
    Ok((pool, connect::connect_writer(options).await?))
}

/// Starts the task that writes.
pub(super) fn start_writer(
    pool: PgPool,
    queue: Arc<Queue>,
    retention: Arc<Retention>,
    runtime: &Handle,
) {
    runtime.spawn(writer::Writer::new(pool, queue, retention).run());
}
