use std::time::Duration;

use http::{
    Request, Response, StatusCode,
    header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
};
use refport_core::{
    CookieName,
    capture::{Capture, SameSite},
};
use refport_tower::{CaptureLayer, ClickIdLayer};
use tower::{Layer, layer::util::Stack};

use crate::{echo, get, through, withheld};

const COOKIE: &str = "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Max-Age=7776000";

fn set_cookies<B>(response: &Response<B>) -> Vec<&str> {
    let values = response.headers().get_all(SET_COOKIE);
    values.iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn the_landing_request_gets_the_cookie_and_sees_the_id() {
    let response = through(CaptureLayer::new(), get("/?a=1&refp_id=clk_new", &[])).await;
    assert_eq!(set_cookies(&response), [COOKIE]);
    assert_eq!(response.body(), "clk_new|-");
}

#[tokio::test]
async fn nothing_happens_without_a_valid_id_on_the_url() {
    for uri in ["/", "/?", "/?a=1", "/?refp_id=", "/?refp_id=%7Bid%7D"] {
        let response = through(CaptureLayer::new(), get(uri, &["refp_id=clk_old"])).await;
        assert_eq!(set_cookies(&response), [""; 0], "{uri}");
        assert_eq!(response.body(), "-|-");
    }
    let post = Request::post("/?refp_id=clk_new").body(()).unwrap();
    assert_eq!(
        set_cookies(&through(CaptureLayer::new(), post).await),
        [""; 0]
    );
}

#[tokio::test]
async fn the_new_click_replaces_the_cookies_in_either_order() {
    let request = || get("/?refp_id=clk_new", &["refp_id=clk_old"]);
    let inner_capture = Stack::new(CaptureLayer::new(), ClickIdLayer::new());
    assert_eq!(through(inner_capture, request()).await.body(), "clk_new|-");
    let outer_capture = Stack::new(ClickIdLayer::new(), CaptureLayer::new());
    assert_eq!(through(outer_capture, request()).await.body(), "clk_new|-");
}

#[tokio::test]
async fn the_first_click_wins_on_request() {
    let rules = Capture::new().first_click_wins(true);
    let layers = || Stack::new(CaptureLayer::from(rules.clone()), ClickIdLayer::new());
    let response = through(layers(), get("/?refp_id=clk_new", &["refp_id=clk_old"])).await;
    assert_eq!(
        (set_cookies(&response).len(), response.body().as_str()),
        (0, "clk_old|-")
    );
    let response = through(layers(), get("/?refp_id=clk_new", &[])).await;
    assert_eq!(
        (set_cookies(&response).len(), response.body().as_str()),
        (1, "clk_new|-")
    );
}

#[tokio::test]
async fn settings_reach_the_cookie() {
    let rules = Capture::new()
        .param("via")
        .max_age(Duration::from_secs(60))
        .cookie_name(CookieName::PARTLI)
        .and_then(|rules| rules.domain("example.com")?.secure(true))
        .unwrap();
    let response = through(
        CaptureLayer::from(rules),
        get("/?via=c_1&refp_id=clk_new", &[]),
    )
    .await;
    let want = "pref_cid=c_1; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=60";
    assert_eq!(set_cookies(&response), [want]);
    assert_eq!(response.body(), "-|c_1");
}

#[tokio::test]
async fn the_cookie_is_secure_but_on_the_machine_itself() {
    for (uri, secure) in [
        ("http://shop.example/?refp_id=clk_new", true),
        ("http://localhost:3000/?refp_id=clk_new", false),
        ("http://127.0.0.1/?refp_id=clk_new", false),
        ("https://localhost/?refp_id=clk_new", true),
    ] {
        let response = through(CaptureLayer::new(), get(uri, &[])).await;
        let cookie = set_cookies(&response)[0];
        assert_eq!(cookie.contains("; Secure"), secure, "{uri}: {cookie}");
    }
}

#[tokio::test]
async fn a_navigation_is_redirected_to_the_clean_url_without_calling_the_handler() {
    let navigate = |uri: &str| {
        let mut request = get(uri, &[]);
        request
            .headers_mut()
            .insert("sec-fetch-mode", "navigate".parse().unwrap());
        request
            .headers_mut()
            .insert("sec-fetch-dest", "document".parse().unwrap());
        request
    };
    let layer = || CaptureLayer::new().clean_url(true);
    let response = through(layer(), navigate("/a%20b?x=%7e&refp_id=clk_new&y")).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()[LOCATION], "/a%20b?x=%7e&y");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(set_cookies(&response), [COOKIE]);
    assert_eq!(response.body(), "", "the handler was not called");

    let fetched = through(layer(), get("/?refp_id=clk_new", &[])).await;
    assert_eq!(
        (fetched.status(), fetched.body().as_str()),
        (StatusCode::OK, "clk_new|-")
    );
    let elsewhere = through(layer(), navigate("//evil.example/?refp_id=clk_new")).await;
    assert_eq!(
        elsewhere.status(),
        StatusCode::OK,
        "no redirect to another host"
    );
}

