//! Our layers beside tower-http's, inside and outside of them, by `Router::layer` and around whole
//! routers.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        HeaderName, StatusCode,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING, LOCATION, SET_COOKIE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use refport_axum::{Capture, CaptureLayer, ClickId, ClickIdLayer, Consent};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::CorsLayer,
    normalize_path::NormalizePathLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

const SEEN: HeaderName = HeaderName::from_static("x-seen");
const STORED: &str = "refp_id=clk_new; SameSite=Lax; Secure; Path=/; Max-Age=7776000";
const EXPIRED: &str = "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0";

/// `/id` says the ID in a header, and enough in the body for it to be compressed.
fn routes() -> Router {
    let handler = async |id: Option<ClickId>| {
        let id = id.map_or("-".to_owned(), |id| id.to_string());
        ([(SEEN, id)], "our prices ".repeat(10))
    };
    Router::new()
        .route("/id", get(handler))
        .route(
            "/panics",
            get(async || -> StatusCode { panic!("as asked") }),
        )
        .route("/hangs", get(std::future::pending::<StatusCode>))
}

/// The gate of a site with a banner, and the cleaning of the URL.
fn capture() -> CaptureLayer {
    CaptureLayer::new().clean_url(true).consent(|request| {
        match request.cookie("choice").as_deref() {
            Some("none") => Consent::Denied,
            _ => Consent::Granted,
        }
    })
}

type App = BoxCloneSyncService<Request, Response, Infallible>;

fn boxed<S, R>(service: S) -> App
where
    S: Service<Request, Response = R, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
    R: IntoResponse + 'static,
{
    BoxCloneSyncService::new(service.map_response(IntoResponse::into_response))
}

