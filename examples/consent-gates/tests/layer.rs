//! Each gate before a capture layer: what the platform's cookie says is what happens to the click.

use std::convert::Infallible;

use consent_gates::{COOKIEBOT_COOKIE, ONETRUST_COOKIE, TCF_COOKIE, cookiebot, onetrust, tcf};
use http::{
    Request, Response,
    header::{COOKIE, SET_COOKIE},
};
use refport_core::consent::Consent;
use refport_tower::CaptureLayer;
use tower::{Layer, ServiceExt, service_fn};

/// How many cookies a landing writes for a visitor with this cookie.
async fn stored(name: &'static str, gate: fn(&str) -> Consent, value: &str) -> usize {
    let layer = CaptureLayer::new().consent(move |request| {
        let choice = request.cookie(name);
        choice.map_or(Consent::Unknown, |choice| gate(&choice))
    });
    let shop = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(()))
    }));
    let landing = Request::get("/?refp_id=clk_1").header(COOKIE, format!("{name}={value}"));
    let answer = shop.oneshot(landing.body(()).unwrap()).await.unwrap();
    answer.headers().get_all(SET_COOKIE).iter().count()
}

#[tokio::test]
async fn cookiebots_answer_decides() {
    let gate = |value: &str| cookiebot(value, "marketing");
    let agreed = "{stamp:%27x%27%2Cmarketing:true}";
    let refused = "{stamp:%27x%27%2Cmarketing:false}";
    assert_eq!(stored(COOKIEBOT_COOKIE, gate, agreed).await, 1);
    assert_eq!(stored(COOKIEBOT_COOKIE, gate, refused).await, 0);
    assert_eq!(stored(COOKIEBOT_COOKIE, gate, "what").await, 0);
}

#[tokio::test]
async fn onetrusts_answer_decides() {
    let gate = |value: &str| onetrust(value, "C0004");
    let agreed = "datestamp=x&groups=C0001%3A1%2CC0004%3A1";
    let refused = "datestamp=x&groups=C0001%3A1%2CC0004%3A0";
    assert_eq!(stored(ONETRUST_COOKIE, gate, agreed).await, 1);
    assert_eq!(stored(ONETRUST_COOKIE, gate, refused).await, 0);
    assert_eq!(stored(ONETRUST_COOKIE, gate, "datestamp=x").await, 0);
}

#[tokio::test]
async fn a_tc_strings_answer_decides() {
    let gate = |value: &str| tcf(value, 1);
    let agreed = "CAAAAAAAAAAAAAAAAAAAAAAAAP___w";
    // The vendors were agreed to, the publisher was not.
    let refused = "CAAAAAAAAAAAAAAAAAAAAAAAAP___w.YAAAAAAAAAAA";
    assert_eq!(stored(TCF_COOKIE, gate, agreed).await, 1);
    assert_eq!(stored(TCF_COOKIE, gate, refused).await, 0);
    assert_eq!(stored(TCF_COOKIE, gate, "").await, 0);
}
