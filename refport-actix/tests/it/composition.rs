//! Our middlewares beside actix's own, in both orders.

use actix_web::{
    App, HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, LOCATION},
    },
    middleware::{Condition, DefaultHeaders, ErrorHandlerResponse, ErrorHandlers, NormalizePath},
    test, web,
};
use refport_actix::{CaptureMiddleware, ClickIdMiddleware};

use crate::{Answer, NO_COOKIES, get, optional, send, through};

const MARK: HeaderName = HeaderName::from_static("x-mark");

/// `/found` answers the ID, and everything else 404 with it.
fn routes(app: &mut web::ServiceConfig) {
    let not_found = async |id| HttpResponse::NotFound().body(optional(id).await);
    app.route("/found", web::get().to(optional))
        .default_service(web::to(not_found));
}

fn assert_captured(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.body, "clk_new");
    assert_eq!(answer.set_cookies().len(), 1);
    assert!(answer.set_cookies()[0].starts_with("refp_id=clk_new; "));
}

fn landing(path: &str) -> test::TestRequest {
    get(&format!("{path}?refp_id=clk_new"), &["refp_id=clk_old"])
}

#[actix_web::test]
async fn default_headers() {
    let theirs = || DefaultHeaders::new().add((MARK, "1"));
    let app = || App::new().configure(routes);
    let inner = app()
        .wrap(theirs())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let outer = app()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new())
        .wrap(theirs());
    for answer in [
        through(inner, landing("/found")).await,
        through(outer, landing("/found")).await,
    ] {
        assert_captured(&answer, StatusCode::OK);
        assert_eq!(answer.header(MARK), "1");
    }
}

#[actix_web::test]
async fn normalize_path() {
    let app = || App::new().configure(routes);
    let inner = app()
        .wrap(NormalizePath::trim())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let outer = app()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new())
        .wrap(NormalizePath::trim());
    for answer in [
        through(inner, landing("//found/")).await,
        through(outer, landing("//found/")).await,
    ] {
        assert_captured(&answer, StatusCode::OK);
    }
}

#[actix_web::test]
async fn normalize_path_outside_gives_the_redirect_its_path() {
    let app = App::new()
        .configure(routes)
        .wrap(CaptureMiddleware::new().clean_url(true))
        .wrap(NormalizePath::trim());
    let request = landing("//found/").insert_header(("accept", "text/html"));
    let answer = through(app, request).await;
    assert_eq!(answer.header(LOCATION), "/found");
}

#[actix_web::test]
async fn condition() {
    for (enabled, id, cookies) in [(true, "clk_new", 1), (false, "-", 0)] {
        let app = App::new()
            .configure(routes)
            .wrap(Condition::new(enabled, CaptureMiddleware::new()))
            .wrap(Condition::new(enabled, ClickIdMiddleware::new()));
        let answer = through(app, get("/found?refp_id=clk_new", NO_COOKIES)).await;
        assert_eq!(answer.body, id);
        assert_eq!(answer.set_cookies().len(), cookies);
    }
}

#[actix_web::test]
async fn error_handlers() {
    fn theirs<B: 'static>() -> ErrorHandlers<B> {
        ErrorHandlers::new().handler(StatusCode::NOT_FOUND, |mut response| {
            let mark = HeaderValue::from_static("1");
            response.response_mut().headers_mut().insert(MARK, mark);
            Ok(ErrorHandlerResponse::Response(
                response.map_into_left_body(),
            ))
        })
    }

    let app = || App::new().configure(routes);
    let inner = app()
        .wrap(theirs())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new());
    let outer = app()
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new())
        .wrap(theirs());
    for answer in [
        through(inner, landing("/nowhere")).await,
        through(outer, landing("/nowhere")).await,
    ] {
        assert_captured(&answer, StatusCode::NOT_FOUND);
        assert_eq!(answer.header(MARK), "1");
    }
}

#[actix_web::test]
async fn actixs_errors_of_routing_take_the_cookie_along() {
    let app = App::new()
        .wrap(CaptureMiddleware::new())
        .service(web::resource("/found").route(web::post().to(async || "never")));
    let app = test::init_service(app).await;
    for (path, status) in [
        ("/nowhere", StatusCode::NOT_FOUND),
        ("/found", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let answer = send(&app, landing(path).to_request()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.set_cookies().len(), 1);
    }
}