async fn call(app: &App, uri: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

fn set_cookies(response: &Response) -> Vec<&str> {
    let values = response.headers().get_all(SET_COOKIE).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

/// The new click is written; the old one may stand by another path, and is expired there.
fn assert_stored(response: &Response, what: &str) {
    let cookies = set_cookies(response);
    assert_eq!(cookies.last(), Some(&STORED), "{what}");
    let written = cookies.iter().filter(|cookie| cookie.contains("clk_new"));
    assert_eq!(written.count(), 1, "{what}: {cookies:?}");
}

/// `$theirs` and our layers in every order and place.
macro_rules! places {
    ($theirs:expr) => {{
        let reading = ClickIdLayer::new;
        [
            (
                "inside",
                boxed(routes().layer(capture()).layer(reading()).layer($theirs)),
            ),
            (
                "outside",
                boxed(routes().layer($theirs).layer(reading()).layer(capture())),
            ),
            (
                "on either side",
                boxed(routes().layer(reading()).layer($theirs).layer(capture())),
            ),
            (
                "a nested router's outside",
                boxed(
                    Router::new()
                        .nest("/shop", routes().layer($theirs))
                        .merge(routes().layer($theirs))
                        .layer(capture())
                        .layer(reading()),
                ),
            ),
            (
                "inside, around the whole router",
                boxed(Layer::layer(
                    &$theirs,
                    reading().layer(capture().layer(routes())),
                )),
            ),
            (
                "outside, around the whole router",
                boxed(reading().layer(capture().layer(routes().layer($theirs)))),
            ),
        ]
    }};
}

/// What must hold wherever our layers stand: the click is captured and seen, read back, withheld,
/// and the URL cleaned.
async fn assert_captures(what: &str, app: &App) {
    let response = call(app, "/id?refp_id=clk_new", &[("cookie", "refp_id=clk_old")]).await;
    assert_eq!(response.status(), StatusCode::OK, "{what}");
    assert_eq!(response.headers()[SEEN], "clk_new", "{what}");
    assert_stored(&response, what);

    let response = call(app, "/id", &[("cookie", "refp_id=clk_old")]).await;
    assert_eq!(response.headers()[SEEN], "clk_old", "{what}");
    assert_eq!(set_cookies(&response), [""; 0], "{what}");

    let no = [("cookie", "choice=none; refp_id=clk_old")];
    let response = call(app, "/id?refp_id=clk_new", &no).await;
    assert_eq!(response.headers()[SEEN], "-", "{what}");
    assert_eq!(set_cookies(&response)[0], EXPIRED, "{what}");

    let page = [("accept", "text/html")];
    let response = call(app, "/id?refp_id=clk_new&plan=pro", &page).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{what}");
    assert_eq!(response.headers()[LOCATION], "/id?plan=pro", "{what}");
    assert_stored(&response, what);
}

#[tokio::test]
async fn compression() {
    for (what, app) in places!(CompressionLayer::new()) {
        assert_captures(what, &app).await;
        let response = call(&app, "/id?refp_id=clk_new", &[("accept-encoding", "gzip")]).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip", "{what}");
        assert_eq!(response.headers()[SEEN], "clk_new", "{what}");
        assert_stored(&response, what);
    }
}

#[tokio::test]
async fn cors() {
    for (what, app) in places!(CorsLayer::permissive()) {
        assert_captures(what, &app).await;
        let response = call(
            &app,
            "/id?refp_id=clk_new",
            &[("origin", "https://a.example")],
        )
        .await;
        assert_eq!(
            response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN],
            "*",
            "{what}"
        );
        assert_stored(&response, what);
    }
}

#[tokio::test]
async fn trace() {
    for (what, app) in places!(TraceLayer::new_for_http()) {
        assert_captures(what, &app).await;
    }
}

/// The redirect of `clean_url` has an empty body, so the body inside needs a `Default`. That of
/// `TraceLayer` has none.
#[tokio::test]
async fn trace_right_inside_without_a_router_between_wants_its_body_boxed() {
    let app = ServiceBuilder::new()
        .layer(capture())
        .layer(ClickIdLayer::new())
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(TraceLayer::new_for_http())
        .service(routes());
    assert_captures("boxed", &boxed(app)).await;
}

#[tokio::test]
async fn request_id() {
    const ID: HeaderName = HeaderName::from_static("x-request-id");
    let theirs = || {
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(ID, MakeRequestUuid))
            .layer(PropagateRequestIdLayer::new(ID))
    };
    for (what, app) in places!(theirs()) {
        assert_captures(what, &app).await;
        let response = call(&app, "/id?refp_id=clk_new", &[]).await;
        assert!(response.headers().contains_key(ID), "{what}");
    }
}

#[tokio::test]
async fn timeout() {
    let theirs = |time| TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, time);
    for (what, app) in places!(theirs(Duration::from_secs(600))) {
        assert_captures(what, &app).await;
    }
    for (what, app) in places!(theirs(Duration::from_millis(1))) {
        let response = call(&app, "/hangs?refp_id=clk_new", &[]).await;
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT, "{what}");
        // An answer in the handler's place has the cookie where it comes by our layer.
        let cookies = set_cookies(&response).len();
        assert_eq!(cookies, usize::from(!what.starts_with("inside")), "{what}");
    }
}

#[tokio::test]
async fn catch_panic() {
    for (what, app) in places!(CatchPanicLayer::new()) {
        assert_captures(what, &app).await;
        let response = call(&app, "/panics?refp_id=clk_new", &[]).await;
        assert_eq!(
            response.status(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "{what}"
        );
        let cookies = set_cookies(&response).len();
        assert_eq!(cookies, usize::from(!what.starts_with("inside")), "{what}");
    }
}

/// It does its work around the whole router only.
#[tokio::test]
async fn normalize_path() {
    let theirs = NormalizePathLayer::trim_trailing_slash;
    for (what, app) in places!(theirs()) {
        assert_captures(what, &app).await;
    }
    let ours = || capture().layer(ClickIdLayer::new().layer(theirs().layer(routes())));
    let within = || theirs().layer(capture().layer(ClickIdLayer::new().layer(routes())));
    for (app, location) in [(boxed(ours()), "/id/"), (boxed(within()), "/id")] {
        let response = call(&app, "/id/?refp_id=clk_new", &[]).await;
        assert_eq!(response.headers()[SEEN], "clk_new");
        assert_eq!(set_cookies(&response), [STORED]);
        let page = [("accept", "text/html")];
        let response = call(&app, "/id/?refp_id=clk_new", &page).await;
        assert_eq!(response.headers()[LOCATION], location);
    }
}

#[tokio::test]
async fn all_of_them_at_once() {
    let app = routes()
        .layer(capture())
        .layer(ClickIdLayer::new())
        .layer(CompressionLayer::new())
        .layer(CorsLayer::permissive())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            Duration::from_secs(600),
        ))
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http());
    assert_captures("all", &boxed(app)).await;
}

