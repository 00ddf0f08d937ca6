//! What the processes of a run do. Each ends when its standard input does: it lives no longer than
//! the harness, whichever way that ends.

mod cluster;
mod producer;
mod server;
mod worker;

use std::{
    future::Future,
    io::{self, Read},
    thread,
};

use tokio::sync::oneshot;

pub(crate) use self::{
    producer::customer_of,
    server::{CHECK, CLICKS_LEFT, CONFLICTS, DRAIN, START},
};
use crate::args::Role;

pub(crate) async fn play(role: Role) -> anyhow::Result<()> {
    match role {
        Role::Servers(_) => unreachable!("it is no process of a run"),
        Role::Server(args) => server::run(args).await,
        Role::Producer(args) => producer::run(args).await,
        Role::Worker(args) => worker::run(args).await,
        Role::Cluster => cluster::run().await,
    }
}

/// Resolves when the harness closes our standard input, or is gone.
fn told_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            // Nothing is ever written to it; an error is an end too.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            let _ = ended.send(());
        })?;
    Ok(async {
        let _ = end.await;
    })
}
