use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::database::{Database, On};

fn command(database: &Database, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refport-server"));
    command
        .args(arguments)
        .env("REFPORT_DATABASE", database.url())
        .env_remove("RUST_LOG");
    command
}

fn run(database: &Database, arguments: &[&str]) -> Output {
    command(database, arguments).output().unwrap()
}

fn json(database: &Database, arguments: &[&str]) -> Value {
    let output = run(database, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn error(database: &Database, arguments: &[&str]) -> String {
    let output = run(database, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const ADA: [&str; 10] = [
    "partner",
    "add",
    "--email",
    "ada@example.com",
    "--name",
    "Ada",
    "--key",
    "demo",
    "--destination",
    "http://127.0.0.1:3000/",
];

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server on a free port and waits until it listens.
fn serve(database: &Database) -> (Running, String) {
    let mut child = command(database, &["serve", "--listen", "127.0.0.1:0"]);
    let mut child = child
        .env("RUST_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let running = Running(child);
    let line = BufReader::new(stderr)
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("listening"));
    let line = line.expect("the server says where it listens");
    let port: String = line
        .rsplit("127.0.0.1:")
        .next()
        .unwrap()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (running, format!("http://127.0.0.1:{port}"))
}

pub(crate) async fn from_nothing_to_a_commission_by_commands(on: On) {
    let database = Database::new(on);
    let setup = json(&database, &["init", "--json"]);
    let key = setup["apiKey"].as_str().unwrap();
    assert!(setup["programId"].as_str().unwrap().starts_with("prog_"));
    let partner = json(&database, &[ADA.as_slice(), &["--json"]].concat());
    assert_eq!(partner["linkUrl"], "http://127.0.0.1:4800/r/demo");
    assert!(partner["partnerId"].as_str().unwrap().starts_with("prt_"));

    let (_server, url) = serve(&database);
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = client
        .get(format!("{url}/r/demo"))
        .header("user-agent", "curl/8")
        .send()
        .await
        .unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let click_id = location
        .strip_prefix("http://127.0.0.1:3000/?refp_id=")
        .unwrap();

    // The command line works beside the running server.
    json(
        &database,
        &["reward", "set", "--percent", "20", "--lifetime", "--json"],
    );
    let refport = refport_core::Refport::builder(key)
        .base_url(&url)
        .build()
        .unwrap();
    let sale = refport_core::Sale::new(
        click_id.parse::<refport_core::ClickId>().unwrap(),
        "user_001",
        4900,
    );
    let answer = refport.track.sale(sale).await.unwrap();
    assert_eq!(answer.accepted().unwrap().sale.commission_amount, Some(980));

    let second = json(&database, &["key", "add", "--json"]);
    let list = client
        .get(format!("{url}/api/commissions"))
        .bearer_auth(second["apiKey"].as_str().unwrap());
    let list: Value =
        serde_json::from_str(&list.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(list["data"][0]["amount"], 980);

    let why = run(
        &database,
        &["explain", "--customer-external-id", "user_001"],
    );
    let why = String::from_utf8(why.stdout).unwrap();
    assert!(
        why.contains("49.00 USD x 2000 / 10000, half up, = 9.80 USD"),
        "{why}"
    );
}

/// As the README shows it: one server more, on another port.
pub(crate) async fn a_second_server_knows_what_the_first_has_recorded(on: On) {
    let database = Database::new(on);
    let key = json(&database, &["init", "--json"])["apiKey"].to_string();
    json(&database, &[ADA.as_slice(), &["--json"]].concat());
    let (_first, first) = serve(&database);
    let (_second, second) = serve(&database);
    let none = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().redirect(none).build().unwrap();
    let answer = client.get(format!("{first}/r/demo")).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    let (_, click) = location.split_once("refp_id=").unwrap();
    let body =
        json!({ "clickId": click, "customerExternalId": "u", "amount": 4900, "invoiceId": "1" });
    let mut answers = Vec::new();
    for server in [&second, &first, &second] {
        let request = client
            .post(format!("{server}/api/track/sale"))
            .bearer_auth(key.trim_matches('"'))
            .body(body.to_string());
        answers.push(request.send().await.unwrap().text().await.unwrap());
    }
    assert!(
        answers[0].contains(r#""commissionAmount":490"#),
        "{}",
        answers[0]
    );
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

pub(crate) async fn a_program_of_ones_own_from_the_start(on: On) {
    let database = Database::new(on);
    let own = [
        "--currency",
        "eur",
        "--other-currency",
        "pts",
        "--holding-days",
        "14",
        "--json",
    ];
    json(&database, &[&["init"][..], &own].concat());
    let rows = database.query("SELECT currency, other_currencies, holding_days FROM program");
    let want = json!({ "currency": "eur", "other_currencies": "pts", "holding_days": 14 });
    assert_eq!(rows, [want]);
    let europe = ["program", "add", "--name", "europe", "--json"];
    json(&database, &europe);
    assert!(error(&database, &europe).contains("named europe already"));
    let elsewhere = [ADA.as_slice(), &["--program", "asia"]].concat();
    assert!(error(&database, &elsewhere).contains("program add"));
    json(&database, &["key", "add", "--program", "europe", "--json"]);
    json(&database, &["key", "rotate-signing", "--json"]);
    assert_eq!(database.query("SELECT number FROM signing_key").len(), 2);
    json(&database, &["migrate", "--json"]);
}

pub(crate) async fn mistakes_are_explained(on: On) {
    let database = Database::new(on);
    assert!(error(&database, &ADA).contains("refport-server init"));
    assert!(error(&database, &["serve"]).contains("refport-server init"));
    json(&database, &["init", "--json"]);
    assert!(error(&database, &["init"]).contains("set up already"));
    assert!(error(&database, &["reward", "set", "--percent", "10"]).contains("--months"));
    assert!(
        error(
            &database,
            &["reward", "set", "--percent", "101", "--lifetime"]
        )
        .contains("at most 100")
    );
    assert!(error(&database, &["reward", "set", "--lifetime"]).contains("--percent"));
    assert!(
        error(
            &database,
            &[
                "reward",
                "set",
                "--flat",
                "1",
                "--lifetime",
                "--months",
                "2"
            ]
        )
        .contains("cannot be used")
    );
    assert!(
        error(&database, &["reward", "set", "--on", "lead", "--flat", "1"]).contains("--group")
    );
    assert!(
        error(
            &database,
            &[
                "reward",
                "set",
                "--group",
                "gold",
                "--flat",
                "1",
                "--one-time"
            ]
        )
        .contains("group add")
    );
    let anywhere = ["serve", "--listen", "0.0.0.0:0"];
    assert!(error(&database, &anywhere).contains("--public-url"));
    let nonsense = ["serve", "--public-url", "not a url"];
    assert!(error(&database, &nonsense).contains("https://go.example.com"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(error(&database, &["serve", "--listen", &address]).contains("--listen"));
}

pub(crate) async fn groups_and_rewards_are_set_by_commands(on: On) {
    let database = Database::new(on);
    json(&database, &["init", "--json"]);
    let group = json(&database, &["group", "add", "--name", "gold", "--json"]);
    assert!(group["groupId"].as_str().unwrap().starts_with("grp_"));
    let reward = |arguments: &[&str]| {
        json(
            &database,
            &[&["reward", "set", "--json"], arguments].concat(),
        )["reward"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        reward(&["--percent", "12.5", "--months", "12"]),
        "12.5 % of each sale within 12 months"
    );
    assert_eq!(
        reward(&["--group", "gold", "--flat", "500", "--one-time"]),
        "500 (smallest unit) for the first sale"
    );
    let lead = reward(&["--group", "gold", "--on", "lead", "--flat", "100"]);
    assert_eq!(lead, "100 (smallest unit) for the first lead of a customer");
    let text = String::from_utf8(run(&database, &["key", "add"]).stdout).unwrap();
    assert!(text.starts_with("apiKey: rk_"), "{text}");
}

pub(crate) async fn every_command_has_help(on: On) {
    let database = Database::new(on);
    for command in [
        &[][..],
        &["init"],
        &["serve"],
        &["migrate"],
        &["explain"],
        &["program", "add"],
        &["key", "rotate-signing"],
        &["partner", "add"],
        &["group", "add"],
        &["reward", "set"],
        &["key", "add"],
    ] {
        let output = run(&database, &[command, &["--help"]].concat());
        assert!(output.status.success(), "{command:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("Usage:"),
            "{command:?}"
        );
    }
}

/// A client that never sends the body it announced must not keep the server from stopping.
pub(crate) async fn it_stops_with_a_stalled_client(on: On) {
    use std::io::Write;

    let database = Database::new(on);
    let key = json(&database, &["init", "--json"])["apiKey"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut server, url) = serve(&database);
    let mut stalled = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    write!(
        stalled,
        "POST /api/track/sale HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
         content-length: 100\r\nexpect: 100-continue\r\n\r\n"
    )
    .unwrap();
    // The server says so when it begins to read the body.
    let mut told = String::new();
    BufReader::new(&stalled).read_line(&mut told).unwrap();
    assert_eq!(told, "HTTP/1.1 100 Continue\r\n");
    stalled.write_all(b"{").unwrap();
    let id = server.0.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    server.0.wait().unwrap();
}
