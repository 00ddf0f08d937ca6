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
    http::{HeaderName, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use refport_server::{Config, Store, router, serve};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use super::told_to_stop;
use crate::{args, journal::Journal};

/// How long the server goes on to write clicks when it stops, as its binary does. As long again may
/// the requests take that are under way.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);
/// On each answer: which start of the server gave it.
pub(crate) const START: HeaderName = HeaderName::from_static("x-start");
/// On a report that is the harness's own, and not in the journal.
pub(crate) const CHECK: HeaderName = HeaderName::from_static("x-check");
/// In the journal of a server that was told to stop: how many clicks it did not write.
pub(crate) const CLICKS_LEFT: &str = "=clicks-left";
/// As [`CLICKS_LEFT`]: how often it decided anew, as another server had been first.
pub(crate) const CONFLICTS: &str = "=conflicts";

/// refport-server as its own binary runs it, with a journal of the sales that reach it.
pub(super) async fn run(args: args::Server) -> anyhow::Result<()> {
    let told = told_to_stop()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            () = told => {}
            _ = terminate.recv() => {}
        }
    };
    let store = Store::open_existing(&args.database)?;
    let journal = Journal::create(&args.journal)?;
    let listener = listen(args.port).await?;
    let config = Config::new(format!("http://{}", listener.local_addr()?));
    let sales = Sales {
        journal: journal.clone(),
        number: Arc::default(),
        start: args.start,
    };
    let app = router(store.clone(), config).layer(from_fn_with_state(sales, note));
    serve(listener, app, stop).await?;
    let left = store.close(DRAIN).await;
    journal.begin(CONFLICTS)?.end(store.retried_conflicts())?;
    journal.begin(CLICKS_LEFT)?.end(left)?;
    Ok(())
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
    start: u32,
}

async fn note(
    State(sales): State<Sales>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let is_noted =
        request.uri().path() == "/api/track/sale" && !request.headers().contains_key(CHECK);
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let open = if is_noted {
        let number = sales.number.fetch_add(1, Ordering::Relaxed);
        Some(sales.journal.begin(number).map_err(failed)?)
    } else {
        None
    };
    let mut answer = next.run(request).await;
    if let Some(open) = open {
        open.end(answer.status().as_u16()).map_err(failed)?;
    }
    answer.headers_mut().insert(START, sales.start.into());
    Ok(answer)
}
