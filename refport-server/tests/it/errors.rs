use std::num::NonZeroU32;

use axum::{body::Body, http::Request};
use refport_server::Config;
use serde_json::{Value, json};

use crate::{
    database::On,
    harness::{Answer, Harness},
};

fn code(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    (
        answer.status.as_u16(),
        body["error"]["code"].as_str().unwrap().to_owned(),
    )
}

/// Partli's: `error` is the message itself.
fn partli(answer: &Answer) -> (u16, String) {
    (
        answer.status.as_u16(),
        answer.json()["error"].as_str().unwrap().to_owned(),
    )
}

pub(crate) async fn an_unknown_click_is_its_own_code(on: On) {
    let server = Harness::new(on);
    for click in ["clk_unknown", "no click at all"] {
        let sale = json!({ "clickId": click, "customerExternalId": "u", "amount": 1 });
        assert_eq!(
            code(&server.post("/api/track/sale", sale).await),
            (400, "INVALID_CLICK_ID".into())
        );
        let lead = json!({ "clickId": click, "customerExternalId": "u", "eventName": "Sign Up" });
        assert_eq!(
            code(&server.post("/api/track/lead", lead).await),
            (400, "INVALID_CLICK_ID".into())
        );
    }
}

pub(crate) async fn an_expired_click_makes_no_first_attribution(on: On) {
    let server = Harness::new(on);
    let (fresh, old) = (server.click("demo").await, server.click("demo").await);
    let age = |click: &str, days: i64| {
        let ms = days * 24 * 60 * 60 * 1000;
        let sql = format!("UPDATE click SET created_at = created_at - {ms} WHERE id = '{click}'");
        server.database.execute(&sql);
    };
    age(&fresh, 89);
    age(&old, 90);
    let sale = json!({ "clickId": old, "customerExternalId": "u", "amount": 100 });
    assert_eq!(
        code(&server.post("/api/track/sale", &sale).await),
        (400, "INVALID_CLICK_ID".into())
    );
    server.sell(&fresh, "u", 100).await;
    assert_eq!(
        server.post("/api/track/sale", sale).await.status,
        200,
        "a known customer stays attributed"
    );
}

pub(crate) async fn wrong_fields_are_named(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let sale = |field: &str, value: Value| {
        let mut body = json!({ "clickId": click, "customerExternalId": "u", "amount": 1 });
        body[field] = value;
        body
    };
    let cases = [
        ("clickId", json!(null)),
        ("clickId", json!("")),
        ("clickId", json!(7)),
        ("customerExternalId", json!(null)),
        ("customerExternalId", json!("x".repeat(101))),
        ("amount", json!(null)),
        ("amount", json!("4900")),
        ("amount", json!(49.5)),
        ("amount", json!(-1)),
        ("currency", json!("dollars")),
        ("eventName", json!("x".repeat(256))),
        ("invoiceId", json!(" ")),
        ("paymentProcessor", json!(1)),
        ("customerEmail", json!({})),
        ("metadata", json!("text")),
        ("metadata", json!({ "a": "x".repeat(10_000) })),
    ];
    for (field, value) in cases {
        let answer = server
            .post("/api/track/sale", sale(field, value.clone()))
            .await;
        assert_eq!(code(&answer), (400, "VALIDATION_ERROR".into()), "{field}");
        let message = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.starts_with(field), "{field}: {message}");
    }
    let lead = json!({ "clickId": click, "customerExternalId": "u" });
    let answer = server.post("/api/track/lead", lead).await;
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("eventName")
    );
    assert_eq!(server.count("event"), 0);
}

pub(crate) async fn partlis_wrong_fields_are_named_in_its_own_envelope(on: On) {
    let server = Harness::new(on);
    let cases = [
        (
            json!({ "externalId": "i", "amountCents": 1 }),
            "customerExternalId is required",
        ),
        (
            json!({ "externalId": "i", "customerExternalId": "u", "amountCents": 0 }),
            "amountCents must be 1 or more",
        ),
        (
            json!({ "externalId": "i", "customerExternalId": "u" }),
            "amountCents is required",
        ),
        (
            json!({ "customerExternalId": "u", "amountCents": 1 }),
            "externalId is required",
        ),
    ];
    for (body, want) in cases {
        assert_eq!(
            partli(&server.post("/api/track/sale", body).await),
            (400, want.into())
        );
    }
    let lead = json!({ "externalId": " " });
    assert_eq!(
        partli(&server.post("/api/track/lead", lead).await),
        (400, "externalId is required".into())
    );
}

