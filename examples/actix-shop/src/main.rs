//! A small shop on actix-web that pays its partners. What is particular to Refport is in `main`
//! below and in the handlers [`sign_up`](sign_up::sign_up), [`checkout`](orders::checkout) and
//! [`partner`](partner::partner).

mod error;
mod orders;
mod partner;
mod sign_up;
mod visitor;

use actix_web::{
    App, HttpServer, Responder,
    http::header::CONTENT_TYPE,
    web::{self, Html},
};
use clap::Parser as _;
use refport_actix::{CaptureMiddleware, ClickId, ClickIdMiddleware, Track};
use shop::{Args, Opened, pages};

use crate::{error::ShopError, visitor::Visitor};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Opened {
        shop,
        listener,
        runner,
    } = shop::open(Args::parse()).await?;
    let track = web::Data::new(Track::from(shop.outbox.clone()));
    let shop = web::Data::new(shop);
    let app = move || {
        App::new()
            .app_data(shop.clone())
            .app_data(track.clone()) // over the outbox
            .wrap(CaptureMiddleware::new()) // ?refp_id=… on the landing URL becomes the cookie
            .wrap(ClickIdMiddleware::new()) // the cookie becomes the ClickId of every request
            .configure(routes)
    };
    let server = HttpServer::new(app)
        .listen(listener.into_std()?)?
        .disable_signals()
        .shutdown_timeout(2)
        .run();
    let (handle, stopping) = (server.handle(), runner.stopping());
    tokio::spawn(async move {
        stopping.await;
        handle.stop(true).await;
    });
    runner.run(server).await
}

fn routes(config: &mut web::ServiceConfig) {
    let sign_up = web::resource("/signup")
        .route(web::get().to(sign_up::form))
        .route(web::post().to(sign_up::sign_up));
    config
        .service(web::resource("/").route(web::get().to(home)))
        .service(sign_up)
        .service(web::resource("/checkout").route(web::post().to(orders::checkout)))
        .service(web::resource("/orders/{id}").route(web::get().to(orders::order)))
        .service(web::resource("/partner").route(web::get().to(partner::partner)))
        .service(web::resource("/style.css").route(web::get().to(style)))
        .service(web::resource("/healthz").route(web::get().to(async || "ok")))
        .default_service(web::to(not_found));
}

async fn home(Visitor(visitor): Visitor, click_id: Option<ClickId>) -> Result<Html, ShopError> {
    Ok(Html::new(pages::home(
        visitor.as_ref(),
        click_id.is_some(),
    )?))
}

async fn style() -> impl Responder {
    shop::STYLE
        .customize()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
}

async fn not_found() -> Result<Html, ShopError> {
    Err(ShopError::not_found())
}
