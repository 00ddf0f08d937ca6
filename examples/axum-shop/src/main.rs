//! A small shop on axum that pays its partners. What is particular to Refport is in `app` below
//! and in the handlers [`sign_up`](sign_up::sign_up), [`checkout`](orders::checkout) and
//! [`partner`](partner::partner).

mod error;
mod orders;
mod partner;
mod sign_up;
mod visitor;

use axum::{
    Extension, Router,
    http::header::CONTENT_TYPE,
    response::{Html, IntoResponse},
    routing::{get, post},
};
use clap::Parser as _;
use refport_axum::{CaptureLayer, ClickId, ClickIdLayer, Track};
use shop::{Args, Opened, Shop, pages};

use crate::{error::ShopError, visitor::Visitor};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Opened {
        shop,
        listener,
        runner,
    } = shop::open(Args::parse()).await?;
    let server = axum::serve(listener, app(shop)).with_graceful_shutdown(runner.stopping());
    runner.run(server.into_future()).await
}

fn app(shop: Shop) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/signup", get(sign_up::form).post(sign_up::sign_up))
        .route("/checkout", post(orders::checkout))
        .route("/orders/{id}", get(orders::order))
        .route("/partner", get(partner::partner))
        .route("/style.css", get(style))
        .route("/healthz", get("ok"))
        .fallback(not_found)
        .layer(CaptureLayer::new()) // ?refp_id=… on the landing URL becomes the cookie
        .layer(ClickIdLayer::new()) // the cookie becomes the ClickId of every request
        .layer(Extension(Track::from(shop.outbox.clone()))) // over the outbox
        .with_state(shop)
}

async fn home(
    Visitor(visitor): Visitor,
    click_id: Option<ClickId>,
) -> Result<Html<String>, ShopError> {
    Ok(Html(pages::home(visitor.as_ref(), click_id.is_some())?))
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], shop::STYLE)
}

async fn not_found() -> ShopError {
    ShopError::not_found()
}
