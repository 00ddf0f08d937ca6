use std::{future::ready, net::TcpListener, time::Duration};

use actix_web::{
    App, HttpResponse,
    http::{StatusCode, header::SET_COOKIE},
    test::TestRequest,
    web::{self, ServiceConfig},
};
use refport_actix::{
    Capture, CaptureMiddleware, ClearClickId, ClickId, ClickIdMiddleware, CookieName, Lead,
    NothingToReport, Outcome, Refport, Sale, Track,
};
use serde_json::{Value, json};

use crate::{Answer, NO_COOKIES, get, through};

const CLEARED: &str = "refp_id=; SameSite=Lax; Path=/; Max-Age=0";

async fn checkout(
    click_id: Option<ClickId>,
    track: Track,
    order: web::Json<Value>,
) -> HttpResponse {
    let created = HttpResponse::Created()
        .append_header((SET_COOKIE, "theme=dark"))
        .json(json!({ "receipt": 1 }));
    let Some(click_id) = click_id else {
        return created;
    };
    let user_id = order["user_id"].as_str().unwrap();
    let sale = Sale::new(click_id, user_id, order["amount_cents"].as_i64().unwrap());
    let reported = track.sale(sale).await;
    ClearClickId::after(&reported).on(created)
}

async fn sign_up(click_id: ClickId, track: Track) -> HttpResponse {
    let reported = track.lead(Lead::new(click_id, "Sign Up", "user_001")).await;
    ClearClickId::after(&reported).on(HttpResponse::Created().finish())
}

/// What a shop whose service is at `url` answers.
async fn shop(url: &str, request: TestRequest) -> Answer {
    let refport = Refport::builder("rk_test").base_url(url);
    let refport = refport.total_timeout(Duration::from_millis(300));
    let app = App::new()
        .app_data(web::Data::new(refport.build().unwrap()))
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new())
        .route("/checkout", web::post().to(checkout))
        .route("/signup", web::post().to(sign_up));
    let answer = through(app, request).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    answer
}

/// A service that answers every report alike.
fn service(status: u16, body: &'static str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let address = crate::serve(move |app: &mut ServiceConfig| {
        let answer = move || ready(HttpResponse::build(status).body(body));
        app.default_service(web::to(answer));
    });
    format!("http://{address}")
}

fn post(uri: &str, cookie: &str) -> TestRequest {
    TestRequest::post()
        .uri(uri)
        .insert_header(("cookie", cookie))
}

/// Whether the checkout clears the cookie. That of the shop's own always stays.
async fn buy(url: &str, user_id: &str, amount: i64) -> bool {
    let order = json!({ "user_id": user_id, "amount_cents": amount });
    let request = post("/checkout", "refp_id=clk_1").set_json(order);
    let answer = shop(url, request).await;
    assert_eq!(answer.body, r#"{"receipt":1}"#);
    let cookies = answer.set_cookies();
    assert_eq!(cookies[0], "theme=dark");
    match cookies[1..] {
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

#[actix_web::test]
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
        let url = service(status, body);
        assert_eq!(buy(&url, "user_001", 4900).await, clears, "{status} {body}");
    }
}

#[actix_web::test]
async fn without_an_answer_the_cookie_stays() {
    // The system accepts connections for it, and nobody ever answers them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    assert!(!buy(&url, "user_001", 4900).await, "nobody ever answers");
    drop(listener);
    assert!(!buy(&url, "user_001", 4900).await, "nobody listens");
}

#[actix_web::test]
async fn what_is_not_sent_keeps_the_cookie() {
    let url = service(200, SALE);
    assert!(!buy(&url, "user_001", 0).await, "a free order");
    assert!(!buy(&url, " ", 4900).await, "an invalid sale");
}

#[actix_web::test]
async fn a_lead_without_a_link_clears() {
    let answer = shop(&service(200, "null"), post("/signup", "refp_id=clk_1")).await;
    assert_eq!(answer.set_cookies(), [CLEARED]);
}

#[actix_web::test]
async fn an_organic_order_clears_nothing() {
    let request = post("/checkout", "a=1").set_json(json!({}));
    let answer = shop(&service(200, SALE), request).await;
    assert_eq!(answer.set_cookies(), ["theme=dark"]);
}

#[actix_web::test]
async fn the_answers_of_the_client_itself_will_do() {
    let click_id: ClickId = serde_json::from_value(json!("clk_1")).unwrap();
    let refport = |url: String| Refport::builder("rk_test").base_url(url).build().unwrap();
    let clears = |clear: ClearClickId| {
        let response = clear.on(HttpResponse::Ok().finish());
        response.headers().contains_key(SET_COOKIE)
    };

    let lead = Lead::new(click_id.clone(), "Sign Up", "user_001");
    let answer = refport(service(200, "null")).track.lead(lead).await;
    assert!(clears(ClearClickId::after(&answer)));
    let refport = refport(service(200, SALE));
    let sale = |amount| {
        refport
            .track
            .sale(Sale::new(click_id.clone(), "user_001", amount))
    };
    assert!(clears(ClearClickId::after(&sale(4900).await)));
    assert!(!clears(ClearClickId::after(&sale(0).await)));
}

const ACCEPTED: Outcome<()> = Outcome::Accepted(());

/// A page that clears, inside of a middleware that captures.
async fn thanks(rules: Capture, request: TestRequest) -> Answer {
    let clear = ClearClickId::after(&ACCEPTED).rules(&rules);
    let page = move || ready(clear.clone().on(HttpResponse::Ok().finish()));
    let app = App::new()
        .wrap(CaptureMiddleware::from(rules))
        .route("/", web::get().to(HttpResponse::Ok))
        .route("/thanks", web::get().to(page));
    through(app, request).await
}

#[actix_web::test]
async fn the_rules_that_wrote_the_cookie_clear_it() {
    let acme = CookieName::new("acme").unwrap();
    let rules = [
        Ok(Capture::new()),
        Capture::new().secure(true),
        Capture::new().cookie_name(CookieName::PARTLI),
        Capture::new()
            .cookie_name(acme)
            .and_then(|rules| rules.domain(".example.com")),
    ];
    for rules in rules.map(Result::unwrap) {
        let written = thanks(rules.clone(), get("/?refp_id=clk_1", NO_COOKIES)).await;
        let cleared = thanks(rules, get("/thanks", NO_COOKIES)).await;
        let want = written.header(SET_COOKIE).replace("=clk_1;", "=;");
        let want = want.replace("Max-Age=7776000", "Max-Age=0");
        // Without a request it is not known to be https.
        let plain = |cookie: &str| cookie.replace("; Secure", "");
        assert_eq!(plain(cleared.set_cookies()[0]), plain(&want));
    }
}

#[actix_web::test]
async fn the_rules_do_not_override_the_verdict() {
    let free = Outcome::<()>::NothingToReport(NothingToReport::ZeroAmount);
    let clear = ClearClickId::after(&free).rules(&Capture::new());
    let response = clear.on(HttpResponse::Ok().finish());
    assert!(!response.headers().contains_key(SET_COOKIE));
}

#[actix_web::test]
async fn a_new_click_on_the_same_request_wins() {
    let request = get("/thanks?refp_id=clk_2", &["refp_id=clk_1"]);
    let answer = thanks(Capture::new(), request).await;
    let cookies = answer.set_cookies();
    let twin = "refp_id=; SameSite=Lax; Secure; Path=/thanks; Max-Age=0";
    let [first, written] = cookies[..] else {
        panic!("it is written once: {cookies:?}");
    };
    assert_eq!(first, twin);
    assert!(written.starts_with("refp_id=clk_2;"), "{written}");
}
