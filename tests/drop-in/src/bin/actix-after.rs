//! The site on actix-web.

use std::error::Error;

use actix_identity::{Identity, IdentityMiddleware};
use actix_session::{SessionMiddleware, storage::CookieSessionStore};
use actix_web::{
    App, HttpResponse, HttpServer,
    cookie::Key,
    error::ErrorNotFound,
    guard,
    http::{StatusCode, header::LOCATION},
    middleware::{Compress, ErrorHandlers, Logger},
    web,
};
use drop_in::{
    on_actix as site,
    orders::{Cart, Orders},
};
use refport_actix::{CaptureMiddleware, ClickId, ClickIdMiddleware, OrWarn, Refport, Sale, Track};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let (key, orders) = (Key::generate(), web::Data::new(Orders::default()));
    let refport = web::Data::new(Refport::from_env()?); // REFPORT_API_KEY, REFPORT_BASE_URL
    let app = move || {
        let sessions = SessionMiddleware::builder(CookieSessionStore::default(), key.clone());
        App::new()
            .app_data(orders.clone())
            .app_data(refport.clone())
            .wrap(ErrorHandlers::new().handler(StatusCode::NOT_FOUND, site::not_found))
            .wrap(IdentityMiddleware::default())
            .wrap(sessions.cookie_secure(false).build())
            .wrap(Compress::default())
            .wrap(Logger::default())
            .wrap(CaptureMiddleware::new()) // ?refp_id=… on the landing URL becomes the cookie
            .wrap(ClickIdMiddleware::new()) // the cookie becomes the ClickId of every request
            .configure(routes)
    };
    let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0")?;
    println!("site=http://{}", server.addrs()[0]);
    Ok(server.run().await?)
}

fn routes(config: &mut web::ServiceConfig) {
    let buy = web::post()
        .guard(guard::Header("content-type", "application/json"))
        .to(checkout);
    let orders = web::resource("/orders")
        .route(web::get().to(site::orders))
        .route(buy);
    let account = web::scope("/account")
        .route("", web::get().to(site::account))
        .service(orders);
    let api = web::scope("/api").route("/products", web::get().to(site::products));
    config
        .route("/", web::get().to(site::home))
        .route("/login", web::post().to(site::log_in))
        .route("/logout", web::post().to(site::log_out))
        .service(account)
        .service(api);
}

async fn checkout(
    orders: web::Data<Orders>,
    user: Identity,
    click_id: Option<ClickId>,
    track: Track,
    cart: web::Json<Cart>,
) -> Result<HttpResponse, actix_web::Error> {
    let order = cart.order_of(&site::id_of(&user)?);
    let order = order.ok_or_else(|| ErrorNotFound("not sold here"))?;
    let placed = orders.place(&order);
    let location = format!("/account/orders#{}", placed.id);
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, &order.user_id, order.amount_cents)
            .currency("eur")
            .invoice_id(placed.id);
        track.sale(sale).await.or_warn();
    }
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .finish())
}
