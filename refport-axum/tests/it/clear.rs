use std::time::Duration;

use axum::{
    Extension, Json, Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header::SET_COOKIE},
    response::{AppendHeaders, IntoResponse},
    routing::{get, post},
};
use refport_axum::{
    Capture, CaptureLayer, ClearClickId, ClickId, ClickIdLayer, CookieName, Lead, NothingToReport,
    Outcome, Refport, Sale, Track,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt;

const CLEARED: &str = "refp_id=; SameSite=Lax; Path=/; Max-Age=0";

async fn checkout(
    click_id: Option<ClickId>,
    track: Track,
    Json(order): Json<Value>,
) -> impl IntoResponse {
    let mut clear = None;
    if let Some(click_id) = click_id {
        let user_id = order["user_id"].as_str().unwrap();
        let sale = Sale::new(click_id, user_id, order["amount_cents"].as_i64().unwrap());
        clear = Some(ClearClickId::after(&track.sale(sale).await));
    }
    let theme = AppendHeaders([(SET_COOKIE, "theme=dark")]);
    (StatusCode::CREATED, theme, clear, "receipt")
}

async fn sign_up(click_id: ClickId, track: Track) -> ClearClickId {
    let reported = track.lead(Lead::new(click_id, "Sign Up", "user_001")).await;
    ClearClickId::after(&reported)
}

/// A shop whose service is at `url`.
fn shop(url: &str) -> Router {
    let refport = Refport::builder("rk_test").base_url(url);
    let refport = refport.total_timeout(Duration::from_millis(300));
    Router::new()
        .route("/checkout", post(checkout))
        .route("/signup", post(sign_up))
        .layer(CaptureLayer::new())
        .layer(ClickIdLayer::new())
        .layer(Extension(refport.build().unwrap()))
}

/// A service that answers every report alike.
async fn service(status: u16, body: &'static str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let app = Router::new().fallback(async move || (status, body));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// The cookies of the response to one request.
async fn send(app: Router, method: &str, uri: &str, cookie: &str, body: String) -> Vec<String> {
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .header("cookie", cookie)
        .body(Body::from(body))
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    set_cookies(response.headers())
}

fn set_cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(SET_COOKIE).iter();
    values.map(|v| v.to_str().unwrap().to_owned()).collect()
}

/// Whether the checkout clears the cookie. That of the shop's own always stays.
async fn buy(url: &str, user_id: &str, amount: i64) -> bool {
    let order = json!({ "user_id": user_id, "amount_cents": amount }).to_string();
    let cookies = send(shop(url), "POST", "/checkout", "refp_id=clk_1", order).await;
    assert_eq!(cookies[0], "theme=dark");
    match &cookies[1..] {
        [] => false,
        [cookie] => {
            assert_eq!(cookie, CLEARED);
            true
        }
        _ => panic!("{cookies:?}"),
    }
}

const SALE: &str = r#"{"sale":{"id":"sale_1"}}"#;
const REFUSED: &str = r#"{"error":{"code":"CODE","message":"because"}}"#;

#[tokio::test]
async fn what_the_service_answers_decides() {
    let cases = [
        (200, SALE, true),
        (200, "", false),
        (200, "<html>sign in to the network</html>", false),
        (200, "{}", false),
        (400, REFUSED, true),
        (402, REFUSED, false),
        (404, REFUSED, false),
        (405, REFUSED, false),
        (408, REFUSED, false),
        (425, REFUSED, false),
        (422, REFUSED, true),
        (400, r#"{"error":"of Partli"}"#, true),
        (400, "", false),
        (404, "<h1>no such page</h1>", false),
        (401, REFUSED, false),
        (403, REFUSED, false),
        (409, REFUSED, false),
        (413, REFUSED, false),
        (302, "", false),
        (429, REFUSED, false),
        (500, REFUSED, false),
        (502, "<h1>bad gateway</h1>", false),
        (503, "", false),
    ];
    for (status, body, clears) in cases {
        let url = service(status, body).await;
        assert_eq!(buy(&url, "user_001", 4900).await, clears, "{status} {body}");
    }
}

#[tokio::test]
async fn without_an_answer_the_cookie_stays() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    assert!(!buy(&url, "user_001", 4900).await, "nobody ever answers");
    drop(listener);
    assert!(!buy(&url, "user_001", 4900).await, "nobody listens");
}

#[tokio::test]
async fn what_is_not_sent_keeps_the_cookie() {
    let url = service(200, SALE).await;
    assert!(!buy(&url, "user_001", 0).await, "a free order");
    assert!(!buy(&url, " ", 4900).await, "an invalid sale");
}

#[tokio::test]
async fn a_lead_without_a_link_clears() {
    let app = shop(&service(200, "null").await);
    let cookies = send(app, "POST", "/signup", "refp_id=clk_1", String::new()).await;
    assert_eq!(cookies, [CLEARED]);
}

#[tokio::test]
async fn an_organic_order_clears_nothing() {
    let app = shop(&service(200, SALE).await);
    let cookies = send(app, "POST", "/checkout", "a=1", "{}".to_owned()).await;
    assert_eq!(cookies, ["theme=dark"]);
}

#[tokio::test]
async fn the_answers_of_the_client_itself_will_do() {
    let click_id: ClickId = serde_json::from_value(json!("clk_1")).unwrap();
    let refport = |url: String| Refport::builder("rk_test").base_url(url).build().unwrap();
    let clears = |clear: ClearClickId| !set_cookies(clear.into_response().headers()).is_empty();

    let lead = Lead::new(click_id.clone(), "Sign Up", "user_001");
    let answer = refport(service(200, "null").await).track.lead(lead).await;
    assert!(clears(ClearClickId::after(&answer)));
    let refport = refport(service(200, SALE).await);
    let sale = |amount| {
        refport
            .track
            .sale(Sale::new(click_id.clone(), "user_001", amount))
    };
    assert!(clears(ClearClickId::after(&sale(4900).await)));
    assert!(!clears(ClearClickId::after(&sale(0).await)));
}

fn accepted() -> Outcome<()> {
    Outcome::Accepted(())
}

#[tokio::test]
async fn the_rules_that_wrote_the_cookie_clear_it() {
    let acme = || CookieName::new("acme").unwrap();
    let rules = [
        Ok(Capture::new()),
        Capture::new().secure(true),
        Capture::new().cookie_name(CookieName::PARTLI),
        Capture::new()
            .cookie_name(acme())
            .and_then(|rules| rules.domain(".example.com")),
    ];
    for rules in rules.map(Result::unwrap) {
        let clear = ClearClickId::after(&accepted()).rules(&rules);
        let app = Router::new()
            .route("/", get(async || ()))
            .route("/thanks", post(clear))
            .layer(CaptureLayer::from(rules));
        let written = send(app.clone(), "GET", "/?refp_id=clk_1", "", String::new()).await;
        let cleared = send(app, "POST", "/thanks", "", String::new()).await;
        let want = written[0].replace("=clk_1;", "=;").replace("7776000", "0");
        // Without a request it is not known to be https.
        let plain = |cookie: &str| cookie.replace("; Secure", "");
        assert_eq!(plain(&cleared[0]), plain(&want));
    }
}

#[tokio::test]
async fn the_rules_do_not_override_the_verdict() {
    let free = Outcome::<()>::NothingToReport(NothingToReport::ZeroAmount);
    let clear = ClearClickId::after(&free).rules(&Capture::new());
    assert!(set_cookies(clear.into_response().headers()).is_empty());
}

#[tokio::test]
async fn a_new_click_on_the_same_request_wins() {
    let handler = async || (ClearClickId::after(&accepted()), StatusCode::OK);
    let app = Router::new()
        .route("/thanks", get(handler))
        .layer(CaptureLayer::new());
    let uri = "/thanks?refp_id=clk_2";
    let cookies = send(app, "GET", uri, "refp_id=clk_1", String::new()).await;
    let twin = "refp_id=; SameSite=Lax; Secure; Path=/thanks; Max-Age=0";
    let [first, written] = &cookies[..] else {
        panic!("it is written once: {cookies:?}");
    };
    assert_eq!(first, twin);
    assert!(written.starts_with("refp_id=clk_2;"), "{written}");
}
