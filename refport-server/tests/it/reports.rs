//! What a report may say, and what becomes of it.

use axum::{
    body::Body,
    http::{Request, header::AUTHORIZATION},
};
use refport_server::{Config, NewPartner, NewProgram};
use serde_json::{Value, json};

use crate::{
    database::On,
    harness::{Answer, Harness},
};

fn sale(click: &str, customer: &str, invoice: &str) -> Value {
    json!({ "clickId": click, "customerExternalId": customer, "amount": 4900, "invoiceId": invoice })
}

pub(crate) async fn spellings_of_one_invoice_and_customer_are_one(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    for (customer, invoice) in [("w", "inv_9"), (" w", "inv_9 "), ("w ", "\u{a0}inv_9")] {
        let answer = server
            .post("/api/track/sale", sale(&click, customer, invoice))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let composed = sale(&click, "caf\u{e9}", "\u{f1}");
    let decomposed = sale(&click, "cafe\u{301}", "n\u{303}");
    server.post("/api/track/sale", composed).await;
    server.post("/api/track/sale", decomposed).await;
    assert_eq!((server.count("event"), server.count("customer")), (2, 2));
    let other_case = sale(&click, "w", "INV_9");
    server.post("/api/track/sale", other_case).await;
    assert_eq!(server.count("event"), 3, "processors' IDs differ by case");
}

pub(crate) async fn control_characters_are_refused_by_name(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    for field in [
        "clickId",
        "customerExternalId",
        "invoiceId",
        "eventName",
        "customerEmail",
        "customerName",
    ] {
        for odd in ["a\u{0}b", "a\nb", "a\u{1b}[31m"] {
            let mut body = sale(&click, "u", "1");
            body[field] = json!(odd);
            let answer = server.post("/api/track/sale", body).await;
            assert_eq!(answer.status, 400, "{field} {odd:?}");
            let message = answer.json()["error"]["message"].to_string();
            assert!(
                message.contains(field) && message.contains("control character"),
                "{message}"
            );
        }
    }
    assert_eq!(server.count("event"), 0);
    // Inside of metadata they are the sender's own.
    let mut body = sale(&click, "u", "1");
    body["metadata"] = json!({ "note": "a\u{0}b" });
    assert_eq!(server.post("/api/track/sale", body).await.status, 200);
}

pub(crate) async fn an_invoice_of_another_customer_is_a_conflict_in_both_dialects(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let first = server
        .post("/api/track/sale", sale(&click, "c1", "1001"))
        .await
        .json();
    let refport = server
        .post("/api/track/sale", sale(&click, "c2", "1001"))
        .await;
    assert_eq!(refport.status, 409);
    assert_eq!(refport.json()["error"]["code"], "CONFLICT");
    assert!(!refport.text().contains("c1"), "nobody learns whose it is");
    let body = json!({ "externalId": "1001", "customerExternalId": "c2", "amountCents": 1, "clickId": click });
    let partli = server.post("/api/track/sale", body).await;
    assert_eq!(partli.status, 409);
    assert!(partli.json()["error"].as_str().unwrap().contains("invoice"));
    let again = server
        .post("/api/track/sale", sale(&click, "c1", "1001"))
        .await
        .json();
    assert_eq!(again, first);
    assert_eq!((server.count("event"), server.count("customer")), (1, 1));
}

pub(crate) async fn another_amount_is_flagged_on_the_row(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let first = server.post("/api/track/sale", sale(&click, "u", "1")).await;
    for amount in [100, 200] {
        let mut again = sale(&click, "u", "1");
        again["amount"] = json!(amount);
        let answer = server.post("/api/track/sale", again).await;
        assert_eq!(answer.bytes, first.bytes, "byte for byte");
    }
    let rows = server
        .database
        .query("SELECT amount, other_amount, other_currency FROM event");
    assert_eq!(
        rows,
        [json!({ "amount": 4900, "other_amount": 200, "other_currency": "usd" })]
    );
}

async fn post_with_key(server: &Harness, key: &str, body: &Value) -> Answer {
    let request = Request::post("/api/track/sale")
        .header(AUTHORIZATION, format!("Bearer {}", server.key))
        .header("idempotency-key", key);
    server
        .call(request.body(Body::from(body.to_string())).unwrap())
        .await
}

pub(crate) async fn an_idempotency_key_stands_for_an_invoice(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let body = json!({ "clickId": click, "customerExternalId": "u", "amount": 4900 });
    let first = post_with_key(&server, "k1", &body).await;
    assert_eq!(
        post_with_key(&server, " k1 ", &body).await.bytes,
        first.bytes
    );
    assert_eq!(server.count("event"), 1);
    post_with_key(&server, "k2", &body).await;
    assert_eq!(server.count("event"), 2);
    let invoiced = sale(&click, "u", "1");
    post_with_key(&server, "k1", &invoiced).await;
    assert_eq!(server.count("event"), 3, "an invoice says more than a key");
    for wrong in ["", " ", &"x".repeat(256)] {
        let answer = post_with_key(&server, wrong, &body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("Idempotency-Key"));
    }
}

pub(crate) async fn what_is_told_late_is_judged_by_when_it_happened(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.let_pass(100);
    let mut late = sale(&click, "u", "1");
    assert_eq!(
        server.post("/api/track/sale", &late).await.status,
        400,
        "100 days old"
    );
    late["occurredAt"] = json!(server.now_less(50 * 24 * 60 * 60));
    let answer = server.post("/api/track/sale", &late).await;
    assert_eq!(
        answer.json()["sale"]["commissionAmount"],
        490,
        "{}",
        answer.text()
    );
    let commission = &server.commissions().await[0];
    assert!(commission["payableAt"].as_str() < commission["createdAt"].as_str());
    assert!(commission["occurredAt"].as_str() < commission["createdAt"].as_str());

    let body = json!({
        "clickId": click, "externalId": "lead_1", "occurredAt": server.now_ms() - 40 * 24 * 60 * 60 * 1000,
    });
    let partli = server.post("/api/track/lead", body).await.json();
    assert_eq!(
        partli["attributed"], true,
        "as milliseconds, in Partli's dialect"
    );
}

pub(crate) async fn times_that_cannot_be_are_refused(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    for (wrong, want) in [
        (json!("yesterday"), "2026-01-31T12:00:00Z"),
        (json!(true), "2026-01-31T12:00:00Z"),
        (json!(1.5), "milliseconds"),
        (json!(server.now_ms() / 1000), "not seconds"),
        (
            json!(server.now_ms() + 6 * 60 * 1000),
            "5 minutes in the future",
        ),
    ] {
        let mut body = sale(&click, "u", "1");
        body["occurredAt"] = wrong.clone();
        let answer = server.post("/api/track/sale", body).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.text().contains(want), "{wrong}: {}", answer.text());
    }
    for right in [json!(null), json!(""), json!(server.now_ms() + 60_000)] {
        let mut body = sale(&click, "u", &right.to_string());
        body["occurredAt"] = right.clone();
        assert_eq!(
            server.post("/api/track/sale", body).await.status,
            200,
            "{right}"
        );
    }
}

