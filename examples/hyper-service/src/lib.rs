//! A small shop on plain hyper that pays its partners. What is particular to Refport is in
//! [`app`] and in the function `checkout`.

mod orders;

use std::{convert::Infallible, io};

use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use refport_core::{ClickId, Refport};
use refport_tower::{CaptureLayer, ClickIdLayer};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder};

/// Serves the shop on HTTP/1.1 and on HTTP/2 without TLS.
///
/// # Errors
///
/// When no connection can be taken any more.
pub async fn serve(listener: TcpListener, refport: Refport) -> io::Result<()> {
    let service = TowerToHyperService::new(app(refport));
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

/// The shop as a tower service: a function inside of both layers.
pub fn app(
    refport: Refport,
) -> impl Service<Request<Incoming>, Response = Response<String>, Error = Infallible, Future: Send> + Clone
{
    ServiceBuilder::new()
        .layer(CaptureLayer::new()) // ?refp_id=… on the landing URL becomes the cookie
        .layer(ClickIdLayer::new()) // the cookie becomes the ClickId of every request
        .service_fn(move |request| {
            let refport = refport.clone();
            async move { Ok(route(refport, request).await) }
        })
}

async fn route(refport: Refport, request: Request<Incoming>) -> Response<String> {
    let click_id = request.extensions().get::<ClickId>().cloned();
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => home(click_id.as_ref()),
        (&Method::POST, "/checkout") => {
            orders::checkout(&refport, click_id, request.into_body()).await
        }
        _ => answer(StatusCode::NOT_FOUND, "No such page."),
    }
}

fn home(click_id: Option<&ClickId>) -> Response<String> {
    let text = match click_id {
        Some(_) => "Welcome, friend of a partner.",
        None => "Welcome.",
    };
    answer(StatusCode::OK, text)
}

fn answer(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    response
}
