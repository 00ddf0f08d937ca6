use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refport-server"));
    let database = format!("sqlite://{}", folder.path().join("refport.db").display());
    command
        .args(arguments)
        .env("REFPORT_DATABASE", database)
        .env_remove("RUST_LOG");
    command
}

fn run(folder: &TempDir, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn json(folder: &TempDir, arguments: &[&str]) -> Value {
    let output = run(folder, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn error(folder: &TempDir, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
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
fn serve(folder: &TempDir) -> (Running, String) {
    let mut child = command(folder, &["serve", "--listen", "127.0.0.1:0"]);
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

#[tokio::test]
async fn from_nothing_to_a_commission_by_commands() {
    let folder = tempfile::tempdir().unwrap();
    let setup = json(&folder, &["init", "--json"]);
    let key = setup["apiKey"].as_str().unwrap();
    assert!(setup["programId"].as_str().unwrap().starts_with("prog_"));
    let partner = json(&folder, &[ADA.as_slice(), &["--json"]].concat());
    assert_eq!(partner["linkUrl"], "http://127.0.0.1:4800/r/demo");
    assert!(partner["partnerId"].as_str().unwrap().starts_with("prt_"));

    let (_server, url) = serve(&folder);
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
        &folder,
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

    let second = json(&folder, &["key", "add", "--json"]);
    let list = client
        .get(format!("{url}/api/commissions"))
        .bearer_auth(second["apiKey"].as_str().unwrap());
    let list: Value =
        serde_json::from_str(&list.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(list["data"][0]["amount"], 980);
}

#[test]
fn mistakes_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    assert!(error(&folder, &ADA).contains("refport-server init"));
    assert!(error(&folder, &["serve"]).contains("refport-server init"));
    json(&folder, &["init", "--json"]);
    assert!(error(&folder, &["init"]).contains("set up already"));
    assert!(error(&folder, &["reward", "set", "--percent", "10"]).contains("--months"));
    assert!(
        error(
            &folder,
            &["reward", "set", "--percent", "101", "--lifetime"]
        )
        .contains("at most 100")
    );
    assert!(error(&folder, &["reward", "set", "--lifetime"]).contains("--percent"));
    assert!(
        error(
            &folder,
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
    assert!(error(&folder, &["reward", "set", "--on", "lead", "--flat", "1"]).contains("--group"));
    assert!(
        error(
            &folder,
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
    assert!(error(&folder, &anywhere).contains("--public-url"));
    let nonsense = ["serve", "--public-url", "not a url"];
    assert!(error(&folder, &nonsense).contains("https://go.example.com"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(error(&folder, &["serve", "--listen", &address]).contains("--listen"));
}

#[test]
fn groups_and_rewards_are_set_by_commands() {
    let folder = tempfile::tempdir().unwrap();
    json(&folder, &["init", "--json"]);
    let group = json(&folder, &["group", "add", "--name", "gold", "--json"]);
    assert!(group["groupId"].as_str().unwrap().starts_with("grp_"));
    let reward = |arguments: &[&str]| {
        json(&folder, &[&["reward", "set", "--json"], arguments].concat())["reward"]
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
    let text = String::from_utf8(run(&folder, &["key", "add"]).stdout).unwrap();
    assert!(text.starts_with("apiKey: rk_"), "{text}");
}

#[test]
fn every_command_has_help() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &[][..],
        &["init"],
        &["serve"],
        &["partner", "add"],
        &["group", "add"],
        &["reward", "set"],
        &["key", "add"],
    ] {
        let output = run(&folder, &[command, &["--help"]].concat());
        assert!(output.status.success(), "{command:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("Usage:"),
            "{command:?}"
        );
    }
}

/// A client that never sends the body it announced must not keep the server from stopping.
#[cfg(unix)]
#[test]
fn it_stops_with_a_stalled_client() {
    use std::io::Write;

    let folder = tempfile::tempdir().unwrap();
    let key = json(&folder, &["init", "--json"])["apiKey"]
        .as_str()
        .unwrap()
        .to_owned();
    let (mut server, url) = serve(&folder);
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
