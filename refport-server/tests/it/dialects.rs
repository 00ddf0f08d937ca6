use serde_json::{Value, json};

use crate::{database::On, harness::Harness};

fn refport_sale(click_id: &str) -> Value {
    json!({
        "clickId": click_id, "customerExternalId": "user_001", "amount": 4900, "currency": "usd",
        "eventName": "Purchase", "invoiceId": "inv_001", "paymentProcessor": "stripe",
        "customerEmail": "c@example.com", "metadata": { "plan": "pro" },
    })
}

pub(crate) async fn refport_sale_as_documented(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let answer = server.post("/api/track/sale", refport_sale(&click)).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let id = body["sale"]["id"].as_str().unwrap();
    assert!(id.starts_with("sale_"));
    assert_eq!(
        body,
        json!({
            "eventName": "Purchase",
            "customer": { "externalId": "user_001", "email": "c@example.com", "name": null },
            "sale": {
                "id": id, "amount": 4900, "currency": "usd", "commissionAmount": 490, "status": "pending",
                "invoiceId": "inv_001", "paymentProcessor": "stripe",
            },
        })
    );
}

pub(crate) async fn refport_sale_with_the_least_it_needs(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let body = json!({ "clickId": click, "customerExternalId": "u", "amount": 4900.0, "currency": null, "unknown": [] });
    let sale = server.post("/api/track/sale", body).await.json();
    assert_eq!(sale["eventName"], "Purchase");
    assert_eq!(sale["sale"]["currency"], "usd");
    assert_eq!(sale["sale"]["invoiceId"], Value::Null);
    assert_eq!(sale["sale"]["paymentProcessor"], "custom");
}

pub(crate) async fn refport_lead_as_documented(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let body = json!({
        "clickId": click, "eventName": "Sign Up", "customerExternalId": "user_001",
        "customerEmail": "c@example.com", "customerName": "Carla", "customerAvatar": "https://example.com/c.png",
        "metadata": { "from": "test" },
    });
    let answer = server.post("/api/track/lead", body).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let link = &body["link"];
    assert!(link["id"].as_str().unwrap().starts_with("lnk_"));
    assert!(link["programId"].as_str().unwrap().starts_with("prog_"));
    assert_eq!(
        body,
        json!({
            "eventName": "Sign Up",
            "click": { "id": click },
            "link": {
                "id": link["id"], "domain": "go.example:4800", "key": "demo",
                "url": "https://shop.example/", "programId": link["programId"],
            },
            "customer": { "externalId": "user_001", "email": "c@example.com", "name": "Carla" },
        })
    );
    let customer = server.get("/api/customers/user_001").await.json();
    assert_eq!(customer["avatar"], "https://example.com/c.png");
    assert!(
        server.commissions().await.is_empty(),
        "a program pays for sales only"
    );
}

pub(crate) async fn a_lead_whose_link_is_gone_is_null(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.database.execute("UPDATE click SET link_id = NULL");
    let lead = json!({ "clickId": click, "eventName": "Sign Up", "customerExternalId": "u" });
    let answer = server.post("/api/track/lead", lead).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, Value::Null));
    let sale = json!({ "clickId": click, "customerExternalId": "u", "amount": 1 });
    let answer = server.post("/api/track/sale", sale).await;
    assert_eq!(answer.json()["error"]["code"], "INVALID_CLICK_ID");
    assert_eq!((server.count("event"), server.count("customer")), (0, 0));
}

fn partli_sale(click_id: &str) -> Value {
    json!({
        "externalId": "inv_abc123", "customerExternalId": "cus_xyz", "amountCents": 4900, "currency": "USD",
        "clickId": click_id, "eventName": "subscription_paid", "metadata": { "plan": "starter" },
    })
}

pub(crate) async fn partli_sale_as_documented(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let answer = server.post("/api/track/sale", partli_sale(&click)).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let id = body["eventId"].as_str().unwrap();
    assert_eq!(id.len(), 36, "a UUID: {id}");
    assert_eq!(body, json!({ "eventId": id, "attributed": true }));
    assert_eq!(server.commissions().await[0]["amount"], 490);
}

