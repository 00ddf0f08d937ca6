use std::{io, net::SocketAddr};

use axum::Router;
use tokio::net::TcpListener;

/// Serves the [`router`](crate::router()) until `shutdown` resolves, then answers the requests
/// that are under way and returns.
///
/// # Errors
///
/// When the listener breaks.
pub async fn serve<F>(listener: TcpListener, app: Router, shutdown: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(shutdown)
        .await
}
