use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{database::On, harness::Harness};

fn sale(click: &str, invoice: &str) -> Value {
    json!({ "clickId": click, "customerExternalId": "user_001", "amount": 4900, "invoiceId": invoice })
}

pub(crate) async fn fifty_equal_posts_at_once_are_one_sale(on: On) {
    let server = Arc::new(Harness::new(on));
    let click = server.click("demo").await;
    let mut posts = JoinSet::new();
    for _ in 0..50 {
        let (server, sale) = (Arc::clone(&server), sale(&click, "inv_001"));
        posts.spawn(async move { server.post("/api/track/sale", sale).await });
    }
    let answers = posts.join_all().await;
    assert_eq!(answers.len(), 50);
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(
        answers
            .iter()
            .all(|answer| answer.json() == answers[0].json())
    );
    assert_eq!(
        (
            server.count("event"),
            server.count("commission"),
            server.count("customer")
        ),
        (1, 1, 1)
    );
    assert_eq!(server.count("outgoing_event"), 2);
}

pub(crate) async fn a_replay_after_a_restart_gives_the_first_answer(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let first = server
        .post("/api/track/sale", sale(&click, "inv_001"))
        .await
        .json();
    let server = server.restarted();
    assert_eq!(
        server
            .post("/api/track/sale", sale(&click, "inv_001"))
            .await
            .json(),
        first
    );
    assert_eq!(server.count("commission"), 1);
}

pub(crate) async fn a_replay_answers_the_first_whatever_has_changed_since(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let first = server
        .post("/api/track/sale", sale(&click, "inv_001"))
        .await
        .json();
    server
        .database
        .execute("UPDATE commission SET status = 'paid'");
    server.let_pass(1000);

    let mut again = sale("clk_unknown", "inv_001");
    again["amount"] = json!(1);
    again["customerEmail"] = json!("new@example.com");
    assert_eq!(server.post("/api/track/sale", again).await.json(), first);
    assert_eq!(
        server.get("/api/customers/user_001").await.json()["email"],
        Value::Null
    );
}

pub(crate) async fn a_failed_first_attempt_does_not_block_a_later_right_one(on: On) {
    let server = Harness::new(on);
    let refused = server
        .post("/api/track/sale", sale("clk_unknown", "inv_001"))
        .await;
    assert_eq!(refused.status, 400);
    let click = server.click("demo").await;

    server
        .database
        .execute("ALTER TABLE commission RENAME TO gone");
    let broken = server
        .post("/api/track/sale", sale(&click, "inv_001"))
        .await;
    assert_eq!(broken.status, 500);
    server
        .database
        .execute("ALTER TABLE gone RENAME TO commission");
    assert_eq!(
        (server.count("event"), server.count("customer")),
        (0, 0),
        "nothing half-written"
    );

    let right = server
        .post("/api/track/sale", sale(&click, "inv_001"))
        .await;
    assert_eq!(
        (right.status.as_u16(), server.count("commission")),
        (200, 1)
    );
}

pub(crate) async fn without_an_invoice_every_post_is_a_sale(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.sell(&click, "user_001", 100).await;
    server.sell(&click, "user_001", 100).await;
    assert_eq!(server.count("event"), 2);
}

pub(crate) async fn a_refport_lead_repeats_by_customer_and_event_name(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead = |event: &str, customer: &str| {
        let body = json!({ "clickId": click, "eventName": event, "customerExternalId": customer });
        server.post("/api/track/lead", body)
    };
    let first = lead("Sign Up", "u").await.json();
    assert_eq!(
        lead("SIGN UP", "u").await.json(),
        first,
        "the case of its name does not count"
    );
    assert_eq!(server.count("event"), 1);
    lead("Trial", "u").await;
    lead("Sign Up", "v").await;
    assert_eq!(server.count("event"), 3);
}

pub(crate) async fn a_partli_lead_repeats_by_its_external_id_apart_from_sales(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead = json!({ "externalId": "x1", "clickId": click });
    let first = server.post("/api/track/lead", &lead).await.json();
    assert_eq!(server.post("/api/track/lead", &lead).await.json(), first);
    let sale = json!({ "externalId": "x1", "customerExternalId": "u", "amountCents": 1, "clickId": click });
    let sale = server.post("/api/track/sale", sale).await.json();
    assert_ne!(
        sale["eventId"], first["eventId"],
        "one key space for leads, one for sales"
    );
}

pub(crate) async fn a_zero_amount_does_not_use_up_its_invoice(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let mut free = sale(&click, "inv_001");
    free["amount"] = json!(0);
    assert_eq!(
        server.post("/api/track/sale", free).await.json()["sale"]["status"],
        "none"
    );
    assert_eq!(server.count("outgoing_event"), 0);
    assert_eq!(
        server.get("/api/customers/user_001").await.status,
        200,
        "but binds the customer"
    );
    let paid = server
        .post("/api/track/sale", sale(&click, "inv_001"))
        .await
        .json();
    assert_eq!(paid["sale"]["commissionAmount"], 490);
}

pub(crate) async fn a_leads_replay_is_the_first_answer_under_another_public_url_too(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead = json!({ "clickId": click, "eventName": "Sign Up", "customerExternalId": "u" });
    let first = server.post("/api/track/lead", &lead).await.json();
    assert_eq!(first["link"]["domain"], "go.example:4800");
    let moved = server.restarted_at("https://elsewhere.example");
    assert_eq!(moved.post("/api/track/lead", &lead).await.json(), first);
}
