use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request},
};

use serde_json::json;

use crate::{
    database::On,
    harness::{Answer, Harness},
};

/// How long a test waits for what is written behind it.
const PATIENCE: Duration = Duration::from_secs(10);

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
const PREVIEWER: &str = "Twitterbot/1.0";
const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

pub(crate) async fn a_visitor_is_recorded_and_sent_on_with_the_click(on: On) {
    let server = Harness::new(on);
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
    assert_eq!(click.expect("a fresh click ID").len(), 30);
    server.store.flush(PATIENCE).await;

    let sql = "SELECT user_agent, referrer, address_hash IS NULL AS is_private, verdict FROM click";
    let row = &server.database.query(sql)[0];
    assert_eq!(row["user_agent"], FIREFOX);
    assert_eq!(row["referrer"], "https://blog.example/post");
    assert_ne!(row["is_private"], 0, "served without an address");
    assert_eq!(row["verdict"], "person");
}

pub(crate) async fn a_link_that_a_browser_loads_ahead_is_no_click_until_it_is_followed(on: On) {
    let server = Harness::new(on);
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

pub(crate) async fn every_click_is_its_own(on: On) {
    let server = Harness::new(on);
    assert_ne!(server.click("demo").await, server.click("demo").await);
    assert_eq!(server.count("click"), 2);
}

pub(crate) async fn bots_are_counted_apart_and_get_an_id_like_everybody(on: On) {
    let server = Harness::new(on);
    for (agent, times) in [(GOOGLEBOT, 2), (PREVIEWER, 1), (FIREFOX, 3)] {
        for _ in 0..times {
            let answer = follow(&server, Method::GET, "/r/demo?a=1", agent).await;
            assert_eq!(answer.status, 302);
            let has_id = answer.location().contains("refp_id=clk_");
            assert_eq!(has_id, agent != PREVIEWER, "{agent}");
        }
    }
    let head = follow(&server, Method::HEAD, "/r/demo?a=1", FIREFOX).await;
    assert_eq!(
        (head.status.as_u16(), head.location()),
        (302, "https://shop.example/?a=1")
    );
    server.store.flush(PATIENCE).await;
    let link = &server.get("/api/partners").await.json()["data"][0]["links"][0];
    assert_eq!(link["clicks"], 3);
    assert_eq!(link["botClicks"], 3);
}

/// A crawler's verdict was once given to the person who came next, whose agent is as long and ends
/// alike: 46 of 400 lost their ID.
pub(crate) async fn a_person_right_after_a_crawler_is_a_person(on: On) {
    let server = Harness::new(on);
    let person = "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/143.0.0.0 Mobile Safari/537.36";
    let crawler = person.replace("Android", "bot oid");
    for _ in 0..200 {
        for agent in [&*crawler, person] {
            let answer = follow(&server, Method::GET, "/r/demo", agent).await;
            assert!(answer.location().contains("refp_id=clk_"));
        }
    }
    server.store.flush(PATIENCE).await;
    let link = &server.get("/api/partners").await.json()["data"][0]["links"][0];
    assert_eq!(
        (&link["clicks"], &link["botClicks"]),
        (&json!(200), &json!(200))
    );
}

pub(crate) async fn an_unknown_key_is_a_page_for_people(on: On) {
    let server = Harness::new(on);
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

pub(crate) async fn a_click_that_cannot_be_written_does_not_hold_the_visitor_and_its_sale_counts(
    on: On,
) {
    let server = Harness::new(on);
    server
        .database
        .execute("ALTER TABLE click RENAME COLUMN verdict TO gone");
    let answer = follow(&server, Method::GET, "/r/demo", FIREFOX).await;
    assert_eq!(answer.status, 302);
    let (_, click_id) = answer
        .location()
        .split_once("refp_id=")
        .expect("a click ID");
    server.store.flush(PATIENCE).await;
    server
        .database
        .execute("ALTER TABLE click RENAME COLUMN gone TO verdict");
    assert_eq!(server.count("click"), 0);
    let sale = server.sell(click_id, "u", 4900).await;
    assert_eq!(sale["commissionAmount"], 490, "the ID stands by itself");
    assert_eq!(server.count("click"), 1, "and the sale has made the row");
}

pub(crate) async fn a_served_click_keeps_a_salted_hash_of_the_address_and_no_address(on: On) {
    let server = Harness::new(on);
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
    server.store.flush(PATIENCE).await;
    let sql =
        "SELECT length(address_hash) AS hash, length(address_salt) AS salt FROM click, workspace";
    assert_eq!(
        server.database.query(sql),
        [json!({ "hash": 32, "salt": 32 })]
    );
}

pub(crate) async fn a_busy_database_does_not_hold_the_visitor_and_loses_no_click(on: On) {
    let server = Harness::new(on);
    let other = server.database.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = follow(&server, Method::GET, "/r/demo", FIREFOX).await;
    let (_, click_id) = answer
        .location()
        .split_once("refp_id=")
        .expect("a click ID");
    assert_eq!(server.count("click"), 0);
    other.execute_batch("COMMIT").unwrap();
    let sale = server.sell(click_id, "u", 4900).await;
    assert_eq!(sale["commissionAmount"], 490);
    server.store.flush(PATIENCE).await;
    let rows = server.database.query("SELECT user_agent FROM click");
    assert_eq!(
        rows[0]["user_agent"], FIREFOX,
        "whichever wrote the row first"
    );
}