#[tokio::test]
async fn a_handlers_own_cookies_stay() {
    let inner = tower::service_fn(async |_: Request<()>| {
        let response = Response::builder()
            .header(SET_COOKIE, "session=1")
            .body(String::new());
        Ok::<_, std::convert::Infallible>(response.unwrap())
    });
    let service = CaptureLayer::new().layer(inner);
    let response = tower::ServiceExt::oneshot(service, get("/?refp_id=clk_new", &[]))
        .await
        .unwrap();
    assert_eq!(set_cookies(&response), ["session=1", COOKIE]);
}

/// A service that answers with these headers.
async fn answering(
    headers: &'static [(&'static str, &'static str)],
    layer: CaptureLayer,
    request: Request<()>,
) -> Response<String> {
    let inner = tower::service_fn(move |_: Request<()>| async move {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Ok::<_, std::convert::Infallible>(response.body(String::new()).unwrap())
    });
    tower::ServiceExt::oneshot(layer.layer(inner), request)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_cookie_is_written_once() {
    let response = answering(
        &[
            ("set-cookie", "refp_id=; Path=/; Max-Age=0"),
            ("set-cookie", "session=1; Path=/"),
            ("set-cookie", "refp_id=clk_shop; Path=/shop"),
        ],
        CaptureLayer::new(),
        get("/?refp_id=clk_new", &[]),
    )
    .await;
    assert_eq!(
        set_cookies(&response),
        ["session=1; Path=/", "refp_id=clk_shop; Path=/shop", COOKIE]
    );
}

#[tokio::test]
async fn an_answer_with_the_cookie_is_not_for_shared_caches() {
    const CACHED: &[(&str, &str)] = &[
        ("cache-control", "public, max-age=600"),
        ("cdn-cache-control", "max-age=86400"),
        ("cloudflare-cdn-cache-control", "max-age=86400"),
        ("vercel-cdn-cache-control", "max-age=86400"),
        ("surrogate-control", "max-age=86400"),
        ("edge-control", "max-age=86400"),
        ("x-accel-expires", "86400"),
    ];
    let response = answering(CACHED, CaptureLayer::new(), get("/?refp_id=clk_new", &[])).await;
    assert_eq!(response.headers()[CACHE_CONTROL], "max-age=600, private");
    for (name, _) in &CACHED[1..] {
        assert!(!response.headers().contains_key(*name), "{name}");
    }

    let response = answering(&[], CaptureLayer::new(), get("/?refp_id=clk_new", &[])).await;
    assert_eq!(response.headers()[CACHE_CONTROL], "private");

    for request in [
        get("/", &[]),
        get("/?refp_id=clk_new", &["refp_id=clk_old"]),
    ] {
        let layer = CaptureLayer::from(Capture::new().first_click_wins(true));
        let response = answering(CACHED, layer, request).await;
        for (name, said) in CACHED {
            assert_eq!(response.headers()[*name], *said, "{name}");
        }
    }
}

#[tokio::test]
async fn two_programs_capture_side_by_side() {
    let partli = Capture::new()
        .param("via")
        .cookie_name(CookieName::PARTLI)
        .unwrap();
    let layers = Stack::new(CaptureLayer::new(), CaptureLayer::from(partli));
    let response = through(layers, get("/?via=c_1&refp_id=clk_new", &[])).await;
    assert_eq!(response.body(), "clk_new|c_1");
    let cookies = set_cookies(&response);
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert!(cookies.contains(&COOKIE), "{cookies:?}");
}

/// A request with these headers more.
fn with(mut request: Request<()>, headers: &[(&'static str, &str)]) -> Request<()> {
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn a_landing_page_is_not_loaded_ahead_and_others_are() {
    let ahead = |uri| with(get(uri, &[]), &[("sec-purpose", "prefetch")]);
    let refused = through(CaptureLayer::new(), ahead("/?refp_id=clk_new")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(
        (set_cookies(&refused).len(), refused.body().as_str()),
        (0, "")
    );

    let layers = || Stack::new(CaptureLayer::new(), ClickIdLayer::new());
    let organic = through(layers(), ahead("/?plan=pro")).await;
    assert_eq!(
        (organic.status(), organic.body().as_str()),
        (StatusCode::OK, "-|-")
    );
    let unknown = CaptureLayer::new().consent_from_extensions();
    let served = through(unknown, ahead("/?refp_id=clk_new")).await;
    assert_eq!(
        (served.status(), served.body().as_str()),
        (StatusCode::OK, "-|-")
    );
}

#[tokio::test]
async fn what_a_page_loads_is_no_click() {
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("cors", "empty"),
        ("navigate", "iframe"),
    ] {
        let headers = [("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
        let request = with(get("/?refp_id=clk_evil", &["refp_id=clk_honest"]), &headers);
        let layers = Stack::new(CaptureLayer::new(), ClickIdLayer::new());
        let response = through(layers, request).await;
        assert_eq!(
            (set_cookies(&response).len(), response.body().as_str()),
            (0, "clk_honest|-"),
            "{mode} {dest}"
        );
    }
}

#[tokio::test]
async fn twins_go_with_a_landing() {
    let rules = Capture::new().domain("shop.example").unwrap();
    let landing = get("/?refp_id=clk_new", &["refp_id=clk_js; refp_id=clk_old"]);
    let response = through(CaptureLayer::from(rules), landing).await;
    assert_eq!(
        set_cookies(&response),
        [
            "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0",
            "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Domain=shop.example; Max-Age=7776000",
        ]
    );
}

#[tokio::test]
async fn more_settings_reach_the_cookie() {
    let rules = Capture::new()
        .same_site(SameSite::Strict)
        .overwrite_after(Duration::from_secs(60))
        .trust_forwarded_proto(true)
        .path("/shop")
        .and_then(|rules| rules.http_only(true))
        .unwrap();
    let layer = CaptureLayer::from(rules);
    let mut request = get("/?refp_id=clk_new", &[]);
    request
        .headers_mut()
        .insert("x-forwarded-proto", "https".parse().unwrap());
    let response = through(layer.clone(), request).await;
    let attributes = "HttpOnly; SameSite=Strict; Secure; Path=/shop";
    assert_eq!(
        set_cookies(&response),
        [
            format!("refp_id=clk_new; {attributes}; Max-Age=7776000"),
            format!("refp_id_hold=clk_new; {attributes}; Max-Age=60"),
        ]
    );
    let held = &["refp_id=clk_new; refp_id_hold=clk_new"];
    let second = through(layer, get("/?refp_id=clk_other", held)).await;
    assert_eq!(set_cookies(&second), [""; 0]);
}

#[tokio::test]
async fn a_withheld_id_is_not_captured() {
    let request = withheld(get("/?refp_id=clk_new", &[]), CookieName::REFPORT);
    let response = through(CaptureLayer::new(), request).await;
    assert_eq!(
        (set_cookies(&response).len(), response.body().as_str()),
        (0, "-|-")
    );
}

#[tokio::test]
async fn an_error_of_the_handler_passes_through() {
    let inner = tower::service_fn(async |_: Request<()>| Err::<Response<String>, _>("broken"));
    let service = CaptureLayer::new().layer(inner);
    let result = tower::ServiceExt::oneshot(service, get("/?refp_id=clk_new", &[])).await;
    assert_eq!(result.unwrap_err(), "broken");
}

#[test]
fn layers_are_light_to_share() {
    fn assert_shareable<T: Clone + Send + Sync + 'static>(_: &T) {}
    assert_shareable(&CaptureLayer::new());
    assert_shareable(&CaptureLayer::new().layer(echo()));
}

#[tokio::test]
async fn readiness_is_the_inner_services() {
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(CaptureLayer::new());
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
}
