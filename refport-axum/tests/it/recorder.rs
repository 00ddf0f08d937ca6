//! Handlers over the test kit: no port, no network.

use std::time::Duration;

use axum::{Extension, Router, body::Body, http::Request, routing::post};
use refport_axum::{ClickId, ClickIdLayer, ClickIds, CookieName, Sale, Track};
use refport_core::{
    destination::FanOut,
    test_util::{Answer, Recorder},
};
use tower::ServiceExt;

async fn checkout(click_id: Option<ClickId>, track: Track) -> String {
    let Some(click_id) = click_id else {
        return "organic".to_owned();
    };
    let sale = Sale::new(click_id, "user_001", 4900).invoice_id("inv_001");
    let outcome = track.sale(sale).await;
    outcome.map_or_else(|error| error.to_string(), |_| "reported".to_owned())
}

/// What the shop says to one order.
async fn buy(recorder: &Recorder, cookie: &str) -> String {
    let app = Router::new()
        .route("/checkout", post(checkout))
        .layer(Extension(recorder.refport()));
    let order = Request::post("/checkout").header("cookie", cookie);
    let order = order.body(Body::empty()).unwrap();
    let answer = app.oneshot(order).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 1024).await;
    String::from_utf8(body.unwrap().into()).unwrap()
}

#[tokio::test]
async fn a_busy_service_counts_the_sale_once() {
    let recorder = Recorder::new();
    assert_eq!(buy(&recorder, "other=1").await, "organic");
    recorder.assert_nothing_sent();

    recorder.answer_in_order([
        Answer::rate_limited(Duration::from_millis(1)),
        Answer::cut_body(),
    ]);
    assert_eq!(buy(&recorder, "refp_id=clk_1").await, "reported");
    recorder.assert_one_sale("inv_001");
    assert_eq!(recorder.sent().len(), 3);
}

#[tokio::test]
async fn a_dead_service_leaves_the_order_standing() {
    let recorder = Recorder::new();
    recorder.answer_always(Answer::refused());
    let answer = buy(&recorder, "refp_id=clk_1").await;
    assert_eq!(answer, "cannot connect to the service");
    assert!(recorder.sales().is_empty());
}

/// Reports to every program, and says which have taken it.
async fn fan_out(clicks: ClickIds, Extension(programs): Extension<FanOut>) -> String {
    let sale = Sale::without_click("user_001", 4900).invoice_id("inv_001");
    let reports = programs.report_sale(sale, &clicks).await.into_iter();
    let names = reports.filter(|report| report.outcome.is_ok());
    let names = names.map(|report| report.destination);
    names.collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn each_program_gets_its_own_click() {
    let (refport, partli) = (Recorder::new(), Recorder::new());
    let programs = FanOut::new().to(refport.refport()).to(partli.partli());
    let app = Router::new()
        .route("/checkout", post(fan_out))
        .layer(ClickIdLayer::new().cookie_name(CookieName::PARTLI))
        .layer(Extension(programs));
    let order = Request::post("/checkout").header("cookie", "pref_cid=c_1; refp_id=clk_1");
    let answer = app.oneshot(order.body(Body::empty()).unwrap()).await;
    let body = axum::body::to_bytes(answer.unwrap().into_body(), 1024).await;
    assert_eq!(body.unwrap(), "refport, partli");
    assert_eq!(refport.sent()[0].body()["clickId"], "clk_1");
    assert_eq!(partli.sent()[0].body()["clickId"], "c_1");
}
