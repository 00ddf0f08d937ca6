//! `Track` over an outbox.

use axum::{
    Extension, Json, Router,
    body::Body,
    http::{Request, StatusCode},
    routing::post,
};
use refport_axum::{
    ClickId, ClickIdLayer, ClickIds, CookieName, Entry, Error, Lead, Outbox, Outcome, Sale, Track,
    refport_outbox::{
        Target,
        sqlx::{self, SqlitePool, sqlite::SqliteConnectOptions},
    },
};
use refport_core::{destination::Destination, test_util::Recorder};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A shop with a database, and the service that its worker delivers to.
struct Shop {
    db: SqlitePool,
    outbox: Outbox,
    recorder: Recorder,
    _folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let shop = Self::without_tables().await;
        shop.outbox.migrate().await.unwrap();
        shop
    }

    async fn without_tables() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = SqliteConnectOptions::new().filename(folder.path().join("shop.db"));
        let db = SqlitePool::connect_with(file.create_if_missing(true)).await;
        let db = db.unwrap();
        let orders = sqlx::query("CREATE TABLE orders (id TEXT PRIMARY KEY)");
        orders.execute(&db).await.unwrap();
        Self {
            outbox: Outbox::new(db.clone()),
            db,
            recorder: Recorder::new(),
            _folder: folder,
        }
    }

    /// With the client too, which only the worker is to use.
    fn app(&self) -> Router {
        Router::new()
            .route("/report", post(report))
            .route("/signup", post(sign_up))
            .route("/checkout", post(checkout))
            .route("/programs", post(programs))
            .layer(ClickIdLayer::new().cookie_name(CookieName::PARTLI))
            .layer(Extension(self.db.clone()))
            .layer(Extension(self.recorder.refport()))
            .layer(Extension(Track::from(self.outbox.clone())))
    }

    /// What the shop says to one order.
    async fn post(&self, path: &str, order: Value) -> String {
        post_to(self.app(), path, order).await
    }

    async fn deliver(&self, to: impl Destination + 'static) {
        let mut worker = self.outbox.worker().deliver_to(to).build().unwrap();
        worker.drain().await.unwrap();
    }

    async fn orders(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM orders");
        count.fetch_one(&self.db).await.unwrap()
    }
}

async fn post_to(app: Router, path: &str, order: Value) -> String {
    let order = Request::post(path)
        .header("content-type", "application/json")
        .header("cookie", "refp_id=clk_1; pref_cid=c_1")
        .body(Body::from(order.to_string()));
    let answer = app.oneshot(order.unwrap()).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), 64 * 1024).await;
    String::from_utf8(body.unwrap().into()).unwrap()
}

fn sale(click_id: ClickId, order: &Value) -> Sale {
    let sale = Sale::new(click_id, "user_001", order["amount"].as_i64().unwrap());
    match order["id"].as_str() {
        Some(id) => sale.invoice_id(id),
        None => sale,
    }
}

/// The handler as it is without an outbox.
async fn report(click_id: ClickId, track: Track, Json(order): Json<Value>) -> String {
    said(track.sale(sale(click_id, &order)).await)
}

async fn sign_up(
    click_id: ClickId,
    track: Track,
    Extension(db): Extension<SqlitePool>,
    Json(user): Json<Value>,
) -> String {
    let lead = Lead::new(click_id, "Sign Up", user["id"].as_str().unwrap());
    let plain = said(track.lead(lead.clone()).await);
    let mut tx = db.begin().await.unwrap();
    let within = said(track.lead_in(&mut *tx, lead).await);
    tx.commit().await.unwrap();
    format!("{plain}, {within}")
}

async fn checkout(
    click_id: ClickId,
    track: Track,
    Extension(db): Extension<SqlitePool>,
    Json(order): Json<Value>,
) -> Result<String, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let mut tx = db.begin().await.map_err(failed)?;
    let place = sqlx::query("INSERT INTO orders (id) VALUES (?1)").bind(order["id"].as_str());
    place.execute(&mut *tx).await.map_err(failed)?;
    let reported = track.sale_in(&mut *tx, sale(click_id, &order)).await;
    if reported.is_ok() && order["fails"].is_null() {
        tx.commit().await.map_err(failed)?;
    }
    Ok(said(reported))
}

