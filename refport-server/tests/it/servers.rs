//! What Postgres alone has: locks of others, and several servers.

use std::time::{Duration, Instant};

use axum::http::{StatusCode, header::RETRY_AFTER};
use refport_server::{Config, Store, router};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    database::{Held, On},
    harness::{Answer, Harness},
};

/// Another server on the same database.
fn beside(server: &Harness) -> Harness {
    let store = Store::open(&server.database.url()).unwrap();
    Harness {
        database: server.database.shared(),
        app: router(store.clone(), Config::new("http://go.example:4800")),
        store,
        key: server.key.clone(),
    }
}

/// Waits until so many connections wait for a lock.
async fn until_waiting(server: &Harness, connections: i64) {
    let sql = "SELECT count(*) AS n FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while server.database.query(sql)[0]["n"].as_i64().unwrap() < connections {
        sleep(Duration::from_millis(5)).await;
    }
}

fn sale(click_id: &str, customer: &str) -> Value {
    json!({
        "clickId": click_id, "customerExternalId": customer, "amount": 4900, "invoiceId": customer,
    })
}

/// Reports until the database is free.
async fn report(server: &Harness, path: &str, body: &Value) -> Answer {
    loop {
        let answer = server.post(path, body).await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
    }
}

pub(crate) async fn a_locked_table_is_told_within_seconds_and_nothing_is_lost(on: On) {
    let server = Harness::new(on);
    let click_id = server.click("demo").await;
    let held = Held::new(
        &server.database,
        "LOCK TABLE customer IN ACCESS EXCLUSIVE MODE",
    );
    let begun = Instant::now();
    let customers = ["u1", "u2", "u3", "u4"].map(|customer| sale(&click_id, customer));
    let [a, b, c, d] = &customers;
    let answers = tokio::join!(
        server.post("/api/track/sale", a),
        server.post("/api/track/sale", b),
        server.post("/api/track/sale", c),
        server.post("/api/track/sale", d),
    );
    // The lock is still held; how long each waits by itself is the store's to say.
    assert!(begun.elapsed() < Duration::from_secs(20));
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(RETRY_AFTER));
    }
    drop(held);
    assert_eq!(server.count("event"), 0);
    for sale in &customers {
        let answer = server.post("/api/track/sale", sale).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    assert_eq!(server.count("commission"), 4);
}

pub(crate) async fn locked_clicks_wait_and_are_counted(on: On) {
    let server = Harness::new(on);
    let held = Held::new(&server.database, "LOCK TABLE click IN SHARE MODE");
    let request = axum::http::Request::get("/r/demo");
    let answer = server
        .call(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::FOUND);
    until_waiting(&server, 1).await;
    assert_eq!(server.store.flush(Duration::from_millis(100)).await, 1);
    // Longer than the writer waits for a lock.
    sleep(Duration::from_secs(2)).await;
    drop(held);
    assert_eq!(server.store.flush(Duration::from_secs(20)).await, 0);
    assert_eq!(server.count("click"), 1);
}

/// Neither sees the other's customer when it looks, and both would make one.
pub(crate) async fn a_lead_and_a_sale_of_one_address_at_two_servers_are_one_customer(on: On) {
    let server = Harness::new(on);
    let other = beside(&server);
    let click_id = server.click("demo").await;
    let email = "Ben@customer.example";
    let lead = json!({ "externalId": "lead_1", "clickId": click_id, "customerEmail": email });
    let mut sale = sale(&click_id, "u1");
    sale["customerEmail"] = "ben@Customer.example".into();
    // The last thing that a transaction writes: until it is free, both have decided.
    let held = Held::new(&server.database, "LOCK TABLE outgoing_event IN SHARE MODE");
    let release = async {
        until_waiting(&server, 2).await;
        drop(held);
    };
    let (lead, sale, ()) = tokio::join!(
        report(&server, "/api/track/lead", &lead),
        report(&other, "/api/track/sale", &sale),
        release,
    );
    assert_eq!(lead.status, StatusCode::OK, "{}", lead.text());
    assert_eq!(sale.status, StatusCode::OK, "{}", sale.text());
    assert_eq!(server.count("event"), 2);
    assert_eq!(server.count("customer"), 1);
}