pub(crate) async fn what_is_no_json_object_is_said_so(on: On) {
    let server = Harness::new(on);
    for (body, want) in [
        ("", "empty"),
        ("not json", "not JSON: line 1, column"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
    ] {
        let answer = server.post("/api/track/sale", body).await;
        assert_eq!(code(&answer), (400, "VALIDATION_ERROR".into()));
        assert!(answer.text().contains(want), "{}", answer.text());
    }
}

pub(crate) async fn a_missing_wrong_or_revoked_key_is_unauthorized_in_the_bodys_dialect(on: On) {
    let mut server = Harness::new(on);
    let good = server.key.clone();
    let (id_part, _) = good.rsplit_once('_').unwrap();
    let wrong_secret = format!("{id_part}_{}", "x".repeat(43));
    let refport = json!({ "clickId": "c", "customerExternalId": "u", "amount": 1 });
    let partli_body = json!({ "externalId": "i", "customerExternalId": "u", "amountCents": 1 });
    for key in ["", "rk_", "nonsense", &wrong_secret] {
        server.key = key.to_owned();
        for path in ["/api/track/sale", "/api/track/lead", "/api/embed/token"] {
            assert_eq!(
                code(&server.post(path, &refport).await),
                (401, "UNAUTHORIZED".into()),
                "{key}"
            );
        }
        for path in ["/api/commissions", "/api/partners", "/api/customers/u"] {
            assert_eq!(
                code(&server.get(path).await),
                (401, "UNAUTHORIZED".into()),
                "{key}"
            );
        }
        assert_eq!(
            partli(&server.post("/api/track/sale", &partli_body).await).0,
            401
        );
    }
    server.key = good;
    assert_eq!(server.get("/api/commissions").await.status, 200);
    // A key that was used a moment ago is refused within five seconds.
    server.key = server.store.create_api_key().unwrap();
    server.database.execute("UPDATE api_key SET revoked_at = 1");
    assert_eq!(server.get("/api/commissions").await.status, 401);
}

pub(crate) async fn too_many_requests_are_told_when_to_come_back(on: On) {
    let server = Harness::with(
        on,
        Config::new("http://go.example").rate_limit(NonZeroU32::MIN),
    );
    assert_eq!(server.get("/api/commissions").await.status, 200);
    let answer = server.get("/api/commissions").await;
    assert_eq!(code(&answer), (429, "RATE_LIMIT_EXCEEDED".into()));
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
}

pub(crate) async fn every_other_error_is_json_too(on: On) {
    let server = Harness::new(on);
    assert_eq!(
        code(&server.get("/api/nothing").await),
        (404, "NOT_FOUND".into())
    );
    assert_eq!(
        code(&server.get("/api/customers/nobody").await),
        (404, "NOT_FOUND".into())
    );
    assert_eq!(
        code(&server.get("/api/track/sale").await),
        (405, "METHOD_NOT_ALLOWED".into())
    );
    let large = " ".repeat(256 * 1024 + 1);
    assert_eq!(
        code(&server.post("/api/track/sale", large).await),
        (413, "PAYLOAD_TOO_LARGE".into())
    );
    assert_eq!(
        code(&server.get("/api/customers/%ff").await),
        (404, "NOT_FOUND".into())
    );
    assert_eq!(
        server.get("/api/commissions?cursor=").await.json()["data"],
        json!([])
    );
    for query in [
        "limit=0",
        "limit=101",
        "limit=ten",
        "cursor=nonsense",
        "limit=1&limit=2",
    ] {
        let answer = server.get(&format!("/api/commissions?{query}")).await;
        assert_eq!(code(&answer), (400, "VALIDATION_ERROR".into()), "{query}");
    }
}

pub(crate) async fn a_broken_database_is_an_internal_error_without_details(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server
        .database
        .execute("ALTER TABLE event RENAME TO event_gone");
    let sale = json!({ "clickId": click, "customerExternalId": "u", "amount": 1 });
    let answer = server.post("/api/track/sale", sale).await;
    assert_eq!(code(&answer), (500, "INTERNAL_ERROR".into()));
    assert!(!answer.text().contains("event"), "{}", answer.text());
}

pub(crate) async fn embed_token_errors_are_documented_ones(on: On) {
    let server = Harness::new(on);
    for (body, field) in [
        (json!({}), "partner is required"),
        (
            json!({ "partner": { "name": "Ada" } }),
            "partner.email is required",
        ),
        (
            json!({ "partner": { "email": "nobody" } }),
            "partner.email must be",
        ),
        (
            json!({ "partner": "ada@example.com" }),
            "partner must be an object",
        ),
        (json!({ "tenantId": 7 }), "tenantId must be"),
    ] {
        let answer = server.post("/api/embed/token", body).await;
        assert_eq!(code(&answer), (422, "VALIDATION_ERROR".into()));
        assert!(
            answer.json()["error"]["message"]
                .as_str()
                .unwrap()
                .starts_with(field),
            "{}",
            answer.text()
        );
    }
    for body in [
        json!({ "tenantId": "unknown" }),
        json!({ "enrollmentId": "unknown" }),
    ] {
        assert_eq!(
            code(&server.post("/api/embed/token", body).await),
            (404, "NOT_FOUND".into())
        );
    }
}

pub(crate) async fn a_header_that_is_not_text_is_no_key(on: On) {
    let server = Harness::new(on);
    let request = Request::get("/api/partners").header("authorization", b"Bearer \xff".as_slice());
    let answer = server.call(request.body(Body::empty()).unwrap()).await;
    assert_eq!(code(&answer), (401, "UNAUTHORIZED".into()));
}
