//! A small shop on warp that pays its partners. What is particular to Refport is in [`serve`] and
//! in the handlers.

mod routes;

use std::io;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use refport_core::Refport;
use refport_tower::{CaptureLayer, ClickIdLayer};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

/// Serves the shop on HTTP/1.1 and on HTTP/2 without TLS.
///
/// `warp::serve` takes filters only; `warp::service` makes them a tower service, which hyper-util
/// serves.
///
/// # Errors
///
/// When no connection can be taken any more.
pub async fn serve(listener: TcpListener, refport: Refport) -> io::Result<()> {
    let shop = ServiceBuilder::new()
        .layer(CaptureLayer::new()) // ?refp_id=… on the landing URL becomes the cookie
        .layer(ClickIdLayer::new()) // the cookie becomes the ClickId of every request
        .service(warp::service(routes::all(refport)));
    let service = TowerToHyperService::new(shop);
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection broke");
            }
        });
    }
}
