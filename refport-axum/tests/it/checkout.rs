use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::post,
};
use refport_axum::{
    Acknowledged, CaptureLayer, ClickId, ClickIdLayer, Lead, OrWarn, Outcome, Refport, Reported,
    Sale, Track,
};
use refport_core::{
    destination::Reporting,
    test_util::{Answer, Recorder},
    track::Reporter,
};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tower::ServiceExt as _;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
    user_id: String,
    amount_cents: i64,
}

type Outcomes = Arc<Mutex<Vec<Result<Outcome<Reported>, refport_axum::Error>>>>;

async fn checkout(
    click_id: Option<ClickId>,
    track: Track,
    Extension(outcomes): Extension<Outcomes>,
    Json(order): Json<Order>,
) -> StatusCode {
    if let Some(click_id) = click_id {
        let sale = Sale::new(click_id, order.user_id, order.amount_cents).invoice_id(order.id);
        let outcome = track.sale(sale).await;
        outcomes.lock().unwrap().push(outcome);
    }
    StatusCode::CREATED
}

fn shop(refport: Refport) -> (Router, Outcomes) {
    let outcomes = Outcomes::default();
    let app = Router::new()
        .route("/checkout", post(checkout))
        .layer(CaptureLayer::new())
        .layer(ClickIdLayer::new())
        .layer(Extension(refport))
        .layer(Extension(Arc::clone(&outcomes)));
    (app, outcomes)
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// A service that takes sales and remembers their bodies.
async fn service() -> (String, Arc<Mutex<Vec<Value>>>) {
    let sales = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&sales);
    let app = Router::new().route(
        "/api/track/sale",
        post(async move |Json(body): Json<Value>| {
            seen.lock().unwrap().push(body);
            Json(json!({ "sale": { "id": "sale_1", "commissionAmount": 490 } }))
        }),
    );
    (serve(app).await, sales)
}

async fn buy(app: Router, cookie: &str, amount: i64) -> StatusCode {
    let request = axum::http::Request::post("/checkout")
        .header("content-type", "application/json")
        .header("cookie", cookie)
        .body(json!({ "id": "inv_001", "user_id": "user_001", "amount_cents": amount }).to_string())
        .unwrap();
    tower::ServiceExt::oneshot(app, request.map(axum::body::Body::from))
        .await
        .unwrap()
        .status()
}

#[tokio::test]
async fn a_referred_checkout_reports_the_sale() {
    let (url, sales) = service().await;
    let (app, outcomes) = shop(Refport::builder("rk_test").base_url(url).build().unwrap());
    assert_eq!(buy(app.clone(), "a=1", 4900).await, StatusCode::CREATED);
    assert!(
        sales.lock().unwrap().is_empty(),
        "an organic order is not reported"
    );

    assert_eq!(
        buy(app.clone(), "refp_id=clk_1", 4900).await,
        StatusCode::CREATED
    );
    let want = json!({ "clickId": "clk_1", "customerExternalId": "user_001", "amount": 4900, "invoiceId": "inv_001" });
    assert_eq!(*sales.lock().unwrap(), [want]);
    let outcome = outcomes.lock().unwrap().pop().unwrap().unwrap();
    assert!(
        matches!(outcome, Outcome::Accepted(answer) if answer.event_id.as_deref() == Some("sale_1"))
    );

    buy(app, "refp_id=clk_1", 0).await;
    let outcome = outcomes.lock().unwrap().pop().unwrap().unwrap();
    assert!(
        matches!(outcome, Outcome::NothingToReport(_)),
        "a free order is no sale"
    );
    assert_eq!(sales.lock().unwrap().len(), 1);
}

/// On a clock that stands still but for the waits, so that the time is exact.
#[tokio::test(start_paused = true)]
async fn an_order_is_answered_in_time_with_the_service_dead() {
    let silent = Recorder::new();
    silent.answer_always(Answer::timeout());
    let refport = Refport::builder("rk_test").transport(silent.clone());
    let (app, outcomes) = shop(refport.build().unwrap());

    let start = Instant::now();
    assert_eq!(buy(app, "refp_id=clk_1", 4900).await, StatusCode::CREATED);
    assert_eq!(start.elapsed().as_secs(), 3, "by default");
    assert!(
        outcomes.lock().unwrap()[0]
            .as_ref()
            .unwrap_err()
            .is_timeout()
    );
    assert_eq!(
        silent.sent().len(),
        2,
        "a second try, as on a connection that has died"
    );
}

/// Over a real connection, which the buyer closes while the service is asked again.
#[tokio::test]
async fn a_buyer_who_leaves_takes_no_report_along() {
    let recorder = Recorder::new();
    recorder.answer_next(Answer::page(503));
    let refport = Refport::builder("rk_test").transport(recorder.clone());
    // Long enough for the server to see that the buyer has left.
    let refport = refport.backoff(Duration::from_secs(1), Duration::from_secs(1));
    let (app, _) = shop(refport.build().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());

    let mut buyer = TcpStream::connect(address).await.unwrap();
    let order = r#"{"id":"inv_001","user_id":"user_001","amount_cents":4900}"#;
    let length = order.len();
    let head = "POST /checkout HTTP/1.1\r\nhost: shop\r\ncookie: refp_id=clk_1\r\n";
    let fields = format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    let request = format!("{head}{fields}{order}");
    buyer.write_all(request.as_bytes()).await.unwrap();
    until(|| !recorder.sent().is_empty()).await;
    drop(buyer);
    until(|| recorder.sales().len() == 1).await;
    recorder.assert_one_sale("inv_001");
}

