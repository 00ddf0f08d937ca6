//! What Postgres alone has: locks of others.

use std::time::{Duration, Instant};

use axum::http::{StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use crate::{
    database::{Held, On},
    harness::Harness,
};

fn sale(click_id: &str, customer: &str) -> Value {
    json!({
        "clickId": click_id, "customerExternalId": customer, "amount": 4900, "invoiceId": customer,
    })
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
