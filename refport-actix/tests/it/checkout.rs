use std::sync::{Arc, Mutex};

use actix_web::{
    App, HttpResponse,
    http::StatusCode,
    test::TestRequest,
    web::{self, ServiceConfig},
};
use refport_actix::{
    Acknowledged, CaptureMiddleware, ClickId, ClickIdMiddleware, Lead, NothingToReport, Outcome,
    Refport, RefportBuilder, Sale, Track,
};
use refport_core::test_util::Recorder;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Answer, through};

#[derive(serde::Deserialize)]
struct Order {
    id: String,
    user_id: String,
    amount_cents: i64,
}

type Reported = Vec<Result<Outcome<refport_actix::Reported>, refport_actix::Error>>;
type Outcomes = web::Data<Mutex<Reported>>;

async fn checkout(
    click_id: Option<ClickId>,
    track: Track,
    outcomes: Outcomes,
    order: web::Json<Order>,
) -> HttpResponse {
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, &order.user_id, order.amount_cents).invoice_id(&order.id);
        let outcome = track.sale(sale).await;
        outcomes.lock().unwrap().push(outcome);
    }
    HttpResponse::Created().finish()
}

/// The answer to one checkout, and what its `Track` said.
async fn buy<D: 'static>(refport: D, cookie: &str, amount: i64) -> (Answer, Reported) {
    let outcomes = Outcomes::default();
    let app = App::new()
        .app_data(refport)
        .app_data(outcomes.clone())
        .wrap(CaptureMiddleware::new())
        .wrap(ClickIdMiddleware::new())
        .route("/checkout", web::post().to(checkout));
    let order = json!({ "id": "inv_001", "user_id": "user_001", "amount_cents": amount });
    let request = TestRequest::post()
        .uri("/checkout")
        .insert_header(("cookie", cookie))
        .set_json(order);
    let answer = through(app, request).await;
    let outcomes = std::mem::take(&mut *outcomes.lock().unwrap());
    (answer, outcomes)
}

type Seen = Arc<Mutex<Vec<Value>>>;

/// A service of its own on a real socket, which takes sales, remembers what it was sent, and knows
/// no link for any lead.
fn service() -> (Refport, Seen) {
    let seen = Seen::default();
    let log = web::Data::from(Arc::clone(&seen));
    let address = crate::serve(move |app: &mut ServiceConfig| {
        app.app_data(log.clone())
            .route("/api/track/sale", web::post().to(take_sale))
            .route(
                "/api/track/lead",
                web::post().to(async || web::Json(Value::Null)),
            );
    });
    let refport = client(&format!("http://{address}")).build();
    (refport.unwrap(), seen)
}

async fn take_sale(log: web::Data<Mutex<Vec<Value>>>, body: web::Json<Value>) -> web::Json<Value> {
    log.lock().unwrap().push(body.into_inner());
    web::Json(json!({ "sale": { "id": "sale_1", "commissionAmount": 490 } }))
}

fn client(url: &str) -> RefportBuilder {
    Refport::builder("rk_test").base_url(url)
}

#[actix_web::test]
async fn a_referred_checkout_reports_the_sale() {
    let (refport, seen) = service();
    let refport = web::Data::new(refport);
    let (answer, outcomes) = buy(refport.clone(), "a=1", 4900).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(
        outcomes.is_empty() && seen.lock().unwrap().is_empty(),
        "an organic order"
    );

    let (answer, outcomes) = buy(refport.clone(), "refp_id=clk_1", 4900).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let [Ok(Outcome::Accepted(accepted))] = &outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(accepted.event_id.as_deref(), Some("sale_1"));
    let want = json!({ "clickId": "clk_1", "customerExternalId": "user_001", "amount": 4900, "invoiceId": "inv_001" });
    assert_eq!(*seen.lock().unwrap(), [want]);

    let (_, outcomes) = buy(refport, "refp_id=clk_1", 0).await;
    assert!(matches!(
        outcomes[..],
        [Ok(Outcome::NothingToReport(NothingToReport::ZeroAmount))]
    ));
    assert_eq!(seen.lock().unwrap().len(), 1, "a free order is no sale");
}

#[actix_web::test]
async fn a_plain_client_in_the_applications_data_will_do() {
    let (refport, seen) = service();
    let (_, outcomes) = buy(refport, "refp_id=clk_1", 4900).await;
    assert!(matches!(outcomes[..], [Ok(Outcome::Accepted(_))]));
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_lead_is_reported() {
    let (refport, _) = service();
    let track = Track::from(refport);
    let click_id: ClickId = serde_json::from_value(json!("clk_1")).unwrap();
    let outcome = track.lead(Lead::new(click_id, "Sign Up", "user_001")).await;
    let no_link = Outcome::NothingToReport(NothingToReport::NoLink);
    assert_eq!(outcome.unwrap(), no_link);
}

/// On a clock that stands still but for the waits, so that the time is exact.
#[actix_web::test]
async fn an_order_is_answered_in_time_with_the_service_dead() {
    tokio::time::pause();
    let silent = Recorder::new();
    silent.answer_always(refport_core::test_util::Answer::timeout());
    let refport = Refport::builder("rk_test").transport(silent.clone());
    let refport = web::Data::new(refport.build().unwrap());
    let start = Instant::now();
    let (answer, outcomes) = buy(refport, "refp_id=clk_1", 4900).await;
    assert_eq!(start.elapsed().as_secs(), 3, "by default");
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(outcomes[0].as_ref().unwrap_err().is_timeout());
    assert_eq!(
        silent.sent().len(),
        2,
        "a second try, as on a connection that has died"
    );
}

#[actix_web::test]
async fn without_a_client_the_order_is_placed_and_the_call_says_which_line_to_add() {
    let (answer, mut outcomes) = buy((), "refp_id=clk_1", 4900).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let error = outcomes.pop().unwrap().unwrap_err();
    assert!(
        matches!(error, refport_actix::Error::NotSetUp(_)),
        "{error:?}"
    );
    assert!(!error.is_retryable() && !error.is_acknowledged());
    assert_eq!(error.invoice_id(), Some("inv_001"));
    let line = ".app_data(web::Data::new(Track::from(…)))";
    assert!(error.to_string().contains(line), "{error}");
}