async fn programs(
    clicks: ClickIds,
    track: Track,
    Extension(db): Extension<SqlitePool>,
    Json(order): Json<Value>,
) -> String {
    let mut tx = db.begin().await.unwrap();
    let sale = Sale::without_click("user_001", order["amount"].as_i64().unwrap());
    let entry = Entry::new(sale.invoice_id("inv_001")).clicks(clicks.into());
    let reported = track.report_in(&mut *tx, entry).await;
    tx.commit().await.unwrap();
    said(reported)
}

/// The outcome, or the error with its causes and whether a repeat may help.
fn said<T: std::fmt::Debug>(reported: Result<Outcome<T>, Error>) -> String {
    match reported {
        Ok(outcome) => format!("{outcome:?}"),
        Err(error) => {
            let mut said = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                said = format!("{said}: {error}");
                cause = error.source();
            }
            format!("{said} ({})", error.is_retryable())
        }
    }
}

#[tokio::test]
async fn the_same_handler_stores_what_a_worker_delivers() {
    let shop = Shop::open().await;
    let order = || json!({ "id": "inv_001", "amount": 4900 });
    assert_eq!(shop.post("/report", order()).await, "Queued");
    assert_eq!(
        shop.post("/report", order()).await,
        "Queued",
        "a repeat is no error"
    );
    shop.recorder.assert_nothing_sent();

    let mut worker = shop.outbox.worker();
    worker = worker.deliver_to(shop.recorder.refport());
    let report = worker.build().unwrap().drain().await.unwrap();
    assert_eq!(report.delivered, 1);
    shop.recorder.assert_one_sale("inv_001");
    assert_eq!(shop.recorder.sent()[0].body()["clickId"], "clk_1");
}

#[tokio::test]
async fn a_lead_is_stored_once_on_either_way() {
    let shop = Shop::open().await;
    let said = shop.post("/signup", json!({ "id": "user_001" })).await;
    assert_eq!(said, "Queued, Queued");
    shop.deliver(shop.recorder.refport()).await;
    shop.recorder.assert_one_lead("user_001");
}

#[tokio::test]
async fn another_sale_by_the_same_invoice_is_an_error_that_shows_both() {
    let shop = Shop::open().await;
    shop.post("/report", json!({ "id": "inv_001", "amount": 4900 }))
        .await;
    for path in ["/report", "/checkout"] {
        let other = json!({ "id": "inv_001", "amount": 5000 });
        let said = shop.post(path, other).await;
        let begin = "the report was not stored for delivery: another event for refport is kept as \
                     sale:inv_001: ";
        assert!(
            said.starts_with(begin) && said.ends_with(" (false)"),
            "{said}"
        );
        assert!(
            said.contains("they differ in amount (4900, and not 5000)"),
            "{said}"
        );
    }
    shop.deliver(shop.recorder.refport()).await;
    shop.recorder.assert_one_sale("inv_001");
}

#[tokio::test]
async fn a_sale_is_delivered_if_its_order_is_committed() {
    let shop = Shop::open().await;
    let failing = json!({ "id": "inv_001", "amount": 4900, "fails": true });
    assert_eq!(shop.post("/checkout", failing).await, "Queued");
    shop.deliver(shop.recorder.refport()).await;
    assert_eq!(shop.orders().await, 0);
    shop.recorder.assert_nothing_sent();

    let order = json!({ "id": "inv_001", "amount": 4900 });
    assert_eq!(shop.post("/checkout", order).await, "Queued");
    shop.deliver(shop.recorder.refport()).await;
    assert_eq!(shop.orders().await, 1);
    shop.recorder.assert_one_sale("inv_001");
}

