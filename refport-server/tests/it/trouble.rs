//! A lock that is held, a disk that is full, a log that blocks, a server that stops or is killed.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{body::Body, http::Request};
use serde_json::json;

use crate::{database::On, harness::Harness};

fn sale(click: &str, invoice: Option<&str>) -> serde_json::Value {
    json!({ "clickId": click, "customerExternalId": "u", "amount": 4900, "invoiceId": invoice })
}

/// Holds the lock that a write needs, until it is dropped.
#[expect(dead_code, reason = "what is inside is only held")]
enum Locked {
    Sqlite(rusqlite::Connection),
    Postgres(std::sync::mpsc::SyncSender<()>),
}

impl Locked {
    fn on(server: &Harness) -> Self {
        match &*server.database {
            crate::database::Database::Sqlite(_) => {
                let other = server.database.sqlite();
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(other)
            }
            crate::database::Database::Postgres { .. } => {
                let sql = "BEGIN; LOCK TABLE customer, click IN ACCESS EXCLUSIVE MODE";
                Self::Postgres(server.database.hold(sql))
            }
        }
    }
}

/// What cannot be begun is answered while its caller still waits, does not count, and may be repeated.
pub(crate) async fn a_lock_that_is_held_counts_no_sale_twice(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    let locked = Locked::on(&server);
    let begun = Instant::now();
    let answer = server.post("/api/track/sale", sale(&click, None)).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.json()["error"]["code"], "SERVICE_UNAVAILABLE");
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it was waited for"
    );
    drop(locked);
    let again = server.post("/api/track/sale", sale(&click, None)).await;
    assert_eq!(again.status, 200, "{}", again.text());
    server.store.flush(server.patience()).await;
    assert_eq!((server.count("event"), server.count("commission")), (1, 1));
}

pub(crate) async fn whose_caller_is_gone_is_not_begun(on: On) {
    let server = Arc::new(Harness::new(on));
    let click = server.click("demo").await;
    let locked = Locked::on(&server);
    let gone = tokio::spawn({
        let (server, body) = (Arc::clone(&server), sale(&click, None));
        async move { server.post("/api/track/sale", body).await }
    });
    while server.store.waiting().0 == 0 && !gone.is_finished() {
        tokio::task::yield_now().await;
    }
    gone.abort();
    assert!(gone.await.is_err_and(|error| error.is_cancelled()));
    drop(locked);
    server.store.flush(server.patience()).await;
    assert_eq!(server.count("event"), 0);
}

pub(crate) async fn what_the_page_shows_does_not_wait_for_a_writer(on: On) {
    let server = Harness::new(on);
    let click = server.click("demo").await;
    server.sell(&click, "u", 4900).await;
    let other = server.database.sqlite();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let token = json!({ "partner": { "email": "ada@example.com" } });
    let token = server.post("/api/embed/token", token).await;
    assert_eq!(token.status, 200, "a token is signed, not written");
    assert_eq!(server.commissions().await.len(), 1);
    assert_eq!(
        server.get("/api/explain?customerExternalId=u").await.status,
        200
    );
}

/// A click that nobody wrote: the lock was held until the server was killed.
pub(crate) async fn a_click_handed_out_before_a_kill_earns(on: On) {
    let mut server = Served::start(Harness::new(on));
    let locked = Locked::on(&server.harness);
    let click = server.click().await;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(locked);
    assert_eq!(server.harness.count("click"), 0);
    let sale = server.harness.sell(&click, "u", 4900).await;
    assert_eq!(sale["commissionAmount"], 490);
}

pub(crate) async fn an_orderly_stop_writes_what_waits(on: On) {
    let mut server = Served::start(Harness::new(on));
    for _ in 0..50 {
        server.click().await;
    }
    server.terminate();
    let status = server.child.wait().unwrap();
    let mut log = String::new();
    server.log.read_to_string(&mut log).unwrap();
    assert!(status.success(), "{log}");
    assert!(log.contains("stopped"), "{log}");
    assert_eq!(server.harness.count("click"), 50);
}

pub(crate) async fn an_orderly_stop_says_what_is_left(on: On) {
    let mut server = Served::start(Harness::new(on));
    let locked = Locked::on(&server.harness);
    let click = server.click().await;
    server.terminate();
    let status = server.child.wait().unwrap();
    let mut log = String::new();
    server.log.read_to_string(&mut log).unwrap();
    assert!(status.success(), "{log}");
    assert!(log.contains("clicks=1"), "{log}");
    drop(locked);
    let sale = server.harness.sell(&click, "u", 4900).await;
    assert_eq!(sale["commissionAmount"], 490);
}

