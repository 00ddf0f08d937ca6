use axum::{
    body::Body,
    http::{Method, Request},
};

use crate::harness::{Answer, Harness};

async fn follow(server: &Harness, method: Method, path: &str, agent: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("user-agent", agent);
    let request = request
        .header("referer", "https://blog.example/post")
        .header("cookie", "a=1");
    server.call(request.body(Body::empty()).unwrap()).await
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

#[tokio::test]
async fn a_visitor_is_recorded_and_sent_on_with_the_click() {
    let server = Harness::new();
    let answer = follow(
        &server,
        Method::GET,
        "/r/demo?utm_source=x&refp_id=forged",
        FIREFOX,
    )
    .await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-robots-tag"], "noindex");
    let click = answer
        .location()
        .strip_prefix("https://shop.example/?utm_source=x&refp_id=clk_");
    assert_eq!(click.expect("a fresh click ID").len(), 22);

    let sql = "SELECT user_agent, referrer, address_hash IS NULL FROM click";
    let row: (String, String, bool) = server
        .db()
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(
        row,
        (
            FIREFOX.to_owned(),
            "https://blog.example/post".to_owned(),
            true
        )
    );
}

#[tokio::test]
async fn a_link_that_a_browser_loads_ahead_is_no_click_until_it_is_followed() {
    let server = Harness::new();
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
    ] {
        let ahead = Request::get("/r/demo")
            .header("user-agent", FIREFOX)
            .header(name, value);
        let answer = server.call(ahead.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 503, "{value}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{value}");
        assert!(!answer.headers.contains_key("location"), "{value}");
    }
    assert_eq!(server.count("click"), 0);
    server.click("demo").await;
    assert_eq!(server.count("click"), 1);

    let unknown = Request::get("/r/nowhere").header("sec-purpose", "prefetch");
    let answer = server.call(unknown.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn every_click_is_its_own() {
    let server = Harness::new();
    assert_ne!(server.click("demo").await, server.click("demo").await);
    assert_eq!(server.count("click"), 2);
}

#[tokio::test]
async fn bots_and_head_requests_go_on_unrecorded() {
    let server = Harness::new();
    for (method, agent) in [(Method::GET, GOOGLEBOT), (Method::HEAD, FIREFOX)] {
        let answer = follow(&server, method, "/r/demo?a=1", agent).await;
        assert_eq!(
            (answer.status.as_u16(), answer.location()),
            (302, "https://shop.example/?a=1")
        );
    }
    assert_eq!(server.count("click"), 0);
}

#[tokio::test]
async fn an_unknown_key_is_a_page_for_people() {
    let server = Harness::new();
    let odd = follow(&server, Method::GET, "/r/%ff", FIREFOX).await;
    assert_eq!(odd.status, 404);
    let answer = follow(&server, Method::GET, "/r/unknown", FIREFOX).await;
    assert_eq!(answer.status, 404);
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert_eq!(server.count("click"), 0);
}

#[tokio::test]
async fn a_click_that_cannot_be_written_does_not_hold_the_visitor() {
    let server = Harness::new();
    server
        .db()
        .execute("ALTER TABLE click RENAME TO gone", [])
        .unwrap();
    let answer = follow(&server, Method::GET, "/r/demo", FIREFOX).await;
    assert_eq!(
        (answer.status.as_u16(), answer.location()),
        (302, "https://shop.example/")
    );
}

#[tokio::test]
async fn a_served_click_keeps_a_salted_hash_of_the_address_and_no_address() {
    let server = Harness::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/r/demo", listener.local_addr().unwrap());
    tokio::spawn(refport_server::serve(
        listener,
        server.app.clone(),
        std::future::pending(),
    ));
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = client
        .get(url)
        .header("user-agent", FIREFOX)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 302);
    let sql = "SELECT address_hash, length((SELECT address_salt FROM workspace)) FROM click";
    let (hash, salt): (Vec<u8>, i64) = server
        .db()
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((hash.len(), salt), (32, 32));
    let unsalted = <sha2::Sha256 as sha2::Digest>::digest("127.0.0.1");
    assert_ne!(hash, unsalted.as_slice());
}

#[tokio::test]
async fn a_busy_database_does_not_hold_the_visitor_and_loses_no_click() {
    let server = Harness::new();
    let other = server.db();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let click_id = server.click("demo").await;
    assert_eq!(server.count("click"), 0);
    other.execute_batch("COMMIT").unwrap();
    let sale = server.sell(&click_id, "u", 4900).await;
    assert_eq!(
        sale["commissionAmount"], 490,
        "the click was written meanwhile"
    );
}
