//! The site on axum.

use std::error::Error;

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{StatusCode, header::LOCATION},
    middleware,
    response::IntoResponse,
    routing::{get, post},
};
use drop_in::{
    on_axum::{self as site, User},
    orders::{Cart, Orders},
};
use refport_axum::{CaptureLayer, ClickId, ClickIdLayer, OrWarn, Refport, Sale, Track};
use tower_http::{
    compression::CompressionLayer, cors::CorsLayer, services::ServeDir, trace::TraceLayer,
};
use tower_sessions::{MemoryStore, SessionManagerLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    Ok(site::serve(app()?).await?)
}

fn app() -> Result<Router, Box<dyn Error>> {
    let account = Router::new()
        .route("/", get(site::account))
        .route("/orders", get(site::orders).post(checkout))
        .route_layer(middleware::from_fn(site::require_user));
    let api = Router::new()
        .route("/products", get(site::products))
        .layer(CorsLayer::permissive());
    let site = Router::new()
        .route("/login", post(site::log_in))
        .route("/logout", post(site::log_out))
        .nest("/account", account)
        .nest("/api", api)
        .fallback_service(ServeDir::new(site::STATIC))
        .layer(SessionManagerLayer::new(MemoryStore::default()).with_secure(false))
        .layer(CompressionLayer::new())
        .layer(TraceLayer::new_for_http())
        .layer(CaptureLayer::new()) // ?refp_id=… on the landing URL becomes the cookie
        .layer(ClickIdLayer::new()) // the cookie becomes the ClickId of every request
        .layer(Extension(Refport::from_env()?)) // REFPORT_API_KEY, REFPORT_BASE_URL
        .with_state(Orders::default());
    Ok(site)
}

async fn checkout(
    State(orders): State<Orders>,
    Extension(user): Extension<User>,
    click_id: Option<ClickId>,
    track: Track,
    Json(cart): Json<Cart>,
) -> Result<impl IntoResponse, StatusCode> {
    let order = cart.order_of(&user.id).ok_or(StatusCode::NOT_FOUND)?;
    let placed = orders.place(&order);
    let location = format!("/account/orders#{}", placed.id);
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, order.user_id, order.amount_cents)
            .currency("eur")
            .invoice_id(placed.id);
        track.sale(sale).await.or_warn();
    }
    Ok((StatusCode::CREATED, [(LOCATION, location)]))
}