pub(crate) async fn partli_events_that_pay_nobody_are_no_error_and_use_up_nothing(on: On) {
    let server = Harness::new(on);
    let nobody = json!({ "eventId": null, "attributed": false });
    for click_id in [json!(null), json!("c_unknown123")] {
        let mut sale = partli_sale("");
        sale["clickId"] = click_id.clone();
        assert_eq!(server.post("/api/track/sale", sale).await.json(), nobody);
        let lead = json!({ "externalId": "signup_1", "clickId": click_id });
        assert_eq!(server.post("/api/track/lead", lead).await.json(), nobody);
    }
    assert_eq!(server.count("event"), 0);

    let click = server.click("demo").await;
    let later = server
        .post("/api/track/sale", partli_sale(&click))
        .await
        .json();
    assert_eq!(
        later["attributed"], true,
        "the same externalId, now with its click"
    );
    let lead = json!({ "externalId": "signup_1", "clickId": click });
    assert_eq!(
        server.post("/api/track/lead", lead).await.json()["attributed"],
        true
    );
}

pub(crate) async fn a_partli_renewal_without_a_click_pays_the_customers_partner(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.post("/api/track/sale", partli_sale(&click)).await;
    let renewal =
        json!({ "externalId": "inv_2", "customerExternalId": "cus_xyz", "amountCents": 4900 });
    assert_eq!(
        server.post("/api/track/sale", renewal).await.json()["attributed"],
        true
    );
    assert_eq!(server.commissions().await.len(), 2);
}

pub(crate) async fn a_partli_lead_and_its_sale_are_one_customer(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead =
        json!({ "externalId": "signup_1", "clickId": click, "customerEmail": "C@Example.com" });
    assert_eq!(
        server.post("/api/track/lead", lead).await.json()["attributed"],
        true
    );
    server.post("/api/track/sale", partli_sale(&click)).await;
    assert_eq!(server.count("customer"), 1, "joined by the click");

    let other = server.click("demo").await;
    let lead =
        json!({ "externalId": "signup_2", "clickId": other, "customerEmail": "D@Example.com" });
    server.post("/api/track/lead", lead).await;
    let sale = json!({
        "externalId": "inv_d", "customerExternalId": "cus_d", "amountCents": 100, "customerEmail": "d@example.com",
    });
    assert_eq!(
        server.post("/api/track/sale", sale).await.json()["attributed"],
        true,
        "joined by the address"
    );
    assert_eq!(server.count("customer"), 2);
}

pub(crate) async fn one_invoice_is_one_sale_in_both_dialects(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let first = server
        .post("/api/track/sale", refport_sale(&click))
        .await
        .json();
    let mut again = partli_sale(&click);
    again["externalId"] = json!("inv_001");
    again["customerExternalId"] = json!("user_001");
    let second = server.post("/api/track/sale", again).await.json();
    assert_eq!(second["attributed"], true);
    assert_eq!((server.count("event"), server.count("commission")), (1, 1));
    assert_eq!(
        server
            .post("/api/track/sale", refport_sale(&click))
            .await
            .json(),
        first
    );
}

pub(crate) async fn blank_optional_fields_are_absent(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let sale = json!({
        "clickId": click, "customerExternalId": "u", "amount": 4900, "currency": "", "eventName": " ",
        "customerName": "", "customerEmail": "", "paymentProcessor": "",
    });
    let sale = server.post("/api/track/sale", sale).await.json();
    assert_eq!(sale["eventName"], "Purchase");
    assert_eq!(sale["customer"]["name"], Value::Null);
    let no_click =
        json!({ "externalId": "i", "customerExternalId": "v", "amountCents": 1, "clickId": "" });
    assert_eq!(
        server.post("/api/track/sale", no_click).await.json()["attributed"],
        false
    );
}

pub(crate) async fn two_people_on_one_click_stay_two_customers(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead = |id: &str, email: &str| {
        server.post(
            "/api/track/lead",
            json!({ "externalId": id, "clickId": click, "customerEmail": email }),
        )
    };
    let mut first = partli_sale(&click);
    first["customerEmail"] = json!("first@example.com");
    server.post("/api/track/sale", first).await;
    lead("l2", "second@example.com").await;
    lead("l3", "third@example.com").await;
    assert_eq!(server.count("customer"), 3);
    let known = server.get("/api/customers/cus_xyz").await.json();
    assert_eq!(
        (&known["email"], known["events"].as_array().unwrap().len()),
        (&json!("first@example.com"), 1)
    );

    let later = json!({
        "externalId": "inv_2", "customerExternalId": "cus_2", "amountCents": 100, "customerEmail": "second@example.com",
    });
    assert_eq!(
        server.post("/api/track/sale", later).await.json()["attributed"],
        true
    );
    let joined = server.get("/api/customers/cus_2").await.json();
    assert_eq!(
        joined["events"].as_array().unwrap().len(),
        2,
        "the lead and the sale"
    );
}
