//! Consent that comes after the landing.

use http::{
    Request, StatusCode,
    header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
};
use refport_core::{
    ClickIds, CookieName,
    capture::{Capture, Withheld},
    consent::Consent,
};
use refport_tower::{CaptureLayer, ClickIdLayer, ConsentRequest};
use tower::{Layer, layer::util::Stack};

use crate::{Echo, get, through};

const STORED: &str = "refp_id=clk_1; SameSite=Lax; Secure; Path=/; Max-Age=7776000";

fn by_cookie(request: &ConsentRequest<'_>) -> Consent {
    let choice = request.cookie("choice");
    choice.map_or(Consent::Unknown, |choice| {
        Consent::from_answer(choice == "all")
    })
}

/// What the banner of a page sends, whose visitor has chosen before.
fn agrees(choice: &str) -> Request<()> {
    let request = Request::post("/agree?refp_id=clk_1").header("sec-fetch-site", "same-origin");
    request.header("cookie", choice).body(()).unwrap()
}

/// Land, agree, sign up: the same for every kind of gate.
macro_rules! a_visitor_agrees {
    ($capture:expr) => {
        let layers = || Stack::new(ClickIdLayer::new(), $capture.clone());
        let landing = through(layers(), get("/?refp_id=clk_1", &[])).await;
        assert_eq!(landing.body(), "clk_1|-");
        assert!(!landing.headers().contains_key(SET_COOKIE));
        let agreed = through(layers(), agrees("choice=all")).await;
        assert_eq!(agreed.status(), StatusCode::NO_CONTENT);
        assert_eq!(agreed.headers()[SET_COOKIE], STORED);
        assert_eq!(agreed.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(agreed.body(), "", "no handler was called");
        let refused = through(layers(), agrees("choice=none")).await;
        assert_eq!(refused.status(), StatusCode::NO_CONTENT);
        assert!(!refused.headers().contains_key(SET_COOKIE));
    };
}

#[tokio::test]
async fn a_gate_is_asked_once_more() {
    a_visitor_agrees!(CaptureLayer::new().consent(by_cookie).agree_at("/agree"));
}

#[tokio::test]
async fn a_gate_that_takes_its_time_is_asked_once_more() {
    let later = CaptureLayer::new()
        .agree_at("/agree")
        .consent_async(|request| {
            let consent = by_cookie(request);
            async move {
                tokio::task::yield_now().await;
                consent
            }
        });
    a_visitor_agrees!(later);
}

/// A middleware of the site's own.
#[derive(Clone)]
struct Banner;

impl Layer<Echo> for Banner {
    type Service = tower::util::MapRequest<
        <CaptureLayer as Layer<Echo>>::Service,
        fn(Request<()>) -> Request<()>,
    >;

    fn layer(&self, inner: Echo) -> Self::Service {
        let capture = CaptureLayer::new().agree_at("/agree");
        let capture = capture.consent_from_extensions();
        tower::util::MapRequest::new(capture.layer(inner), |mut request| {
            let all = request
                .headers()
                .get("cookie")
                .is_some_and(|it| it == "choice=all");
            request.extensions_mut().insert(Consent::from_answer(all));
            request
        })
    }
}

#[tokio::test]
async fn what_a_middleware_says_holds() {
    let agreed = through(Banner, agrees("choice=all")).await;
    assert_eq!(agreed.headers()[SET_COOKIE], STORED);
    let refused = through(Banner, agrees("choice=none")).await;
    assert!(!refused.headers().contains_key(SET_COOKIE));
}

#[tokio::test]
async fn without_a_gate_the_banners_word_is_enough() {
    let layer = || CaptureLayer::new().agree_at("/agree");
    let agreed = through(layer(), agrees("a=1")).await;
    assert_eq!(agreed.headers()[SET_COOKIE], STORED);
    let mut private = agrees("a=1");
    private
        .headers_mut()
        .insert("sec-gpc", "1".parse().unwrap());
    let private = through(layer(), private).await;
    assert_eq!(private.status(), StatusCode::NO_CONTENT);
    assert!(!private.headers().contains_key(SET_COOKIE));
}

#[tokio::test]
async fn another_site_does_not_agree_for_the_visitor() {
    let layer = || CaptureLayer::new().agree_at("/agree");
    for site in ["cross-site", "same-site", "none"] {
        let mut request = agrees("choice=all");
        let headers = request.headers_mut();
        headers.insert("sec-fetch-site", site.parse().unwrap());
        let refused = through(layer(), request).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{site}");
        assert!(!refused.headers().contains_key(SET_COOKIE), "{site}");
    }
}

#[tokio::test]
async fn a_form_comes_back_to_its_page() {
    let form = Request::post("/agree")
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header("host", "shop.example")
        .header("referer", "https://shop.example/p?refp_id=clk_1&x=1");
    let layer = CaptureLayer::new().agree_at("/agree");
    let back = through(layer, form.body(()).unwrap()).await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    assert_eq!(back.headers()[LOCATION], "/p?x=1");
    assert_eq!(back.headers()[SET_COOKIE], STORED);
}

#[tokio::test]
async fn who_was_denied_further_out_does_not_agree() {
    let layer = CaptureLayer::new().agree_at("/agree");
    let mut request = agrees("choice=all");
    let mut ids = ClickIds::default();
    ids.withhold(CookieName::REFPORT);
    request.extensions_mut().insert(ids);
    let refused = through(layer, request).await;
    assert_eq!(refused.status(), StatusCode::NO_CONTENT);
    assert!(!refused.headers().contains_key(SET_COOKIE));
}

#[tokio::test]
async fn other_requests_to_the_path_reach_the_service() {
    let layer = || CaptureLayer::new().agree_at("/agree");
    for request in [get("/agree", &[]), get("/agree?refp_id=clk_1", &[])] {
        assert_eq!(through(layer(), request).await.status(), StatusCode::OK);
    }
    let elsewhere = Request::post("/agreed?refp_id=clk_1").body(()).unwrap();
    let elsewhere = through(layer(), elsewhere).await;
    assert_eq!(elsewhere.body(), "-|-");
}

#[tokio::test]
async fn what_a_layer_withholds_is_counted_by_its_rules() {
    let rules = Capture::new();
    let gated = CaptureLayer::from(rules.clone()).consent(by_cookie);
    for cookies in ["choice=none", "choice=none", "a=1", "choice=all"] {
        through(gated.clone(), get("/?refp_id=clk_1", &[cookies])).await;
    }
    let mut private = get("/?refp_id=clk_1", &["choice=all"]);
    private
        .headers_mut()
        .insert("sec-gpc", "1".parse().unwrap());
    through(gated, private).await;
    let Withheld {
        gpc,
        denied,
        unknown,
        ..
    } = rules.withheld();
    assert_eq!((gpc, denied, unknown), (1, 2, 1));
}
