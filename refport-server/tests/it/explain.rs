//! For each way in which a report pays nothing, `explain` names the step.

use axum::http::StatusCode;
use refport_server::{Amount, Config, Interval, NewPartner, Question, Reward, RewardTarget};
use serde_json::{Value, json};

use crate::{database::On, harness::Harness};

/// The latest report that fits.
async fn latest(server: &Harness, query: &str) -> Value {
    let answer = server.get(&format!("/api/explain?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["reports"][0].clone()
}

fn text(report: &Value, step: &str) -> String {
    let steps = report["steps"].as_array().unwrap();
    let found = steps.iter().find(|found| found["step"] == step);
    found.map_or_else(String::new, |found| {
        found["text"].as_str().unwrap().to_owned()
    })
}

/// A body of each dialect that says the same.
fn bodies(click: Option<&str>, customer: &str, invoice: &str, amount: i64) -> [Value; 2] {
    [
        json!({ "clickId": click, "customerExternalId": customer, "invoiceId": invoice, "amount": amount }),
        json!({ "clickId": click, "customerExternalId": customer, "externalId": invoice, "amountCents": amount }),
    ]
}

pub(crate) async fn what_was_earned_is_told_step_by_step(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let sale = json!({
        "clickId": click, "customerExternalId": "u", "amount": 4995, "currency": "eur", "invoiceId": "inv_1",
        "customerEmail": "Ada@Example.com", "occurredAt": server.now_less(60),
    });
    server.post("/api/track/sale", sale).await;
    for query in [
        "invoiceId=inv_1",
        "customerExternalId=u",
        &format!("clickId={click}"),
    ] {
        let report = latest(&server, query).await;
        assert_eq!(report["reason"], "earned", "{query}");
        assert_eq!(report["recorded"], true);
        assert_eq!(report["commissionAmount"], 500);
        assert!(text(&report, "click").contains(&click));
        assert!(text(&report, "click").contains("link demo of partner prt_"));
        assert!(text(&report, "customer").contains("first click"));
        assert!(text(&report, "event").contains("49.95 EUR"));
        assert!(text(&report, "reward").starts_with("10 % of each sale within 12 months (rwd_"));
        assert_eq!(
            text(&report, "arithmetic"),
            "49.95 EUR x 1000 / 10000, half up, = 5.00 EUR"
        );
        let outcome = text(&report, "outcome");
        assert!(outcome.contains("pending, payable 20"), "{outcome}");
        assert!(outcome.contains("the partner's own"), "{outcome}");
    }
    let printed = server
        .store
        .explain(&Question::Invoice("inv_1".into()))
        .unwrap()
        .to_string();
    assert!(printed.starts_with("sale recorded: earned\n"), "{printed}");
}

pub(crate) async fn each_way_to_pay_nothing_is_named_in_both_dialects(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.sell(&click, "known", 4900).await;
    for (dialect, name) in ["refport", "partli"].into_iter().enumerate() {
        let post = async |click: Option<&str>, customer: &str, invoice: &str, amount: i64| {
            let body = bodies(click, customer, invoice, amount)[dialect].clone();
            server.post("/api/track/sale", body).await.status.as_u16()
        };
        let reason = async |invoice: &str| {
            let report = latest(&server, &format!("invoiceId={invoice}")).await;
            report["reason"].as_str().unwrap().to_owned()
        };
        let invoice = |what: &str| format!("{name}_{what}");
        let refused = [400, 200][dialect];

        assert_eq!(
            post(Some("clk_x"), "new", &invoice("unknown"), 100).await,
            refused
        );
        assert_eq!(reason(&invoice("unknown")).await, "unknown_click");
        if dialect == 1 {
            assert_eq!(post(None, "new", &invoice("none"), 100).await, 200);
            assert_eq!(reason(&invoice("none")).await, "no_click");
        } else {
            assert_eq!(post(Some(&click), "known", &invoice("zero"), 0).await, 200);
            assert_eq!(reason(&invoice("zero")).await, "zero_amount");
        }
        assert_eq!(post(Some(&click), "known", &invoice("small"), 4).await, 200);
        assert_eq!(reason(&invoice("small")).await, "rounds_to_nothing");

        assert_eq!(
            post(Some(&click), "known", &invoice("taken"), 100).await,
            200
        );
        assert_eq!(
            post(Some(&click), "other", &invoice("taken"), 100).await,
            409
        );
        assert_eq!(reason(&invoice("taken")).await, "conflict");

        let mut odd = bodies(Some(&click), "known", &invoice("odd"), 100)[dialect].clone();
        odd["currency"] = json!("ues");
        assert_eq!(server.post("/api/track/sale", odd).await.status, 400);
        assert_eq!(reason(&invoice("odd")).await, "unknown_currency");

        let mut early = bodies(Some(&click), "early", &invoice("early"), 100)[dialect].clone();
        early["occurredAt"] = json!(server.now_less(24 * 60 * 60));
        assert_eq!(server.post("/api/track/sale", early).await.status, 400);
        assert_eq!(reason(&invoice("early")).await, "before_click");

        let mut wrong = bodies(Some(&click), "u", &invoice("wrong"), 100)[dialect].clone();
        wrong["metadata"] = json!([]);
        assert_eq!(server.post("/api/track/sale", wrong).await.status, 400);
        server.store.flush(server.patience()).await;
        assert_eq!(reason(&invoice("wrong")).await, "invalid");
        let report = latest(&server, &format!("invoiceId={}", invoice("wrong"))).await;
        assert!(text(&report, "outcome").contains("metadata must be an object"));
    }
}

pub(crate) async fn what_time_and_rewards_decide_is_named(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let sale = |customer: &str, invoice: &str| {
        let body = bodies(Some(&click), customer, invoice, 4900)[0].clone();
        server.post("/api/track/sale", body)
    };
    let reason = async |invoice: &str| {
        let report = latest(&server, &format!("invoiceId={invoice}")).await;
        report["reason"].as_str().unwrap().to_owned()
    };
    let once = Reward::new(Amount::Flat(500), Interval::OneTime).unwrap();
    server
        .store
        .set_reward(&RewardTarget::Program, &once)
        .unwrap();
    sale("u", "1").await;
    sale("u", "2").await;
    assert_eq!(reason("2").await, "only_once");
    let mut euro = bodies(Some(&click), "e", "3", 4900)[0].clone();
    euro["currency"] = json!("eur");
    server.post("/api/track/sale", euro).await;
    assert_eq!(reason("3").await, "other_currency");
    let months = Reward::new(Amount::Flat(500), Interval::Recurring { months: 1 }).unwrap();
    server
        .store
        .set_reward(&RewardTarget::Program, &months)
        .unwrap();
    server.let_pass(40);
    sale("u", "4").await;
    assert_eq!(reason("4").await, "past_duration");
    server.let_pass(60);
    assert_eq!(sale("new", "5").await.status, 400);
    assert_eq!(reason("5").await, "click_expired");
    server
        .database
        .execute("UPDATE program SET sale_reward_id = NULL");
    sale("u", "6").await;
    assert_eq!(reason("6").await, "no_reward");
    let click = server.click("demo").await;
    server.database.execute("UPDATE click SET link_id = NULL");
    let body = bodies(Some(&click), "newer", "7", 4900)[0].clone();
    assert_eq!(server.post("/api/track/sale", body).await.status, 400);
    assert_eq!(reason("7").await, "no_link");
}

pub(crate) async fn the_first_click_that_stays_is_told_of_the_one_that_was_named(on: On) {
    let server = Harness::new(on);
    let bob = NewPartner::new("bob@example.com", "Bob").key("bob");
    server.store.add_partner(bob).unwrap();
    let (first, second) = (server.click("demo").await, server.click("bob").await);
    server.sell(&first, "u", 4900).await;
    server.sell(&second, "u", 4900).await;
    let report = latest(&server, &format!("clickId={second}")).await;
    let customer = text(&report, "customer");
    assert!(
        customer.contains(&format!("by the first click {first}")),
        "{customer}"
    );
    assert!(
        customer.contains(&format!("named the click {second}")),
        "{customer}"
    );
    assert_eq!(report["reason"], "earned");
}

pub(crate) async fn a_click_that_nothing_names_is_told_of(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let known = server
        .get(&format!("/api/explain?clickId={click}"))
        .await
        .json();
    assert_eq!(known["reports"], json!([]));
    assert!(
        known["click"]["text"]
            .as_str()
            .unwrap()
            .contains("link demo")
    );
    let unknown = server.get("/api/explain?clickId=clk_x").await.json();
    assert_eq!(
        unknown["click"]["text"],
        "clk_x is not a click of this workspace"
    );
}

pub(crate) async fn a_question_is_one_question(on: On) {
    let server = Harness::new(on);
    for query in [
        "",
        "?",
        "?invoiceId=",
        "?invoice=1",
        "?invoiceId=1&clickId=c",
        "?invoiceId=1&limit=5",
    ] {
        let answer = server.get(&format!("/api/explain{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains("customerExternalId"), "{query}");
    }
    for odd in ["%00", "%ff", "%27%3B--"] {
        let answer = server.get(&format!("/api/explain?invoiceId={odd}")).await;
        assert!(
            matches!(answer.status.as_u16(), 200 | 400),
            "{odd}: {}",
            answer.text()
        );
    }
}

pub(crate) async fn refused_reports_are_kept_for_so_long(on: On) {
    let server = Harness::new(on);
    for invoice in ["1", "2"] {
        let body = bodies(Some("clk_x"), "u", invoice, 100)[0].clone();
        server.post("/api/track/sale", body).await;
    }
    let week = 7 * 24 * 60 * 60 * 1000;
    server.database.execute(&format!(
        "UPDATE refusal SET received_at = received_at - {week} WHERE invoice_id = '1'"
    ));
    let server = server.restarted_with(Config::new("http://go.example").keep_refused(6));
    // The first thing that is written lets the old ones go.
    server.click("demo").await;
    server.store.close(server.patience()).await;
    let kept = server.database.query("SELECT invoice_id FROM refusal");
    assert_eq!(kept, [json!({ "invoice_id": "2" })]);
}