pub(crate) async fn people_who_share_a_url_are_people(on: On) {
    let server = Harness::new(on);
    server.store.add_group("gold").unwrap();
    server
        .database
        .execute("UPDATE enrollment SET group_id = (SELECT id FROM partner_group)");
    let lead_reward = refport_server::Reward::new(
        refport_server::Amount::Flat(100),
        refport_server::Interval::OneTime,
    );
    let target = refport_server::RewardTarget::GroupLead("gold".to_owned());
    server
        .store
        .set_reward(&target, &lead_reward.unwrap())
        .unwrap();
    let click = server.click("demo").await;
    for person in 1..=3 {
        let body = json!({ "externalId": format!("p{person}"), "clickId": click, "customerName": format!("Person {person}") });
        server.post("/api/track/lead", body).await;
    }
    assert_eq!(
        (server.count("customer"), server.count("commission")),
        (3, 3)
    );
    let names = server
        .database
        .query("SELECT name FROM customer ORDER BY name");
    assert_eq!(names[0]["name"], "Person 1");
}

pub(crate) async fn the_letter_of_the_documents_is_a_setting(on: On) {
    let strict = Config::new("http://go.example")
        .strict_refport(true)
        .strict_partli(true);
    let server = Harness::with(on, strict);
    let click = server.click("demo").await;
    server.sell(&click, "u", 4900).await;
    let refport = server
        .post("/api/track/sale", sale("clk_unknown", "u", "2"))
        .await;
    assert_eq!(refport.json()["error"]["code"], "INVALID_CLICK_ID");
    let body = json!({ "externalId": "3", "customerExternalId": "u", "amountCents": 1 });
    let partli = server.post("/api/track/sale", body).await;
    assert_eq!(
        partli.json(),
        json!({ "eventId": null, "attributed": false })
    );
    assert_eq!(server.count("event"), 1);
}

