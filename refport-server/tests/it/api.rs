use serde_json::{Value, json};

use crate::{database::On, harness::Harness};

pub(crate) async fn commissions_come_in_pages_newest_first(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    for amount in 1..=5 {
        server.sell(&click, "u", amount * 1000).await;
    }
    let amounts = |page: &Value| -> Vec<i64> {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["amount"].as_i64().unwrap())
            .collect()
    };
    let mut seen = Vec::new();
    let mut path = "/api/commissions?limit=2".to_owned();
    loop {
        let page = server.get(&path).await.json();
        seen.push(amounts(&page));
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/commissions?limit=2&cursor={cursor}");
        server.sell(&click, "later", 100_000).await; // does not shift the pages
    }
    assert_eq!(seen, [vec![500, 400], vec![300, 200], vec![100]]);
    let all = server.get("/api/commissions").await.json();
    assert_eq!(amounts(&all).len(), 7);
    assert_eq!(all["nextCursor"], Value::Null);
}

pub(crate) async fn partners_come_with_their_links(on: On) {
    let server = Harness::new(on);
    server.click("demo").await;
    let page = server.get("/api/partners?limit=1").await.json();
    let ada = &page["data"][0];
    assert_eq!(
        (&ada["email"], &ada["name"], &ada["group"]),
        (&json!("ada@example.com"), &json!("Ada"), &Value::Null)
    );
    let link = &ada["links"][0];
    assert_eq!(link["url"], "http://go.example:4800/r/demo");
    assert_eq!((&link["key"], &link["clicks"]), (&json!("demo"), &json!(1)));
    assert_eq!(page["nextCursor"], Value::Null);
}

pub(crate) async fn a_customer_comes_with_their_events(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead = json!({ "clickId": click, "eventName": "Sign Up", "customerExternalId": "a/b" });
    server.post("/api/track/lead", lead).await;
    server.sell(&click, "a/b", 4900).await;
    let customer = server.get("/api/customers/a%2Fb").await.json();
    assert_eq!(
        (&customer["externalId"], &customer["clickId"]),
        (&json!("a/b"), &json!(click))
    );
    let events: Vec<(&Value, &Value)> = customer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (&event["eventName"], &event["commissionAmount"]))
        .collect();
    assert_eq!(
        events,
        [
            (&json!("Sign Up"), &Value::Null),
            (&json!("Purchase"), &json!(490))
        ]
    );
}

pub(crate) async fn one_workspaces_key_does_not_see_another(on: On) {
    let mut server = Harness::new(on);
    let click = server.click("demo").await;
    server.sell(&click, "u", 4900).await;
    server.key = server.store.create_api_key().unwrap();
    server.database.execute(
        "INSERT INTO workspace SELECT 'ws_other', address_salt, created_at FROM workspace;
         UPDATE api_key SET workspace_id = 'ws_other';
         INSERT INTO signing_key
         SELECT 'ws_other', number, address_salt, 1 FROM signing_key, workspace WHERE id <> 'ws_other';",
    );
    assert!(server.commissions().await.is_empty());
    assert_eq!(server.get("/api/customers/u").await.status, 404);
    let sale = json!({ "clickId": click, "customerExternalId": "u", "amount": 1 });
    assert_eq!(
        server.post("/api/track/sale", sale).await.json()["error"]["code"],
        "INVALID_CLICK_ID"
    );
}

pub(crate) async fn health_needs_no_key(on: On) {
    let mut server = Harness::new(on);
    server.key.clear();
    let answer = server.get("/healthz").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({ "status": "ok" }))
    );
}
