use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{
        HeaderMap, Request, StatusCode,
        header::{AUTHORIZATION, LOCATION},
    },
};
use http_body_util::BodyExt;
use refport_core::Timestamp;
use refport_server::{Config, NewPartner, Store, router};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::database::{Database, On};

/// A server on a fresh database: partner Ada with the link `/r/demo`, 10 % for 12 months.
pub(crate) struct Harness {
    pub(crate) database: Arc<Database>,
    pub(crate) store: Store,
    pub(crate) app: Router,
    pub(crate) key: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }
}

impl Harness {
    pub(crate) fn new(on: On) -> Self {
        Self::with(on, Config::new("http://go.example:4800"))
    }

    pub(crate) fn with(on: On, config: Config) -> Self {
        let database = Arc::new(Database::new(on));
        let store = Store::open(&database.url()).unwrap();
        let key = store.init().unwrap().api_key;
        let ada = NewPartner::new("ada@example.com", "Ada").key("demo");
        store
            .add_partner(ada.destination("https://shop.example/"))
            .unwrap();
        let app = router(store.clone(), config);
        Self {
            database,
            store,
            app,
            key,
        }
    }

    /// A new process on the same database, as far as the server can tell.
    pub(crate) fn restarted(self) -> Self {
        self.restarted_at("http://go.example:4800")
    }

    pub(crate) fn restarted_at(self, public_url: &str) -> Self {
        self.restarted_with(Config::new(public_url))
    }

    pub(crate) fn restarted_with(self, config: Config) -> Self {
        let Self {
            database,
            store,
            app,
            key,
        } = self;
        drop((store, app));
        let store = Store::open(&database.url()).unwrap();
        let app = router(store.clone(), config);
        Self {
            database,
            store,
            app,
            key,
        }
    }

    /// Another server on the same database.
    pub(crate) fn beside(&self, config: Config) -> Self {
        let store = Store::open(&self.database.url()).unwrap();
        Self {
            database: Arc::clone(&self.database),
            app: router(store.clone(), config),
            store,
            key: self.key.clone(),
        }
    }

    /// How long a test waits for what is written behind it.
    #[expect(clippy::unused_self, reason = "it is asked of the server")]
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    #[expect(clippy::unused_self, reason = "it is the server's clock")]
    pub(crate) fn now_ms(&self) -> i64 {
        Timestamp::now().as_millis()
    }

    /// So many seconds ago, as a body says it.
    pub(crate) fn now_less(&self, seconds: i64) -> String {
        Timestamp::from_millis(self.now_ms() - seconds * 1000)
            .unwrap()
            .to_string()
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        self.database.query(&sql)[0]["n"].as_i64().unwrap()
    }

    /// Makes everything in the database `days` older.
    pub(crate) fn let_pass(&self, days: i64) {
        let ms = days * 24 * 60 * 60 * 1000;
        for (table, columns) in [
            ("click", ["created_at"].as_slice()),
            ("customer", &["created_at"]),
            ("event", &["occurred_at", "received_at"]),
            ("commission", &["occurred_at", "created_at"]),
        ] {
            for column in columns {
                let sql = format!("UPDATE {table} SET {column} = {column} - {ms}");
                self.database.execute(&sql);
            }
        }
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: impl ToString) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let request = Request::post(path).header(AUTHORIZATION, bearer);
        self.call(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let request = Request::get(path).header(AUTHORIZATION, bearer);
        self.call(request.body(Body::empty()).unwrap()).await
    }

    /// Follows a link as a browser does and answers the click ID.
    pub(crate) async fn click(&self, key: &str) -> String {
        let request = Request::get(format!("/r/{key}"))
            .header("user-agent", "Mozilla/5.0 Firefox/140.0 Gecko");
        let answer = self.call(request.body(Body::empty()).unwrap()).await;
        let (_, click_id) = answer
            .location()
            .split_once("refp_id=")
            .expect("a click ID");
        assert_eq!(self.store.flush(Duration::from_secs(10)).await, 0);
        click_id.to_owned()
    }

    /// A sale that must succeed; its `sale` object.
    pub(crate) async fn sell(&self, click_id: &str, customer: &str, amount: i64) -> Value {
        let body = json!({ "clickId": click_id, "customerExternalId": customer, "amount": amount });
        let answer = self.post("/api/track/sale", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()["sale"].clone()
    }

    pub(crate) async fn commissions(&self) -> Vec<Value> {
        let page = self.get("/api/commissions").await.json();
        page["data"].as_array().unwrap().clone()
    }
}
