//! The command's worker, against a service on the machine itself.

use std::{
    net::SocketAddr,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State as Shared, http::HeaderMap, routing::post};
use refport_outbox::{Entry, State, Target, refport_core::ClickIds, refport_core::CookieName};
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    process::{Child, Command},
    sync::Semaphore,
    time::timeout,
};

use crate::{
    cli::{PATIENCE, command, url},
    database::Database,
    scripted::sale,
};

/// What came in, with the key that it came with.
#[derive(Clone)]
struct Local {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    called: Arc<Semaphore>,
    /// How many calls it answers.
    answers: Arc<Semaphore>,
}

impl Local {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            called: Arc::new(Semaphore::new(0)),
            answers: Arc::new(Semaphore::new(0)),
        };
        let router = Router::new()
            .route("/api/track/sale", post(answer))
            .with_state(local.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        local
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn is_called(&self) {
        let called = timeout(PATIENCE, self.called.acquire()).await;
        called.expect("the worker calls").unwrap().forget();
    }

    fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }
}

/// As Refport answers, and with the field by which Partli does.
async fn answer(
    Shared(local): Shared<Local>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Json<Value> {
    let key = headers["authorization"].to_str().unwrap().to_owned();
    local.calls.lock().unwrap().push((key, body));
    local.called.add_permits(1);
    local.answers.acquire().await.unwrap().forget();
    Json(json!({ "sale": { "id": "sale_1" }, "eventId": "evt_1", "attributed": true }))
}

fn work(database: &Database, arguments: &[&str]) -> Command {
    let mut command = Command::from(command(&[&["work"], arguments].concat()));
    command
        .env("DATABASE_URL", url(database))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill").args(["-s", name, &id]).status();
    assert!(sent.await.unwrap().success());
}

/// What it said to its end, which must be a good one.
async fn output(child: Child) -> Output {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.expect("it ends").unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    output
}

async fn report(child: Child) -> Value {
    serde_json::from_slice(&output(child).await.stdout).unwrap()
}

/// What is on its way when the signal comes is finished; what comes later is left.
pub(crate) async fn a_worker_stops_gracefully(database: Database) {
    let (outbox, service) = (database.outbox(), Local::start().await);
    for name in ["TERM", "INT"] {
        let _ = outbox.sale(sale(name)).await.unwrap();
        let worker = work(&database, &["--json"])
            .env("REFPORT_API_KEY", "rk_test")
            .env("REFPORT_BASE_URL", service.url())
            .spawn()
            .unwrap();
        service.is_called().await;
        signal(&worker, name).await;
        service.answers.add_permits(1);
        let report = report(worker).await;
        assert_eq!(
            (&report["delivered"], &report["cut_off"], &report["lost"]),
            (&json!(1), &json!(0), &json!(0)),
            "{report}"
        );
    }
    let calls = service.calls();
    assert_eq!(calls.len(), 2);
    for ((key, body), invoice) in calls.iter().zip(["TERM", "INT"]) {
        assert_eq!(
            (key.as_str(), &body["invoiceId"]),
            ("Bearer rk_test", &json!(invoice))
        );
    }
    let counts = outbox.counts().await.unwrap();
    assert_eq!(
        (counts.len(), counts[0].state, counts[0].events),
        (1, State::Delivered, 2)
    );
}

/// Each service gets its own events, with its own key and click.
pub(crate) async fn a_worker_drains_both_services(database: Database) {
    let outbox = database
        .outbox()
        .destinations([Target::refport(), Target::partli()]);
    let mut clicks = ClickIds::default();
    clicks.insert(CookieName::REFPORT, "clk_r".parse().unwrap());
    clicks.insert(CookieName::PARTLI, "clk_p".parse().unwrap());
    let entry = Entry::new(sale("inv_1")).clicks(clicks);
    let _ = outbox.add(entry).await.unwrap();
    let service = Local::start().await;
    service.answers.add_permits(2);
    // The variable that is set to nothing is as one that is not set.
    let one = work(&database, &["--drain", "--json"])
        .env("PARTLI_API_KEY", "")
        .args(["--refport-key", "rk_test", "--refport-url", &service.url()])
        .spawn()
        .unwrap();
    let one = report(one).await;
    assert_eq!(one["delivered"], 1, "{one}");
    let left = one["left"].as_array().unwrap();
    assert!(
        left.iter()
            .any(|count| count["destination"] == "partli" && count["state"] == "waiting"),
        "{one}"
    );
    let other = work(&database, &["--drain", "--json", "--concurrency", "2"])
        .args([
            "--partli-key",
            "pk_live_test",
            "--partli-url",
            &service.url(),
        ])
        .spawn()
        .unwrap();
    assert_eq!(report(other).await["delivered"], 1);
    let calls = service.calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|(key, body)| (key.as_str(), body["clickId"].as_str().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("Bearer rk_test", "clk_r"),
            ("Bearer pk_live_test", "clk_p")
        ]
    );
}

/// For people, the report is one line; what happens meanwhile is told on standard error.
pub(crate) async fn a_worker_tells_what_it_does(database: Database) {
    let mut child = work(&database, &["--refport-key", "rk_test"])
        .spawn()
        .unwrap();
    let mut told = [0; 4096];
    let errors = child.stderr.as_mut().unwrap();
    let length = timeout(PATIENCE, errors.read(&mut told)).await;
    let told = &told[..length.expect("it tells").unwrap()];
    assert!(
        told.windows(10).any(|word| word == b"delivering"),
        "{told:?}"
    );
    signal(&child, "TERM").await;
    assert_eq!(
        String::from_utf8(output(child).await.stdout).unwrap(),
        "delivered=0 retried=0 dead=0 released=0 lost=0 cut_off=0 left=0\n"
    );
}
