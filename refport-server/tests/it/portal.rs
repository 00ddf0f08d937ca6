use serde_json::json;

use crate::{
    database::On,
    harness::{Answer, Harness},
};

async fn token(server: &Harness, body: serde_json::Value) -> String {
    let answer = server.post("/api/embed/token", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let expires: refport_core::Timestamp = body["expires"].as_str().unwrap().parse().unwrap();
    let left = expires.as_millis() - refport_core::Timestamp::now().as_millis();
    assert!(
        (10_790_000..=10_800_000).contains(&left),
        "three hours: {left} ms"
    );
    body["publicToken"].as_str().unwrap().to_owned()
}

async fn portal(server: &Harness, query: &str) -> Answer {
    server.get(&format!("/embed/referrals?{query}")).await
}

pub(crate) async fn a_partner_sees_their_own_numbers_and_link(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let lead = json!({ "clickId": click, "eventName": "Sign Up", "customerExternalId": "u" });
    server.post("/api/track/lead", lead).await;
    server.sell(&click, "u", 4900).await;
    let token = token(
        &server,
        json!({ "partner": { "email": "ada@example.com" } }),
    )
    .await;
    assert!(token.starts_with("pt_"));

    let page = portal(
        &server,
        &format!("token={token}&dynamicHeight=true&theme=dark"),
    )
    .await;
    assert_eq!(page.status, 200);
    let html = page.text();
    for want in [
        "Hello Ada",
        r#"value="http://go.example:4800/r/demo""#,
        r#"<dd id="clicks">1</dd>"#,
        r#"<dd id="leads">1</dd>"#,
        r#"<dd id="sales">1</dd>"#,
        r#"<dd data-earned="pending">4.90 USD</dd>"#,
        r#"data-theme="dark""#,
    ] {
        assert!(html.contains(want), "{want}\n{html}");
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors *"),
        "{policy}"
    );
    assert!(page.headers.get("x-frame-options").is_none());
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert_eq!(page.headers["cache-control"], "no-store");
}

pub(crate) async fn a_wrong_or_old_token_is_told_to_the_page_around(on: On) {
    let server = Harness::new(on);
    for query in ["", "token=", "token=pt_unknown", "token=a&token=b"] {
        let page = portal(&server, query).await;
        assert_eq!(page.status, 401, "{query}");
        assert!(page.text().contains(r#"data-code="INVALID_TOKEN""#));
    }
    let token = token(
        &server,
        json!({ "partner": { "email": "ada@example.com" } }),
    )
    .await;
    // Another partner's ID, time or key in it, or none: each is a token that nobody made.
    for (position, _) in token.char_indices().skip(3) {
        let mut altered = token.clone();
        let letter = if &token[position..=position] == "0" {
            "1"
        } else {
            "0"
        };
        altered.replace_range(position..=position, letter);
        let page = portal(&server, &format!("token={altered}")).await;
        assert_eq!(page.status, 401, "{altered}");
        assert!(
            page.text().contains(r#"data-code="INVALID_TOKEN""#),
            "{altered}"
        );
        assert!(!page.text().contains("Ada"));
    }
}

pub(crate) async fn an_unknown_partner_is_made_and_gets_a_link(on: On) {
    let server = Harness::new(on);
    let body = json!({ "tenantId": "user_7", "partner": { "email": "new@example.com", "name": "<b>New</b>" } });
    let token = token(&server, body).await;
    let page = portal(&server, &format!("token={token}")).await;
    assert!(
        page.text().contains("Hello &#60;b&#62;New"),
        "the name is escaped: {}",
        page.text()
    );
    let partners = server.get("/api/partners").await.json();
    let new = &partners["data"][0];
    assert_eq!(
        (&new["email"], &new["tenantId"]),
        (&json!("new@example.com"), &json!("user_7"))
    );
    assert_eq!(
        new["links"][0]["destination"], "https://shop.example/",
        "where the program's first link leads"
    );
}

pub(crate) async fn selectors_go_by_enrollment_then_tenant_then_address(on: On) {
    let server = Harness::new(on);
    token(
        &server,
        json!({ "tenantId": "t1", "partner": { "email": "one@example.com", "name": "One" } }),
    )
    .await;
    token(
        &server,
        json!({ "tenantId": "t2", "partner": { "email": "two@example.com", "name": "Two" } }),
    )
    .await;
    let partners = server.get("/api/partners").await.json();
    assert_eq!(partners["data"].as_array().unwrap().len(), 3);
    let one = &partners["data"][1]["enrollmentId"];
    for (body, want) in [
        (
            json!({ "enrollmentId": one, "tenantId": "t2" }),
            "Hello One",
        ),
        (
            json!({ "tenantId": "t2", "partner": { "email": "one@example.com" } }),
            "Hello Two",
        ),
        (json!({ "tenantId": "t1" }), "Hello One"),
        (
            json!({ "partner": { "email": "TWO@example.com" } }),
            "Hello Two",
        ),
    ] {
        let token = token(&server, body.clone()).await;
        let page = portal(&server, &format!("token={token}")).await;
        assert!(page.text().contains(want), "{body}");
    }
    assert_eq!(server.count("partner"), 3);
}

pub(crate) async fn custom_properties_reach_the_style_sheet_and_cannot_leave_it(on: On) {
    let server = Harness::new(on);
    let vars = "%7B%22--accent%22%3A%22%23ff0000%22%2C%22--x%22%3A%22red%7D%3C%2Fstyle%3E%22%7D";
    let page = portal(&server, &format!("token=x&cssVars={vars}")).await;
    assert!(page.text().contains("--accent: #ff0000;"));
    assert!(!page.text().contains("--x:"));
}

pub(crate) async fn neither_tokens_nor_keys_are_in_the_database(on: On) {
    let server = Harness::new(on);
    let token = token(
        &server,
        json!({ "partner": { "email": "ada@example.com" } }),
    )
    .await;
    let bytes = std::fs::read(server.database.url().trim_start_matches("sqlite://")).unwrap();
    let secret = server.key.rsplit('_').next().unwrap();
    for text in [token.as_str(), secret] {
        assert!(
            !bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        );
    }
}

pub(crate) async fn one_tenant_never_gets_another_tenants_partner(on: On) {
    let server = Harness::new(on);
    let request =
        |tenant: &str| json!({ "tenantId": tenant, "partner": { "email": "ada@example.com" } });
    token(&server, request("t1")).await;
    token(&server, request("t1")).await;
    let answer = server.post("/api/embed/token", request("t2")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["code"]),
        (404, &json!("NOT_FOUND"))
    );
}
