use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

/// How long requests that are under way may take once the server is to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves the [`router`](crate::router()) until `shutdown` resolves, then answers the requests
/// that are under way, for up to ten seconds, and returns.
///
/// # Errors
///
/// When the listener breaks.
pub async fn serve<F>(listener: TcpListener, app: Router, shutdown: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stopping, stopped) = oneshot::channel();
    let shutdown = async {
        shutdown.await;
        let _ = stopping.send(());
    };
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(shutdown);
    let overdue = async {
        match stopped.await {
            Ok(()) => sleep(DRAIN).await,
            // The server has ended by itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = serving => result,
        () = overdue => {
            tracing::warn!("stopped with requests unfinished");
            Ok(())
        }
    }
}
