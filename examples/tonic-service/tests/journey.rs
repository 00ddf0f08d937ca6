//! Landing, cookie, checkout, sale: by gRPC-Web as a page's script calls it, and by gRPC.

use prost::Message as _;
use refport_core::{ClickId, Sale, test_util::Recorder};
use refport_tests::Visitor;
use tokio::net::TcpListener;
use tonic::{Code, Request, transport::Endpoint};
use tonic_service::{Order, Receipt, grpc::shop_client::ShopClient};

const CHECKOUT: &str = "/shop.Shop/Checkout";

async fn start() -> (Recorder, String) {
    let recorder = Recorder::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(tonic_service::serve(listener, recorder.refport()));
    (recorder, url)
}

fn order() -> Order {
    Order {
        id: "inv_1".to_owned(),
        user_id: "user_1".to_owned(),
        amount_cents: 4900,
    }
}

fn assert_reported_once(recorder: &Recorder) {
    let click_id: ClickId = "clk_1".parse().unwrap();
    let sale = Sale::new(click_id, "user_1", 4900)
        .currency("usd")
        .invoice_id("inv_1");
    assert_eq!(recorder.sales(), [sale]);
    assert_eq!(recorder.sent().len(), 1);
}

/// A message with the five bytes that frame it: no compression, and its length.
fn framed(message: &Order) -> Vec<u8> {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &body].concat()
}

#[tokio::test]
async fn a_page_that_calls_by_grpc_web_reports_its_order_once() {
    let (recorder, url) = start().await;
    let visitor = Visitor::new(&url).unwrap();
    let landed = visitor.get("/?refp_id=clk_1").await.unwrap();
    assert_eq!(
        landed.text().await.unwrap(),
        "Welcome, friend of a partner."
    );
    assert_eq!(visitor.cookie("refp_id").as_deref(), Some("clk_1"));

    let kind = "application/grpc-web+proto";
    let bought = visitor
        .post(CHECKOUT, kind, framed(&order()))
        .await
        .unwrap();
    assert_eq!(bought.status(), 200);
    let body = bought.bytes().await.unwrap();
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
    let receipt = Receipt::decode(&body[5..5 + length]).unwrap();
    assert_eq!(receipt.id, "inv_1");
    assert!(body.ends_with(b"grpc-status:0\r\n"), "{body:?}");
    assert_reported_once(&recorder);
}

#[tokio::test]
async fn a_call_by_grpc_carries_the_cookie_as_metadata() {
    let (recorder, url) = start().await;
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = ShopClient::new(channel);
    let mut call = Request::new(order());
    call.metadata_mut()
        .insert("cookie", "theme=dark; refp_id=clk_1".parse().unwrap());
    let receipt = client.checkout(call).await.unwrap().into_inner();
    assert_eq!(receipt.id, "inv_1");
    assert_reported_once(&recorder);
}

#[tokio::test]
async fn what_is_organic_or_refused_is_not_reported() {
    let (recorder, url) = start().await;
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = ShopClient::new(channel);
    client.checkout(order()).await.unwrap();
    let mut call = Request::new(Order::default());
    call.metadata_mut()
        .insert("cookie", "refp_id=clk_1".parse().unwrap());
    let refused = client.checkout(call).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    recorder.assert_nothing_sent();
}
