use std::sync::Arc;

use axum::{Router, response::Html, routing::get};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use refport_axum::{
    Capture, CaptureLayer, ClickId, ClickIdLayer, Consent, CookieName,
    refport_tower::ConsentRequest,
};
use refport_tests::capturing::{
    AGREE_PATH, FORMER_DOMAIN, PREFIXED, SCRIPTED_PATH, Sites, TWINS_DOMAIN, capture_in_a_browser,
    page, scripted_page,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::tls;

#[tokio::test]
async fn capture_layer_in_a_browser() {
    let gated = |rules: Capture| site(CaptureLayer::from(rules).consent(choice));
    let twins = Capture::new()
        .domain(TWINS_DOMAIN)
        .and_then(|rules| rules.former_domain(FORMER_DOMAIN))
        .unwrap();
    let hidden = Capture::new().http_only(true).unwrap();
    let cleaning = || site(CaptureLayer::new().clean_url(true));
    let mut prefixed = Vec::new();
    for name in PREFIXED {
        let name = CookieName::new(name).unwrap().for_default_program();
        let rules = Capture::new().cookie_name(name.clone()).unwrap();
        let reading = ClickIdLayer::new().cookie_name(name);
        prefixed.push(serve_tls(site(CaptureLayer::from(rules)).layer(reading)).await);
    }
    let sites = Sites {
        plain: serve(site(CaptureLayer::new())).await,
        https: serve_tls(site(CaptureLayer::new())).await,
        http_only: serve(site(CaptureLayer::from(hidden))).await,
        clean_url: serve(cleaning()).await,
        nested: serve(Router::new().nest("/shop", cleaning()).fallback(plain)).await,
        consent: serve(gated(Capture::new().agree_at(AGREE_PATH))).await,
        twins: serve(gated(twins)).await,
        prefixed,
    };
    capture_in_a_browser(&sites).await.unwrap();
}

fn choice(request: &ConsentRequest<'_>) -> Consent {
    match request.cookie("choice").as_deref() {
        Some("yes") => Consent::Granted,
        Some(_) => Consent::Denied,
        None => Consent::Unknown,
    }
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

async fn serve(site: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, site).await });
    format!("http://{address}")
}

/// By HTTP/2, whose requests say that they came by https.
async fn serve_tls(site: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = tls::config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let service = TowerToHyperService::new(site);
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