#[tokio::test]
async fn nested_routers_clean_the_whole_path_outside_of_them_and_within() {
    let page = [("accept", "text/html")];
    let outside = Router::new().nest("/shop", routes()).layer(capture());
    let within = Router::new().nest("/shop", routes().layer(capture()));
    let deep = Router::new().nest("/a", Router::new().nest("/shop", routes().layer(capture())));
    let service = Router::new().nest_service("/shop", capture().layer(routes()));
    for (app, path) in [
        (outside, "/shop/id"),
        (within, "/shop/id"),
        (deep, "/a/shop/id"),
        (service, "/shop/id"),
    ] {
        let landing = format!("{path}?refp_id=clk_new&x=1");
        let response = call(&boxed(app), &landing, &page).await;
        assert_eq!(response.headers()[LOCATION], format!("{path}?x=1"));
        assert_eq!(set_cookies(&response), [STORED]);
    }
}

#[tokio::test]
async fn a_nested_router_has_its_own_place_to_agree_at() {
    let rules = Capture::new().agree_at("/agree");
    let never = async || StatusCode::IM_A_TEAPOT;
    let shop = routes().route("/agree", axum::routing::post(never));
    let app = Router::new().nest("/shop", shop.layer(CaptureLayer::from(rules)));
    let request = Request::post("/shop/agree?refp_id=clk_new")
        .header("sec-fetch-site", "same-origin")
        .body(Body::empty())
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(set_cookies(&response), [STORED]);
}

#[tokio::test]
async fn a_layer_of_one_route_captures_there_only() {
    let app = Router::new()
        .route("/landing", get(async || "hello").layer(CaptureLayer::new()))
        .merge(routes());
    let app = boxed(app);
    let landing = call(&app, "/landing?refp_id=clk_new", &[]).await;
    assert_eq!(set_cookies(&landing), [STORED]);
    let elsewhere = call(&app, "/id?refp_id=clk_new", &[]).await;
    assert_eq!(set_cookies(&elsewhere), [""; 0]);
}

/// axum's request body is not `Sync`, and neither the layers nor their futures ask for that.
#[tokio::test]
async fn a_gate_that_takes_its_time_stands_in_a_router() {
    let gate = CaptureLayer::new().consent_async(|request| {
        let choice = request.cookie("choice").map(|choice| choice.into_owned());
        async move {
            tokio::task::yield_now().await;
            choice.map_or(Consent::Unknown, |choice| {
                Consent::from_answer(choice == "all")
            })
        }
    });
    for (what, app) in [
        ("in the router", boxed(routes().layer(gate.clone()))),
        ("around it", boxed(gate.layer(routes()))),
    ] {
        for (cookie, stored, seen) in [
            ("choice=all", &[STORED][..], "clk_new"),
            ("theme=dark", &[], "clk_new"),
            ("choice=none", &[], "-"),
            ("choice=none; refp_id=clk_old", &[EXPIRED], "-"),
        ] {
            let response = call(&app, "/id?refp_id=clk_new", &[("cookie", cookie)]).await;
            let cookies = set_cookies(&response);
            assert!(cookies.starts_with(stored), "{what}: {cookie}: {cookies:?}");
            assert_eq!(cookies.is_empty(), stored.is_empty(), "{what}: {cookie}");
            assert_eq!(response.headers()[SEEN], seen, "{what}: {cookie}");
        }
    }
}
