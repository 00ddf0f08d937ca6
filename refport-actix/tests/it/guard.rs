use actix_web::{App, Scope, test, web};
use refport_actix::{
    CaptureMiddleware, ClickIdMiddleware, CookieName,
    guard::{has_click_id, no_click_id},
};

use crate::{NO_COOKIES, get, send, through};

fn referred() -> Scope {
    web::scope("/page")
        .guard(has_click_id())
        .default_service(web::to(async || "referred"))
}

fn organic() -> Scope {
    web::scope("/page")
        .guard(no_click_id())
        .default_service(web::to(async || "organic"))
}

/// Reads a cookie that the guards do not know of, so that only its extension can tell them.
fn acme() -> ClickIdMiddleware {
    let name = CookieName::new("acme_ref").unwrap().for_default_program();
    ClickIdMiddleware::new().cookie_name(name)
}

#[actix_web::test]
async fn routes_are_told_apart_without_a_middleware() {
    let cases = [
        (NO_COOKIES, "organic"),
        (&["refp_id="], "organic"),
        (&["refp_id=a b"], "organic"),
        (&["a=1", "refp_id=clk_1"], "referred"),
    ];
    for [first, second] in [[referred, organic], [organic, referred]] {
        let app = test::init_service(App::new().service(first()).service(second())).await;
        for (cookies, want) in cases {
            let answer = send(&app, get("/page", cookies).to_request()).await;
            assert_eq!(answer.body, want, "{cookies:?}");
        }
    }
}

#[actix_web::test]
async fn a_middleware_of_the_app_has_run_before_the_guard() {
    let app = App::new()
        .service(referred())
        .service(organic())
        .wrap(acme());
    let answer = through(app, get("/page", &["acme_ref=clk_1"])).await;
    assert_eq!(answer.body, "referred");

    let capturing = App::new()
        .service(referred())
        .service(organic())
        .wrap(CaptureMiddleware::new());
    let answer = through(capturing, get("/page?refp_id=clk_1", NO_COOKIES)).await;
    assert_eq!(
        answer.body, "referred",
        "the landing request counts at once"
    );
}

#[actix_web::test]
async fn a_middleware_of_an_outer_scope_has_run_before_the_guard() {
    let outer = web::scope("/shop")
        .wrap(acme())
        .service(referred())
        .service(organic());
    let app = App::new().service(outer);
    let answer = through(app, get("/shop/page", &["acme_ref=clk_1"])).await;
    assert_eq!(answer.body, "referred");
}

#[actix_web::test]
async fn a_middleware_of_the_very_scope_has_not_and_the_cookie_is_read() {
    let app = App::new()
        .service(referred().wrap(acme()))
        .service(organic().wrap(acme()));
    let app = test::init_service(app).await;
    let answer = send(&app, get("/page", &["acme_ref=clk_1"]).to_request()).await;
    assert_eq!(answer.body, "organic", "the extension is not there yet");
    let answer = send(&app, get("/page", &["refp_id=clk_1"]).to_request()).await;
    assert_eq!(answer.body, "referred", "the guard reads `refp_id` itself");

    let other_way_round = App::new()
        .service(organic().wrap(acme()))
        .service(referred().wrap(acme()));
    let answer = through(other_way_round, get("/page", &["refp_id=clk_1"])).await;
    assert_eq!(answer.body, "referred", "and so does the other one");
}
