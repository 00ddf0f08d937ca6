use std::sync::Arc;

use axum::{Router, response::Html, routing::get};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use refport_axum::{CaptureLayer, ClickId, ClickIdLayer, refport_core::consent::Consent};
use refport_tests::capturing::{SCRIPTED_PATH, Sites, capture_in_a_browser, page, scripted_page};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::tls;

#[tokio::test]
async fn capture_layer_in_a_browser() {
    let gate = CaptureLayer::new().consent(|request| match request.cookie("choice").as_deref() {
        Some("yes") => Consent::Granted,
        Some(_) => Consent::Denied,
        None => Consent::Unknown,
    });
    let sites = Sites {
        plain: serve(CaptureLayer::new()).await,
        https: serve_tls(CaptureLayer::new()).await,
        http_only: serve(CaptureLayer::new().http_only(true)).await,
        clean_url: serve(CaptureLayer::new().clean_url(true)).await,
        consent: serve(gate).await,
    };
    capture_in_a_browser(&sites).await.unwrap();
}

fn site(capture: CaptureLayer) -> Router {
    Router::new()
        .route(SCRIPTED_PATH, get(scripted))
        .fallback(plain)
        .layer(capture)
        .layer(ClickIdLayer::new())
}

async fn plain(click_id: Option<ClickId>) -> Html<String> {
    Html(page(click_id.as_deref().map(AsRef::as_ref)))
}

async fn scripted(click_id: Option<ClickId>) -> Html<String> {
    Html(scripted_page(click_id.as_deref().map(AsRef::as_ref)))
}

async fn serve(capture: CaptureLayer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, site(capture)).await });
    format!("http://{address}")
}

/// By HTTP/2, whose requests say that they came by https.
async fn serve_tls(capture: CaptureLayer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = tls::config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let service = TowerToHyperService::new(site(capture));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                // A browser also opens connections that it does not use.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    format!("https://{address}")
}