pub(crate) async fn a_base_url_with_a_slash_is_answered(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let first = server
        .post("//api/track/sale", sale(&click, "u", "1"))
        .await;
    assert_eq!(first.status, 200);
    let again = server.post("/api/track/sale", sale(&click, "u", "1")).await;
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(server.get("//api/commissions").await.status, 200);
    assert_eq!(server.get("//api/nothing").await.status, 404);
}

pub(crate) async fn programs_have_their_own_currency_days_and_rewards(on: On) {
    let server = Harness::new(on);
    let program = NewProgram::new("europe")
        .currency(refport_core::Currency::EUR)
        .other_currency("pts".parse().unwrap())
        .holding_days(0);
    let program_id = server.store.add_program(program).unwrap();
    let flat = refport_server::Reward::new(
        refport_server::Amount::Flat(700),
        refport_server::Interval::Lifetime,
    );
    let target = refport_server::RewardTarget::NamedProgram("europe".to_owned());
    server.store.set_reward(&target, &flat.unwrap()).unwrap();
    let ada = NewPartner::new("ADA@example.com", "Ada")
        .program("europe")
        .key("ada-eu");
    server
        .store
        .add_partner(ada.destination("https://shop.example/"))
        .unwrap();
    assert_eq!(
        server.count("partner"),
        1,
        "the same person, enrolled twice"
    );

    let click = server.click("ada-eu").await;
    let mut euro = sale(&click, "u", "1");
    euro["currency"] = json!("eur");
    let answer = server.post("/api/track/sale", euro).await.json();
    assert_eq!(answer["sale"]["commissionAmount"], 700);
    let commission = &server.commissions().await[0];
    assert_eq!(commission["programId"], json!(program_id));
    assert_eq!(commission["payableAt"], commission["occurredAt"]);
    let mut points = sale(&click, "u", "2");
    points["currency"] = json!("PTS");
    let answer = server.post("/api/track/sale", points).await;
    assert_eq!(
        answer.json()["sale"]["status"],
        "none",
        "taken, and not the flat reward's"
    );

    let click = server.click("demo").await;
    let sold = server
        .post("/api/track/sale", sale(&click, "v", "3"))
        .await
        .json();
    assert_eq!(
        sold["sale"]["commissionAmount"], 490,
        "the first program is as it was"
    );
}

pub(crate) async fn forged_foreign_and_altered_clicks_are_unknown(on: On) {
    let server = Harness::new(on);
    let other = Harness::new(on);
    let foreign = other.click("demo").await;
    let own = server.click("demo").await;
    server.database.execute("DELETE FROM click_count");
    server.database.execute("DELETE FROM click");
    let mut altered = own.clone();
    let last = if own.ends_with('a') { "b" } else { "a" };
    altered.replace_range(own.len() - 1.., last);
    let random = format!("clk_{}", "0".repeat(30));
    for click in [&foreign, &altered, &random] {
        let answer = server.post("/api/track/sale", sale(click, "u", "1")).await;
        assert_eq!(
            answer.json()["error"]["code"],
            "INVALID_CLICK_ID",
            "{click}"
        );
    }
    assert_eq!(server.sell(&own, "u", 4900).await["commissionAmount"], 490);
    assert_eq!(server.count("click"), 1);
}

pub(crate) async fn clicks_of_an_older_key_and_of_an_older_form_count(on: On) {
    let server = Harness::new(on);
    let before = server.click("demo").await;
    server.store.rotate_signing_key().unwrap();
    let after = server.click("demo").await;
    server.database.execute("DELETE FROM click");
    for click in [&before, &after] {
        assert_eq!(
            server.sell(click, click, 4900).await["commissionAmount"],
            490
        );
    }
    server.database.execute(
        "INSERT INTO click (id, workspace_id, link_id, verdict, created_at)
         SELECT 'clk_AbCdEfGhIjKlMnOpQrStUv', workspace_id, id, 'person', created_at FROM link",
    );
    let old = server.sell("clk_AbCdEfGhIjKlMnOpQrStUv", "old", 4900).await;
    assert_eq!(old["commissionAmount"], 490);
}
