//! Landing, cookie, checkout, sale: over real connections of both versions of HTTP.

use refport_core::{ClickId, Sale, test_util::Recorder};
use refport_tests::Visitor;
use tokio::net::TcpListener;

async fn start() -> (Recorder, String) {
    let recorder = Recorder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(warp_service::serve(listener, recorder.refport()));
    (recorder, url)
}

#[tokio::test]
async fn a_referred_order_is_reported_once() {
    let (recorder, url) = start().await;
    follow(Visitor::new(&url).unwrap(), &recorder).await;
}

#[tokio::test]
async fn a_referred_order_is_reported_once_over_http2() {
    let (recorder, url) = start().await;
    follow(Visitor::over_http2(&url).unwrap(), &recorder).await;
}

async fn follow(visitor: Visitor, recorder: &Recorder) {
    let landed = visitor.get("/?refp_id=clk_1").await.unwrap();
    assert_eq!(
        landed.text().await.unwrap(),
        "Welcome, friend of a partner."
    );
    assert_eq!(visitor.cookie("refp_id").as_deref(), Some("clk_1"));

    let order = r#"{"id":"inv_1","user_id":"user_1","amount_cents":4900}"#;
    let bought = visitor.post_json("/checkout", order).await.unwrap();
    assert_eq!(bought.status(), 201);
    let click_id: ClickId = "clk_1".parse().unwrap();
    let sale = Sale::new(click_id, "user_1", 4900)
        .currency("usd")
        .invoice_id("inv_1");
    assert_eq!(recorder.sales(), [sale]);
    assert_eq!(recorder.sent().len(), 1);
}

#[tokio::test]
async fn an_organic_order_is_not_reported() {
    let (recorder, url) = start().await;
    let visitor = Visitor::new(&url).unwrap();
    let home = visitor.get("/").await.unwrap();
    assert_eq!(home.text().await.unwrap(), "Welcome.");
    let order = r#"{"id":"inv_1","user_id":"user_1","amount_cents":4900}"#;
    let bought = visitor.post_json("/checkout", order).await.unwrap();
    assert_eq!(bought.status(), 201);
    let wrong = visitor.post_json("/checkout", "{}").await.unwrap();
    assert_eq!(wrong.status(), 400);
    recorder.assert_nothing_sent();
}
