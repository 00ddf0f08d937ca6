use std::net::TcpListener;

use actix_web::{
    App, HttpServer,
    web::{self, Html},
};
use refport_actix::{CaptureMiddleware, ClickId, ClickIdExt, ClickIdMiddleware, Consent};
use refport_tests::capturing::{SCRIPTED_PATH, Sites, capture_in_a_browser, page, scripted_page};

use crate::tls;

#[tokio::test]
async fn capture_middleware_in_a_browser() {
    let gate = CaptureMiddleware::new().consent(|request| {
        match request.cookie_value("choice").as_deref() {
            Some("yes") => Consent::Granted,
            Some(_) => Consent::Denied,
            None => Consent::Unknown,
        }
    });
    let sites = Sites {
        plain: serve(CaptureMiddleware::new(), false),
        https: serve(CaptureMiddleware::new(), true),
        http_only: serve(CaptureMiddleware::new().http_only(true), false),
        clean_url: serve(CaptureMiddleware::new().clean_url(true), false),
        consent: serve(gate, false),
    };
    capture_in_a_browser(&sites).await.unwrap();
}

async fn plain(click_id: Option<ClickId>) -> Html {
    Html::new(page(click_id.as_deref().map(AsRef::as_ref)))
}

async fn scripted(click_id: Option<ClickId>) -> Html {
    Html::new(scripted_page(click_id.as_deref().map(AsRef::as_ref)))
}

fn serve(capture: CaptureMiddleware, https: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let site = move || {
        App::new()
            .wrap(capture.clone())
            .wrap(ClickIdMiddleware::new())
            .route(SCRIPTED_PATH, web::get().to(scripted))
            .default_service(web::get().to(plain))
    };
    let server = HttpServer::new(site).workers(1).disable_signals();
    let (server, scheme) = if https {
        (server.listen_rustls_0_23(listener, tls::config()), "https")
    } else {
        (server.listen(listener), "http")
    };
    tokio::spawn(server.unwrap().run());
    format!("{scheme}://{address}")
}
