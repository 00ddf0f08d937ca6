//! SQLite: one thread writes, many events in one transaction.

mod apply;
mod connect;
mod load;
mod migrate;
mod writer;

#[cfg(feature = "bench-internals")]
pub(crate) use self::writer::Alone;

use std::{path::Path, sync::Arc};

use tokio::runtime::Handle;

use super::{Result, pool::Pool, queue::Queue, retention::Retention};

/// Opens the file, brings its tables up to date, and starts the thread that writes.
pub(super) fn start_writer(
    path: &Path,
    migrates: bool,
    pool: &Pool,
    queue: Arc<Queue>,
    retention: Arc<Retention>,
    runtime: Handle,
) -> Result<()> {
    let mut connection = connect::connect(path)?;
    migrate::migrate(&mut connection, migrates)?;
    connect::configure(&connection)?;
    let gate = match pool {
        Pool::Sqlite { gate, .. } => Arc::clone(gate),
        Pool::Postgres(_) => Arc::default(),
    };
    let writer = writer::Writer::new(connection, gate, queue, retention, runtime);
    std::thread::Builder::new()
        .name("refport-writer".to_owned())
        .spawn(move || writer.run())?;
    Ok(())
}
