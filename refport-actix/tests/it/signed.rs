//! Signed cookies: an ID that the site did not itself capture is told apart.

use actix_web::{App, HttpMessage, HttpRequest, test, web};
use refport_actix::{
    Capture, CaptureMiddleware, ClickIdExt, ClickIdMiddleware, Consent, CookieName,
    refport_core::{ClickIds, signing::SigningKeys},
};

use crate::{Answer, NO_COOKIES, echo, get, optional, send, through};

fn keys() -> SigningKeys {
    SigningKeys::new(&[1; 32]).unwrap()
}

fn rules() -> Capture {
    Capture::new().signed_by(keys())
}

fn capture() -> CaptureMiddleware {
    CaptureMiddleware::from(rules())
}

fn reading() -> ClickIdMiddleware {
    ClickIdMiddleware::new().signed_by(keys())
}

/// The cookies that a browser keeps of an answer.
fn kept(answer: &Answer) -> String {
    let cookies = answer.set_cookies().into_iter();
    let pairs = cookies.map(|cookie| cookie.split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// The cookies that a browser keeps after landing by `clk_1`.
async fn captured() -> String {
    let landing = get("/?refp_id=clk_1", NO_COOKIES);
    kept(&through(echo().wrap(capture()), landing).await)
}

#[actix_web::test]
async fn a_captured_id_is_read_back_and_another_is_not() {
    let cookies = captured().await;
    assert!(cookies.contains("refp_id_sig="), "{cookies}");
    let app = test::init_service(echo().wrap(reading())).await;
    let forged = cookies.replace("clk_1", "clk_2");
    let twins = format!("refp_id=clk_forged; {cookies}");
    for (cookies, want) in [
        (cookies.as_str(), "clk_1|-"),
        (&twins, "clk_1|-"),
        (&forged, "-|-"),
        ("refp_id=clk_1", "-|-"),
    ] {
        let answer = send(&app, get("/", &[cookies]).to_request()).await;
        assert_eq!(answer.body, want, "{cookies}");
    }

    let renewed = SigningKeys::new(&[2; 32]).unwrap();
    let accepting = renewed.clone().accept(&[1; 32]).unwrap();
    for (keys, want) in [(accepting, "clk_1|-"), (renewed, "-|-")] {
        let app = echo().wrap(ClickIdMiddleware::new().signed_by(keys));
        assert_eq!(through(app, get("/", &[&cookies])).await.body, want);
    }
}

#[actix_web::test]
async fn the_landing_request_itself_is_trusted_in_either_order() {
    let request = || get("/?refp_id=clk_1", &["refp_id=clk_forged"]);
    for answer in [
        through(echo().wrap(reading()).wrap(capture()), request()).await,
        through(echo().wrap(capture()).wrap(reading()), request()).await,
    ] {
        assert_eq!(answer.body, "clk_1|-");
        assert_eq!(answer.set_cookies().len(), 2);
    }
}

#[actix_web::test]
async fn a_no_expires_an_unsigned_cookie_in_either_order() {
    let denied = || capture().consent(|_| Consent::Denied);
    let request = || get("/", &["refp_id=clk_forged"]);
    for answer in [
        through(echo().wrap(reading()).wrap(denied()), request()).await,
        through(echo().wrap(denied()).wrap(reading()), request()).await,
    ] {
        assert_eq!(answer.body, "-|-");
        assert_eq!(kept(&answer), "refp_id=; refp_id_sig=");
    }
}

#[actix_web::test]
async fn two_programs_are_signed_apart() {
    let partli = || {
        let rules = rules().param("via").cookie_name(CookieName::PARTLI);
        CaptureMiddleware::from(rules.unwrap())
    };
    let landing = get("/?refp_id=clk_1&via=c_1", NO_COOKIES);
    let cookies = kept(&through(echo().wrap(capture()).wrap(partli()), landing).await);
    let reading_both = echo()
        .wrap(reading())
        .wrap(reading().cookie_name(CookieName::PARTLI));
    let app = test::init_service(reading_both).await;
    let answer = send(&app, get("/", &[&cookies]).to_request()).await;
    assert_eq!(answer.body, "clk_1|c_1");
    let swapped = cookies.replace("=clk_1", "=x").replace("=c_1", "=clk_1");
    let answer = send(&app, get("/", &[&swapped]).to_request()).await;
    assert_eq!(answer.body, "-|-");
}

#[actix_web::test]
async fn the_first_click_is_one_that_was_signed() {
    let first = CaptureMiddleware::from(rules().first_click_wins(true));
    let app = echo().wrap(reading()).wrap(first);
    let app = test::init_service(app).await;
    let cookies = captured().await;
    for (cookies, want) in [
        (cookies.as_str(), "clk_1|-"),
        ("refp_id=clk_forged", "clk_2|-"),
    ] {
        let answer = send(&app, get("/?refp_id=clk_2", &[cookies]).to_request()).await;
        assert_eq!(answer.body, want, "{cookies}");
    }
}

#[actix_web::test]
async fn an_unsigned_id_is_told_apart_and_no_extractor_answers_it() {
    let apart = async |request: HttpRequest| {
        let all = request.click_ids();
        let extensions = request.extensions();
        let ids = extensions.get::<ClickIds>();
        let unsigned = ids.and_then(|ids| ids.unsigned(&CookieName::REFPORT));
        format!("{unsigned:?} {:?}", all.get(&CookieName::REFPORT))
    };
    let app = App::new()
        .route("/one", web::get().to(optional))
        .route("/apart", web::get().to(apart))
        .wrap(reading());
    let app = test::init_service(app).await;
    let forged = &["refp_id=clk_forged"];
    let answer = send(&app, get("/one", forged).to_request()).await;
    assert_eq!(answer.body, "-");
    let answer = send(&app, get("/apart", forged).to_request()).await;
    assert_eq!(answer.body, "Some(ClickId(\"clk_forged\")) None");
}

#[actix_web::test]
async fn without_the_middleware_an_extractor_checks_no_signature() {
    let app = App::new().route("/", web::get().to(optional));
    let answer = through(app, get("/", &["refp_id=clk_forged"])).await;
    assert_eq!(answer.body, "clk_forged");
}
