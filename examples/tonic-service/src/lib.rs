//! A small shop on tonic that pays its partners: one server has the page that visitors land on and
//! the gRPC service that the page's script calls, by gRPC-Web. What is particular to Refport is in
//! [`serve`] and in the method `checkout`.

mod checkout;
mod messages;

/// What `build.rs` made of its description of the service.
#[expect(clippy::missing_errors_doc, reason = "generated")]
pub mod grpc {
    tonic::include_proto!("shop.Shop");
}

use axum::{Extension, Router, routing::get};
use refport_core::{ClickId, Refport};
use refport_tower::{CaptureLayer, ClickIdLayer};
use tokio::net::TcpListener;
use tonic::{
    service::{LayerExt as _, Routes},
    transport::{Error, Server, server::TcpIncoming},
};
use tonic_web::GrpcWebLayer;

pub use crate::messages::{Order, Receipt};
use crate::{checkout::Shop, grpc::shop_server::ShopServer};

/// Serves the page and the service, on HTTP/1.1 (as browsers speak it without TLS) and HTTP/2.
///
/// # Errors
///
/// When no connection can be taken any more.
pub async fn serve(listener: TcpListener, refport: Refport) -> Result<(), Error> {
    let page = Routes::from(Router::new().route("/", get(home)));
    // Around the service alone: it refuses whatever is not gRPC-Web over HTTP/1.1, pages included.
    let shop = GrpcWebLayer::new().named_layer(ShopServer::new(Shop::new(refport)));
    Server::builder()
        .accept_http1(true)
        .layer(CaptureLayer::new()) // ?refp_id=… on the landing URL becomes the cookie
        .layer(ClickIdLayer::new()) // the cookie becomes the ClickId of every request
        .add_routes(page.add_service(shop))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

async fn home(click_id: Option<Extension<ClickId>>) -> &'static str {
    match click_id {
        Some(_) => "Welcome, friend of a partner.",
        None => "Welcome.",
    }
}
