//! The server under test, and the null one: a line with its URL, its process and a key at first; then
//! it serves until the parent closes our standard input.

use std::{
    io::{self, Read},
    net::SocketAddr,
    path::Path,
    process,
    time::Duration,
};

use anyhow::ensure;
use axum::{
    Json, Router,
    extract::Path as Segment,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::IntoResponse,
    routing::{get, post},
};
use refport_bench::site::Site;
use refport_server::serve;
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot};

/// Prints how many clicks were dropped once all is written.
pub(super) async fn refport(file: &Path) -> anyhow::Result<()> {
    let site = Site::open(&format!("sqlite://{}", file.display()))?;
    let listener = announced(&site.key).await?;
    serve(listener, site.app.clone(), parent_closes()).await?;
    let left = site.store.close(Duration::from_secs(30)).await;
    ensure!(left == 0, "{left} clicks are not written");
    println!("{}", site.store.dropped_clicks());
    Ok(())
}

pub(super) async fn null() -> anyhow::Result<()> {
    let app = Router::new()
        .route("/api/track/sale", post(null_sale))
        .route("/r/{key}", get(null_redirect))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = announced("rk_none_none").await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(parent_closes())
        .await?;
    println!("0");
    Ok(())
}

/// What the server answers to the sales of this bench.
const ANSWER: &str = r#"{"eventName":"Purchase","customer":{"externalId":"user_0000000000","email":null,"name":null},"sale":{"id":"sale_01kb6zq3mffw8s1cv6cbekyqj8","amount":4900,"currency":"usd","commissionAmount":490,"status":"pending","invoiceId":"in_b456bcfc34c2cb2c","paymentProcessor":"stripe"}}"#;

async fn null_sale(Json(body): Json<Value>) -> impl IntoResponse {
    let status = if body.is_object() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let json = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, json)], ANSWER)
}

async fn null_redirect(Segment(_key): Segment<String>) -> impl IntoResponse {
    const TO: &str =
        "https://shop.example/landing?campaign=autumn&refp_id=clk_0123456789012345678901234567ab";
    let headers = [
        (LOCATION, HeaderValue::from_static(TO)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex"),
        ),
    ];
    (StatusCode::FOUND, headers)
}

async fn announced(key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {} {key}", listener.local_addr()?, process::id());
    Ok(listener)
}

async fn parent_closes() {
    let (close, closed) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(close);
    });
    let _ = closed.await;
}
