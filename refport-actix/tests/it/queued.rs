//! `Track` over an outbox.

use actix_web::{App, Result, error::ErrorInternalServerError, test::TestRequest, web};
use refport_actix::{
    ClickId, ClickIdMiddleware, ClickIds, CookieName, Entry, Error, Lead, Outbox, Outcome, Sale,
    Track,
    refport_outbox::{
        Target,
        sqlx::{self, SqlitePool, sqlite::SqliteConnectOptions},
    },
};
use refport_core::{destination::Destination, test_util::Recorder};
use serde_json::{Value, json};

use crate::through;

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

    /// What the shop says to one order. It has the client too, which only the worker is to use.
    async fn post(&self, path: &str, order: Value) -> String {
        let tracking = |config: &mut web::ServiceConfig| {
            config
                .app_data(web::Data::new(self.recorder.refport()))
                .app_data(web::Data::new(Track::from(self.outbox.clone())));
        };
        self.post_with(tracking, path, order).await
    }

    async fn post_with(
        &self,
        tracking: impl FnOnce(&mut web::ServiceConfig),
        path: &str,
        order: Value,
    ) -> String {
        let app = App::new()
            .app_data(web::Data::new(self.db.clone()))
            .configure(tracking)
            .route("/report", web::post().to(report))
            .route("/signup", web::post().to(sign_up))
            .route("/checkout", web::post().to(checkout))
            .route("/programs", web::post().to(programs))
            .wrap(ClickIdMiddleware::new().cookie_name(CookieName::PARTLI));
        let order = TestRequest::post()
            .uri(path)
            .insert_header(("cookie", "refp_id=clk_1; pref_cid=c_1"))
            .set_json(order);
        through(app, order).await.body
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

fn sale(click_id: ClickId, order: &Value) -> Sale {
    let sale = Sale::new(click_id, "user_001", order["amount"].as_i64().unwrap());
    match order["id"].as_str() {
        Some(id) => sale.invoice_id(id),
        None => sale,
    }
}

/// The handler as it is without an outbox.
async fn report(click_id: ClickId, track: Track, order: web::Json<Value>) -> String {
    said(track.sale(sale(click_id, &order)).await)
}

async fn sign_up(
    click_id: ClickId,
    track: Track,
    db: web::Data<SqlitePool>,
    user: web::Json<Value>,
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
    db: web::Data<SqlitePool>,
    order: web::Json<Value>,
) -> Result<String> {
    let mut tx = db.begin().await.map_err(ErrorInternalServerError)?;
    let place = sqlx::query("INSERT INTO orders (id) VALUES (?1)").bind(order["id"].as_str());
    place
        .execute(&mut *tx)
        .await
        .map_err(ErrorInternalServerError)?;
    let reported = track.sale_in(&mut *tx, sale(click_id, &order)).await;
    if reported.is_ok() && order["fails"].is_null() {
        tx.commit().await.map_err(ErrorInternalServerError)?;
    }
    Ok(said(reported))
}

async fn programs(
    clicks: ClickIds,
    track: Track,
    db: web::Data<SqlitePool>,
    order: web::Json<Value>,
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

#[actix_web::test]
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

#[actix_web::test]
async fn a_lead_is_stored_once_on_either_way() {
    let shop = Shop::open().await;
    let said = shop.post("/signup", json!({ "id": "user_001" })).await;
    assert_eq!(said, "Queued, Queued");
    shop.deliver(shop.recorder.refport()).await;
    shop.recorder.assert_one_lead("user_001");
}

#[actix_web::test]
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

#[actix_web::test]
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

#[actix_web::test]
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

#[actix_web::test]
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

#[actix_web::test]
async fn without_an_outbox_the_error_says_which_line_to_add() {
    let shop = Shop::open().await;
    let order = || json!({ "id": "inv_001", "amount": 4900 });
    let client = |config: &mut web::ServiceConfig| {
        config.app_data(web::Data::new(shop.recorder.refport()));
    };
    let said = shop.post_with(client, "/checkout", order()).await;
    let line = "`Track::from(outbox)`";
    assert!(said.contains(line), "{said}");
    assert_eq!(shop.orders().await, 0);
    shop.recorder.assert_nothing_sent();

    // With nobody there, it may well be made, and stand where the handler does not look.
    for path in ["/report", "/checkout"] {
        let said = shop.post_with(|_| {}, path, order()).await;
        let line = ".app_data(web::Data::new(Track::from(…)))";
        assert!(said.contains(line), "{path}: {said}");
    }
}

#[actix_web::test]
async fn a_plain_track_in_the_applications_data_will_do() {
    let shop = Shop::open().await;
    let plain = |config: &mut web::ServiceConfig| {
        config.app_data(Track::from(shop.outbox.clone()));
    };
    let order = json!({ "id": "inv_001", "amount": 4900 });
    assert_eq!(shop.post_with(plain, "/report", order).await, "Queued");
}
