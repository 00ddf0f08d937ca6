//! A Postgres in a temporary folder, on a socket in it, which goes when the harness does.

use std::io::{self, Write};

use anyhow::Context;
use refport_test_cluster::{Cluster, Flushes};

use super::told_to_stop;

/// Prints the URL of the database when it is up, and takes all of it away at the end.
pub(super) async fn run() -> anyhow::Result<()> {
    let stop = told_to_stop()?;
    // Killed are its clients, so that nothing hangs on its flushes.
    let cluster =
        Cluster::start(Flushes::Never)?.context("no Postgres under /usr/lib/postgresql")?;
    let socket = cluster.socket().display();
    writeln!(
        io::stdout(),
        "postgres://postgres@localhost/postgres?host={socket}"
    )?;
    stop.await;
    Ok(())
}