/// Nobody reads the log: its pipe is full after some hundred lines, and no sale waits for it.
pub(crate) async fn a_log_that_nobody_reads_holds_up_no_sale(on: On) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refport-server"));
    command.env("RUST_LOG", "trace");
    let server = Served::start_as(Harness::new(on), command);
    let click = server.click().await;
    for invoice in 0..300 {
        // It earns nothing, which was a line of the log once.
        let mut body = sale(&click, Some(&invoice.to_string()));
        body["amount"] = json!(1);
        let answer = server.post("/api/track/sale", &body).await;
        assert_eq!(answer.status(), 200, "sale {invoice}");
    }
}

/// What was acknowledged is there, and nothing else; with room again the rest is taken.
pub(crate) async fn a_full_disk_fails_clearly_and_ends(on: On) {
    let mut server = Served::start_with_little_room(Harness::new(on), 600);
    let click = server.click().await;
    let body = |invoice: usize| {
        let mut body = sale(&click, Some(&invoice.to_string()));
        body["metadata"] = json!({ "text": "x".repeat(9_000) });
        body
    };
    let mut kept = Vec::new();
    for invoice in 0..100 {
        let answer = server.post("/api/track/sale", &body(invoice)).await;
        match answer.status().as_u16() {
            200 => kept.push(invoice),
            500 => assert!(answer.text().await.unwrap().contains("INTERNAL_ERROR")),
            other => panic!("{other}"),
        }
    }
    assert!(
        !kept.is_empty() && kept.len() < 100,
        "{} of 100",
        kept.len()
    );
    let clicked = server.click().await;
    server.child.kill().unwrap();
    server.child.wait().unwrap();

    let harness = &server.harness;
    assert_eq!(harness.count("event"), i64::try_from(kept.len()).unwrap());
    for invoice in 0..100 {
        assert_eq!(
            harness.post("/api/track/sale", body(invoice)).await.status,
            200
        );
    }
    assert_eq!(
        (harness.count("event"), harness.count("commission")),
        (100, 100)
    );
    assert_eq!(
        harness.sell(&clicked, "v", 4900).await["commissionAmount"],
        490
    );
}

/// The binary over a database, with its log.
struct Served {
    harness: Harness,
    child: Child,
    base: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Served {
    fn start(harness: Harness) -> Self {
        Self::start_as(harness, Command::new(env!("CARGO_BIN_EXE_refport-server")))
    }

    /// With a bound of each file's size, in KiB, as on a disk that is full.
    fn start_with_little_room(harness: Harness, most: u32) -> Self {
        let script = format!("trap '' XFSZ; ulimit -f {most}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_refport-server")]);
        Self::start_as(harness, shell)
    }

    fn start_as(harness: Harness, mut command: Command) -> Self {
        let mut child = command
            .args([
                "serve",
                "--database",
                &harness.database.url(),
                "--listen",
                "127.0.0.1:0",
            ])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended at once");
        }
        let (_, rest) = line.split_once("public_url=").expect("the address");
        let base = rest.trim().trim_matches('"').to_owned();
        Self {
            harness,
            child,
            base,
            log,
        }
    }

    fn client() -> reqwest::Client {
        let none = reqwest::redirect::Policy::none();
        reqwest::Client::builder().redirect(none).build().unwrap()
    }

    async fn click(&self) -> String {
        let url = format!("{}/r/demo", self.base);
        let answer = Self::client().get(url).send().await.unwrap();
        let location = answer.headers()["location"].to_str().unwrap();
        let (_, click) = location.split_once("refp_id=").expect("a click ID");
        click.to_owned()
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> reqwest::Response {
        let request = Self::client()
            .post(format!("{}{path}", self.base))
            .bearer_auth(&self.harness.key)
            .body(body.to_string());
        request.send().await.unwrap()
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whatever is in it, a body is answered as JSON.
pub(crate) async fn odd_paths_and_bodies_are_answered(on: On) {
    let server = Harness::new(on);
    for path in [
        "/r/%00",
        "/api/customers/%00",
        "/api/commissions?cursor=com_%00",
        "/embed/referrals?token=%00",
    ] {
        let status = server.get(path).await.status.as_u16();
        assert!((200..500).contains(&status), "{path}: {status}");
    }
    let request = Request::post("/api/track/sale")
        .body(Body::from("\u{0}"))
        .unwrap();
    assert_eq!(server.call(request).await.status, 401);
}