#[tokio::test]
async fn each_program_gets_its_own_click() {
    let mut shop = Shop::open().await;
    let targets = [Target::refport(), Target::partli()];
    shop.outbox = shop.outbox.destinations(targets);
    let said = shop.post("/programs", json!({ "amount": 4900 })).await;
    assert_eq!(said, "Queued");
    let partli = Recorder::new();
    shop.deliver(shop.recorder.refport()).await;
    shop.deliver(partli.partli()).await;
    assert_eq!(shop.recorder.sent()[0].body()["clickId"], "clk_1");
    assert_eq!(partli.sent()[0].body()["clickId"], "c_1");
}

#[tokio::test]
async fn what_is_not_stored_says_why() {
    let shop = Shop::open().await;
    for path in ["/report", "/checkout"] {
        let free = shop.post(path, json!({ "id": "inv_0", "amount": 0 })).await;
        assert_eq!(free, "NothingToReport(ZeroAmount)");
        let wrong = shop.post(path, json!({ "id": " ", "amount": 4900 })).await;
        assert!(
            wrong.starts_with("request not sent: invoiceId") && wrong.ends_with("(false)"),
            "{wrong}"
        );
        let nameless = shop.post(path, json!({ "amount": 4900 })).await;
        assert!(
            nameless.contains("without an invoice ID") && nameless.ends_with("(false)"),
            "{nameless}"
        );
    }

    let shop = Shop::without_tables().await;
    for path in ["/report", "/checkout"] {
        let order = json!({ "id": "inv_001", "amount": 4900 });
        let said = shop.post(path, order).await;
        assert!(
            said.contains("make them with `Outbox::migrate`") && said.ends_with("(true)"),
            "{said}"
        );
    }
    assert_eq!(shop.orders().await, 0);
}

#[tokio::test]
async fn without_an_outbox_the_error_says_which_line_to_add() {
    let shop = Shop::open().await;
    let app = Router::new()
        .route("/checkout", post(checkout))
        .layer(Extension(shop.db.clone()))
        .layer(Extension(shop.recorder.refport()));
    let order = || json!({ "id": "inv_001", "amount": 4900 });
    let said = post_to(app, "/checkout", order()).await;
    assert!(said.contains("`Track::from(outbox)`"), "{said}");
    assert_eq!(shop.orders().await, 0);
    shop.recorder.assert_nothing_sent();

    // With nobody there, it may well be made, and stand where the handler does not look.
    let app = Router::new()
        .route("/report", post(report))
        .route("/checkout", post(checkout))
        .layer(Extension(shop.db.clone()));
    for path in ["/report", "/checkout"] {
        let said = post_to(app.clone(), path, order()).await;
        for line in [
            ".layer(Extension(Track::from(…)))",
            "State(track): State<Track>",
        ] {
            assert!(said.contains(line), "{path}: {said}");
        }
    }
}

#[cfg(feature = "outbox-postgres")]
mod postgres {
    use std::time::Duration;

    use refport_axum::refport_outbox::sqlx::{PgPool, postgres::PgPoolOptions};

    use super::*;

    async fn checkout(
        click_id: ClickId,
        track: Track,
        Extension(db): Extension<PgPool>,
        Json(order): Json<Value>,
    ) -> Result<String, StatusCode> {
        let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
        let mut tx = db.begin().await.map_err(failed)?;
        let reported = track.sale_in(&mut *tx, sale(click_id, &order)).await;
        tx.commit().await.map_err(failed)?;
        Ok(said(reported))
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_worth_another_try() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let db = PgPoolOptions::new().acquire_timeout(Duration::from_millis(200));
        let db = db.connect_lazy(&format!("postgres://shop@{address}/shop"));
        let db = db.unwrap();
        let app = Router::new()
            .route("/report", post(report))
            .route("/checkout", post(checkout))
            .layer(Extension(Track::from(Outbox::new(db.clone()))))
            .layer(Extension(db));
        let order = || json!({ "id": "inv_001", "amount": 4900 });
        let said = post_to(app.clone(), "/report", order()).await;
        assert!(
            said.starts_with("the report was not stored for delivery: ")
                && said.ends_with("(true)"),
            "{said}"
        );
        let said = post_to(app, "/checkout", order()).await;
        assert_eq!(said, "", "the order failed");
    }
}
