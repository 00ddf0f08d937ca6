//! Signed cookies: an ID that the site did not itself capture is told apart.

use std::convert::Infallible;

use http::{Request, Response, header::SET_COOKIE};
use refport_core::{
    ClickIds, CookieName, capture::Capture, consent::Consent, signing::SigningKeys,
};
use refport_tower::{CaptureLayer, ClickIdLayer};
use tower::{Layer, ServiceExt, layer::util::Stack};

use crate::{get, through};

fn keys() -> SigningKeys {
    SigningKeys::new(&[1; 32]).unwrap()
}

fn capturing() -> CaptureLayer {
    CaptureLayer::from(Capture::new().signed_by(keys()))
}

/// The cookies that a browser keeps after landing by `clk_1`.
async fn captured() -> String {
    let response = through(capturing(), get("/?refp_id=clk_1", &[])).await;
    let cookies = response.headers().get_all(SET_COOKIE).into_iter();
    let pairs = cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_captured_id_is_read_back_and_another_is_not() {
    let cookies = captured().await;
    assert!(cookies.contains("refp_id_sig="), "{cookies}");
    let reading = || ClickIdLayer::new().signed_by(keys());
    assert_eq!(
        through(reading(), get("/", &[&cookies])).await.body(),
        "clk_1|-"
    );
    let forged = cookies.replace("clk_1", "clk_2");
    assert_eq!(through(reading(), get("/", &[&forged])).await.body(), "-|-");
    assert_eq!(
        through(reading(), get("/", &["refp_id=clk_1"]))
            .await
            .body(),
        "-|-"
    );

    let renewed = SigningKeys::new(&[2; 32]).unwrap();
    let accepting = renewed.clone().accept(&[1; 32]).unwrap();
    let reading = ClickIdLayer::new().signed_by(accepting);
    assert_eq!(
        through(reading, get("/", &[&cookies])).await.body(),
        "clk_1|-"
    );
    let reading = ClickIdLayer::new().signed_by(renewed);
    assert_eq!(through(reading, get("/", &[&cookies])).await.body(), "-|-");
}

#[tokio::test]
async fn the_landing_request_itself_is_trusted_in_either_order() {
    let reading = || ClickIdLayer::new().signed_by(keys());
    let capture = capturing;
    let request = || get("/?refp_id=clk_1", &["refp_id=clk_forged"]);
    let outer_capture = Stack::new(reading(), capture());
    let inner_capture = Stack::new(capture(), reading());
    for response in [
        through(outer_capture, request()).await,
        through(inner_capture, request()).await,
    ] {
        assert_eq!(response.body(), "clk_1|-");
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
    }
}

#[tokio::test]
async fn a_no_expires_an_unsigned_cookie_in_either_order() {
    let reading = || ClickIdLayer::new().signed_by(keys());
    let capture = || capturing().consent(|_| Consent::Denied);
    let request = || get("/", &["refp_id=clk_forged"]);
    let outer_capture = Stack::new(reading(), capture());
    let inner_capture = Stack::new(capture(), reading());
    for response in [
        through(outer_capture, request()).await,
        through(inner_capture, request()).await,
    ] {
        assert_eq!(response.body(), "-|-");
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
    }
}

#[tokio::test]
async fn two_programs_are_signed_apart() {
    let partli = || CookieName::PARTLI;
    let rules = Capture::new().param("via").signed_by(keys());
    let rules = rules.cookie_name(partli()).unwrap();
    let capture = Stack::new(capturing(), CaptureLayer::from(rules));
    let landing = through(capture, get("/?refp_id=clk_1&via=c_1", &[])).await;
    let cookies = landing.headers().get_all(SET_COOKIE).into_iter();
    let pairs = cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    let cookies = pairs.collect::<Vec<_>>().join("; ");
    let reading = || {
        Stack::new(
            ClickIdLayer::new().signed_by(keys()),
            ClickIdLayer::new().cookie_name(partli()).signed_by(keys()),
        )
    };
    let seen = through(reading(), get("/", &[&cookies])).await;
    assert_eq!(seen.body(), "clk_1|c_1");
    let swapped = cookies.replace("=clk_1", "=x").replace("=c_1", "=clk_1");
    assert_eq!(
        through(reading(), get("/", &[&swapped])).await.body(),
        "-|-"
    );
}

#[tokio::test]
async fn an_unsigned_id_is_told_apart_and_no_extractor_answers_it() {
    let handler = tower::service_fn(async |request: Request<()>| {
        let (parts, ()) = request.into_parts();
        assert_eq!(refport_tower::find_click_id(&parts), None);
        let ids = parts.extensions.get::<ClickIds>();
        let unsigned = ids.and_then(|ids| ids.unsigned(&CookieName::REFPORT));
        Ok::<_, Infallible>(Response::new(unsigned.map(ToString::to_string)))
    });
    let service = ClickIdLayer::new().signed_by(keys()).layer(handler);
    let request = get("/", &["refp_id=clk_forged"]);
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.body().as_deref(), Some("clk_forged"));
}

#[tokio::test]
async fn the_signed_one_of_several_cookies_is_read() {
    let cookies = captured().await;
    let twins = format!("refp_id=clk_forged; {cookies}");
    let reading = ClickIdLayer::new().signed_by(keys());
    let seen = through(reading, get("/", &[&twins])).await;
    assert_eq!(seen.body(), "clk_1|-");
}