/// Looks until it is so; a minute is only there to end a test that waits for nothing.
async fn until(is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let minute = Duration::from_secs(60);
    tokio::time::timeout(minute, looking)
        .await
        .expect("it comes");
}

/// As on a route that was added after `.layer`.
#[tokio::test]
async fn without_a_client_the_order_is_placed_and_the_call_says_which_line_to_add() {
    let outcomes = Outcomes::default();
    let app = Router::new()
        .layer(Extension(Refport::builder("rk_test").build().unwrap()))
        .route("/checkout", post(checkout))
        .layer(Extension(Arc::clone(&outcomes)));
    assert_eq!(buy(app, "refp_id=clk_1", 4900).await, StatusCode::CREATED);
    let error = outcomes.lock().unwrap().pop().unwrap().unwrap_err();
    assert!(
        matches!(error, refport_axum::Error::NotSetUp(_)),
        "{error:?}"
    );
    assert!(!error.is_retryable() && !error.is_acknowledged());
    assert_eq!(error.invoice_id(), Some("inv_001"));
    says_where_to_put_it(&error.to_string());
}

/// Whether what a handler takes is to be changed, or what the router has.
fn says_where_to_put_it(error: &str) {
    for line in [
        ".layer(Extension(Track::from(…)))",
        "State(track): State<Track>",
    ] {
        assert!(error.contains(line), "{error}");
    }
}

/// As a handler does that was copied from where the `Track` stands in an extension.
#[tokio::test]
async fn a_plain_track_beside_one_in_the_state_says_where_it_looks() {
    let handler = async |track: Track, click_id: ClickId| {
        let sale = Sale::new(click_id, "user_001", 4900).invoice_id("inv_001");
        track.sale(sale).await.unwrap_err().to_string()
    };
    let (url, sales) = service().await;
    let app = Router::new()
        .route("/checkout", post(handler))
        .with_state(Shop {
            track: Refport::builder("rk_test")
                .base_url(url)
                .build()
                .unwrap()
                .into(),
        });
    let request = axum::http::Request::post("/checkout").header("cookie", "refp_id=clk_1");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 4096)
        .await
        .unwrap();
    says_where_to_put_it(str::from_utf8(&body).unwrap());
    assert!(sales.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_optional_track_is_there_where_a_client_is() {
    let seen = async |track: Option<Track>| track.is_some().to_string();
    let app = Router::new().route("/", post(seen));
    let refport = Refport::builder("rk_test").build().unwrap();
    let with = app.clone().layer(Extension(refport));
    for (app, want) in [(app, "false"), (with, "true")] {
        let request = axum::http::Request::post("/").body(axum::body::Body::empty());
        let response = app.oneshot(request.unwrap()).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 16)
            .await
            .unwrap();
        assert_eq!(body, want);
    }
}

/// A queue of the application's own.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<Sale>>>);

impl Reporter for Queue {
    fn lead(&self, _: Lead) -> Reporting<'_> {
        Box::pin(async { Ok(Outcome::Queued) })
    }

    fn sale(&self, sale: Sale) -> Reporting<'_> {
        self.0.lock().unwrap().push(sale);
        Box::pin(async { Ok(Outcome::Queued) })
    }
}

/// A state of the application's own, as its README has it first.
#[derive(Clone)]
struct Shop {
    track: Track,
}

impl FromRef<Shop> for Track {
    fn from_ref(shop: &Shop) -> Self {
        shop.track.clone()
    }
}

#[tokio::test]
async fn with_a_state_of_its_own_a_handler_takes_the_track_from_there() {
    let handler = async |State(track): State<Track>, click_id: ClickId| {
        let sale = Sale::new(click_id, "user_001", 4900).currency("eur");
        match track.sale(sale).await.or_warn() {
            Some(Outcome::Accepted(Reported { event_id, .. })) => event_id.unwrap_or_default(),
            other => format!("{other:?}"),
        }
    };
    let (url, sales) = service().await;
    let refport = Refport::builder("rk_test").base_url(url).build().unwrap();
    let queue = Queue::default();
    let behind = [
        (Track::from(refport), "sale_1"),
        (Track::from(queue.clone()), "Some(Queued)"),
    ];
    for (track, said) in behind {
        let state = Shop { track };
        let app = Router::new().route("/checkout", post(handler));
        let order = axum::http::Request::post("/checkout")
            .header("cookie", "refp_id=clk_1")
            .body(axum::body::Body::empty());
        let answer = app.with_state(state).oneshot(order.unwrap()).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 100).await.unwrap();
        assert_eq!(body, said);
    }
    assert_eq!(sales.lock().unwrap().len(), 1);
    assert_eq!(queue.0.lock().unwrap().len(), 1);
}
