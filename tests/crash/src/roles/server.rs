use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use refport_server::{Config, Store, router, serve};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use super::told_to_stop;
use crate::{args, journal::Journal};

/// refport-server as its own binary runs it, with a journal of the sales that reach it.
pub(super) async fn run(args: args::Server) -> anyhow::Result<()> {
    let stop = told_to_stop()?;
    let store = Store::open_existing(&args.database)?;
    let journal = Journal::create(&args.journal)?;
    let listener = listen(args.port).await?;
    let config = Config::new(format!("http://{}", listener.local_addr()?));
    let sales = Sales {
        journal,
        number: Arc::default(),
    };
    let app = router(store, config).layer(from_fn_with_state(sales, note));
    Ok(serve(listener, app, stop).await?)
}

/// The port is below those that a system gives out by itself; another process may still have it.
async fn listen(port: u16) -> io::Result<TcpListener> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let begun = Instant::now();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < PATIENCE =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            listener => return listener,
        }
    }
}

#[derive(Clone, Debug)]
struct Sales {
    journal: Journal,
    number: Arc<AtomicU64>,
}

async fn note(
    State(sales): State<Sales>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    if request.uri().path() != "/api/track/sale" {
        return Ok(next.run(request).await);
    }
    let number = sales.number.fetch_add(1, Ordering::Relaxed);
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let open = sales.journal.begin(number).map_err(failed)?;
    let answer = next.run(request).await;
    open.end(answer.status().as_u16()).map_err(failed)?;
    Ok(answer)
}
