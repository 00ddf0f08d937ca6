//! `SignedClickId`: checked by the keys in the application's data, with and without middlewares.

use std::time::{Duration, SystemTime};

use actix_web::{App, http::StatusCode, web};
use refport_actix::{
    Capture, CaptureMiddleware, ClickIdMiddleware, CookieName, SignedClickId, SignedClickIdError,
    refport_core::signing::SigningKeys,
};

use crate::{Answer, NO_COOKIES, get, through, withhold};

fn keys() -> SigningKeys {
    SigningKeys::new(&[1; 32]).unwrap()
}

async fn optional(id: Option<SignedClickId>) -> String {
    id.map_or("-".to_owned(), |id| id.to_string())
}

async fn required(id: SignedClickId) -> String {
    id.into_inner().to_string()
}

/// `/` and `/required`, with these keys in the application's data.
fn routes(keys: Option<SigningKeys>) -> impl FnOnce(&mut web::ServiceConfig) {
    |config| {
        config
            .route("/", web::get().to(optional))
            .route("/required", web::get().to(required));
        if let Some(keys) = keys {
            config.app_data(web::Data::new(keys));
        }
    }
}

async fn seen(keys: SigningKeys, cookies: &str) -> String {
    let app = App::new().configure(routes(Some(keys)));
    through(app, get("/", &[cookies])).await.body
}

fn signed_at(time: SystemTime) -> String {
    let id = "clk_1".parse().unwrap();
    let signature = keys().sign_at(&CookieName::REFPORT, &id, time);
    format!("refp_id=clk_1; refp_id_sig={signature}")
}

/// The cookies that a browser keeps after landing by `clk_1`.
async fn captured() -> String {
    let app = App::new()
        .configure(routes(Some(keys())))
        .wrap(CaptureMiddleware::from(Capture::new().signed_by(keys())));
    let landing: Answer = through(app, get("/?refp_id=clk_1", NO_COOKIES)).await;
    assert_eq!(landing.body, "-", "the signature is only being written");
    let kept = landing.set_cookies().into_iter();
    let kept = kept.map(|cookie| cookie.split(';').next().unwrap());
    kept.collect::<Vec<_>>().join("; ")
}

#[actix_web::test]
async fn only_a_signed_id_is_answered_whatever_middlewares_there_are() {
    let good = captured().await;
    let forged = good.replace("refp_id=clk_1", "refp_id=clk_2");
    for (cookies, want) in [
        (good.as_str(), "clk_1"),
        (&forged, "-"),
        ("refp_id=clk_1", "-"),
        ("refp_id=clk_1; refp_id_sig=x", "-"),
        ("", "-"),
    ] {
        let bare = || App::new().configure(routes(Some(keys())));
        let request = || get("/", &[cookies]);
        let unchecking = bare().wrap(ClickIdMiddleware::new());
        let checking = bare().wrap(ClickIdMiddleware::new().signed_by(keys()));
        for answer in [
            through(bare(), request()).await,
            through(unchecking, request()).await,
            through(checking, request()).await,
        ] {
            assert_eq!(answer.body, want, "{cookies}");
        }
        let answer = through(bare(), get("/required", &[cookies])).await;
        if want == "-" {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert!(answer.body.contains("CLICK_ID_MISSING"), "{}", answer.body);
        } else {
            assert_eq!(answer.body, want);
        }
    }
    let other = SigningKeys::new(&[2; 32]).unwrap();
    assert_eq!(seen(other, &good).await, "-");
}

#[actix_web::test]
async fn keys_may_stand_in_the_data_as_they_are() {
    let routes = routes(None);
    let app = App::new().app_data(keys()).configure(routes);
    let cookies = captured().await;
    assert_eq!(through(app, get("/", &[cookies])).await.body, "clk_1");
}

#[actix_web::test]
async fn without_keys_it_fails_and_answers_no_id() {
    let cookies = captured().await;
    let app = App::new().configure(routes(None));
    let answer = through(app, get("/required", &[&cookies])).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer.body.contains("SIGNING_NOT_SET_UP"),
        "{}",
        answer.body
    );
    let why = SignedClickIdError::NotSetUp.to_string();
    assert!(answer.body.contains(&why), "{}", answer.body);
    let app = App::new().configure(routes(None));
    assert_eq!(through(app, get("/", &[&cookies])).await.body, "-");
}

#[actix_web::test]
async fn a_signature_ages_and_an_unsigned_id_counts_until_the_day() {
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 60 * 60);
    let stale = signed_at(now - 92 * day);
    assert_eq!(seen(keys(), &signed_at(now - 90 * day)).await, "clk_1");
    assert_eq!(seen(keys(), &stale).await, "-");
    assert_eq!(seen(keys(), &signed_at(now + day)).await, "-");
    assert_eq!(seen(keys().max_age(93 * day), &stale).await, "clk_1");

    let beginning = keys().accept_unsigned_until(now + day);
    assert_eq!(seen(beginning.clone(), "refp_id=clk_1").await, "clk_1");
    assert_eq!(seen(beginning, &stale).await, "-");
    let begun = keys().accept_unsigned_until(now - day);
    assert_eq!(seen(begun, "refp_id=clk_1").await, "-");
}

#[actix_web::test]
async fn a_withheld_id_is_not_answered() {
    let cookies = captured().await;
    let app = App::new()
        .configure(routes(Some(keys())))
        .wrap_fn(|request, service| {
            withhold(&request, CookieName::REFPORT);
            actix_web::dev::Service::call(service, request)
        });
    assert_eq!(through(app, get("/", &[cookies])).await.body, "-");
}
