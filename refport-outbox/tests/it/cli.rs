//! The command, run as people and programs run it.

use std::{
    process::{Command, Output},
    time::Duration,
};

use refport_outbox::{Outbox, State, refport_core::Timestamp};
use serde_json::{Value, json};

use crate::{
    database::{Database, Kept},
    scripted::{Does, Service, sale},
};

/// The command, without anything of the caller's environment that it would hear.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refport-outbox"));
    command.args(arguments);
    for variable in [
        "DATABASE_URL",
        "REFPORT_API_KEY",
        "REFPORT_BASE_URL",
        "REFPORT_ALLOW_HTTP",
        "PARTLI_API_KEY",
        "PARTLI_BASE_URL",
        "PARTLI_ALLOW_HTTP",
        "RUST_LOG",
        "PGPASSWORD",
        "PGPASSFILE",
        "PGSSLMODE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What the command is told of this database.
pub(crate) fn url(database: &Database) -> String {
    match &database.kept {
        Kept::Folder(folder) => format!("sqlite:{}", folder.path().join(&database.name).display()),
        Kept::Cluster(cluster) => {
            let socket = cluster.socket().display();
            format!(
                "postgres://postgres@localhost/{}?host={socket}",
                database.name
            )
        }
    }
}

fn run(database: &Database, arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    command.env("DATABASE_URL", url(database)).output().unwrap()
}

/// The answer for people.
fn text(database: &Database, arguments: &[&str]) -> String {
    let output = run(database, arguments);
    assert_eq!(status_of(&output), (0, String::new()), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The answer for programs, which is one line.
fn json_of(database: &Database, arguments: &[&str]) -> Value {
    let answer = text(database, &[arguments, &["--json"]].concat());
    assert_eq!(answer.lines().count(), 1, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

/// With what status it ended, and what it said on standard error.
fn status_of(output: &Output) -> (i32, String) {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code().unwrap(), error)
}

/// What it says where it fails, beside no answer.
fn failure(database: &Database, arguments: &[&str]) -> String {
    let output = run(database, arguments);
    let (code, error) = status_of(&output);
    assert_eq!(code, 1, "{arguments:?}: {error}");
    let last = error.lines().last().unwrap();
    assert!(last.starts_with("refport-outbox: "), "{error}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    last.to_owned()
}

/// The words of each line.
fn words(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().map(|line| line.split_whitespace().collect());
    lines.collect()
}

/// Three dead letters, one delivered event and one that waits, by the test's clock.
async fn some_of_each(database: &Database) -> Outbox {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.always(Does::Answers(400, Some("INVALID_CLICK_ID"), None));
    service.with_invoice("inv_good", Does::Takes);
    for invoice in ["inv_0", "inv_1", "inv_2", "inv_good"] {
        let sale = sale(invoice).customer_email("c@example.com");
        let _ = outbox.sale(sale).await.unwrap();
    }
    let mut worker = outbox.worker().deliver_to(service).build().unwrap();
    worker.drain().await.unwrap();
    let _ = outbox.sale(sale("inv_waits")).await.unwrap();
    outbox
}

pub(crate) async fn status_counts(database: Database) {
    assert_eq!(text(&database, &["status"]), "the outbox is empty\n");
    let empty = json!({ "counts": [], "paused": [] });
    assert_eq!(json_of(&database, &["status"]), empty);

    let _ = some_of_each(&database).await;
    let shown = text(&database, &["status"]);
    let lines = words(&shown);
    assert_eq!(lines[0], ["destination", "state", "events", "oldest"]);
    assert_eq!(lines[1][..3], ["refport", "waiting", "1"]);
    assert_eq!(lines[2], ["refport", "delivered", "1", "-"]);
    assert_eq!(lines[3][..3], ["refport", "dead", "3"]);
    assert_eq!(lines.len(), 4, "{shown}");

    let status = json_of(&database, &["status"]);
    let waiting = &status["counts"][0];
    assert_eq!(
        (&waiting["state"], &waiting["events"], &waiting["oldest"]),
        (
            &json!("waiting"),
            &json!(1),
            &json!(Timestamp::from_millis(database.now()).unwrap())
        )
    );
    assert!(waiting["oldest_seconds"].is_u64(), "{waiting}");
    assert!(status["counts"][1]["oldest_seconds"].is_null());
}

pub(crate) async fn dead_letters_are_listed_shown_and_replayed_by_command(database: Database) {
    assert_eq!(text(&database, &["dead", "list"]), "no dead letters\n");
    let outbox = some_of_each(&database).await;

    let first = json_of(&database, &["dead", "list", "--limit", "2"]);
    let ids: Vec<i64> = serde_json::from_value(json!([
        first["dead_letters"][0]["id"],
        first["dead_letters"][1]["id"],
    ]))
    .unwrap();
    assert_eq!(first["dead_letters"].as_array().unwrap().len(), 2);
    assert_eq!(first["next_after"], ids[1]);
    assert!(!first.to_string().contains("example.com"), "{first}");
    let after = ids[1].to_string();
    let rest = json_of(&database, &["dead", "list", "--after", &after]);
    let [last] = rest["dead_letters"].as_array().unwrap().as_slice() else {
        panic!("{rest}");
    };
    assert_eq!(
        (&rest["next_after"], &last["key"]),
        (&Value::Null, &json!("sale:inv_2"))
    );
    let none = json_of(&database, &["dead", "list", "--destination", "partli"]);
    assert_eq!(none["dead_letters"], json!([]));

    let shown = text(&database, &["dead", "list", "--limit", "1"]);
    assert!(!shown.contains("example.com"), "{shown}");
    let lines = words(&shown);
    assert_eq!(lines[0][..3], ["id", "destination", "key"]);
    let id = ids[0].to_string();
    assert_eq!(lines[1][..3], [id.as_str(), "refport", "sale:inv_0"]);
    assert_eq!(
        lines[1][lines[1].len() - 4..],
        ["1", "refused", "400", "INVALID_CLICK_ID"]
    );
    assert_eq!(
        shown.lines().last().unwrap(),
        format!("more with --after {id}")
    );

    let whole = json_of(&database, &["dead", "show", &id]);
    assert_eq!(
        (&whole["status"], &whole["code"], &whole["message"]),
        (
            &json!(400),
            &json!("INVALID_CLICK_ID"),
            &json!("INVALID_CLICK_ID, says the service")
        )
    );
    assert_eq!(whole["payload"]["sale"]["customerEmail"], "c@example.com");
    let shown = text(&database, &["dead", "show", &id]);
    for part in ["sale:inv_0", "400", "says the service", "\"amount\": 4900"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let replayed = text(&database, &["dead", "replay", &id]);
    assert_eq!(replayed, "1 wait for delivery again\n");
    let error = failure(&database, &["dead", "show", &id]);
    assert!(error.contains("no dead letter"), "{error}");
    // Those that are there are replayed, those that are not are named.
    let second = ids[1].to_string();
    let output = run(&database, &["dead", "replay", &id, &second, "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer, json!({ "replayed": 1, "missing": [ids[0]] }));
    let (code, error) = status_of(&output);
    assert!(code == 1 && error.contains(&id), "{error}");
    let other = json_of(
        &database,
        &["dead", "replay", "--all", "--destination", "x"],
    );
    assert_eq!(other["replayed"], 0);
    let all = json_of(&database, &["dead", "replay", "--all"]);
    assert_eq!(all, json!({ "replayed": 1, "missing": [] }));

    // The command's clock may be behind or ahead of the test's.
    database.pass(100 * 365 * 24 * crate::database::HOUR);
    let service = Service::refport();
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    let report = worker.drain().await.unwrap();
    assert_eq!(
        (report.left(State::Dead), service.counted("invoiceId").len()),
        (0, 4)
    );
}

pub(crate) async fn an_event_that_nobody_can_read_is_shown_as_it_is(database: Database) {
    let row = "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
        VALUES ('odd', 'refport', 'no JSON \u{1b}[31m', 0)";
    database.execute(row).await;
    let service = Service::refport();
    database.pass(100 * 365 * 24 * crate::database::HOUR);
    let outbox = database.outbox();
    let mut worker = outbox.worker().deliver_to(service).build().unwrap();
    assert_eq!(worker.drain().await.unwrap().dead, 1);
    let letters = json_of(&database, &["dead", "list"]);
    let id = letters["dead_letters"][0]["id"].to_string();
    let whole = json_of(&database, &["dead", "show", &id]);
    assert_eq!(
        (&whole["reason"], &whole["payload"]),
        (&json!("unreadable"), &json!("no JSON \u{1b}[31m"))
    );
    let shown = text(&database, &["dead", "show", &id]);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

pub(crate) async fn a_paused_destination_is_shown_and_resumed(database: Database) {
    let error = failure(&database, &["resume", "refport"]);
    assert!(
        error.contains("refport is not paused, nothing is"),
        "{error}"
    );

    // By the clock that the command has.
    let (outbox, service) = (Outbox::new(database.store()), Service::refport());
    service.always(Does::Answers(401, Some("UNAUTHORIZED"), None));
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let worker = || outbox.worker().deliver_to(service.clone()).build().unwrap();
    worker().drain().await.unwrap();

    let shown = text(&database, &["status"]);
    for part in [
        "refport is paused",
        "denied (401 UNAUTHORIZED)",
        "UNAUTHORIZED, says the service",
        "refport-outbox resume refport",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let status = json_of(&database, &["status"]);
    let paused = &status["paused"][0];
    assert_eq!(
        (&paused["destination"], &paused["reason"], &paused["status"]),
        (&json!("refport"), &json!("denied"), &json!(401))
    );

    let error = failure(&database, &["resume", "refprot"]);
    assert!(
        error.contains("refprot is not paused, refport is"),
        "{error}"
    );
    let resumed = json_of(&database, &["resume", "refport"]);
    assert_eq!(resumed, json!({ "resumed": "refport" }));
    assert_eq!(outbox.paused().await.unwrap(), []);
    service.always(Does::Takes);
    assert_eq!(worker().drain().await.unwrap().delivered, 1);

    // The worker is restarted with the right key before anybody calls the command.
    service.then([Does::Answers(401, Some("UNAUTHORIZED"), None)]);
    let _ = outbox.sale(sale("inv_2")).await.unwrap();
    worker().drain().await.unwrap();
    let _ = outbox.sale(sale("inv_3")).await.unwrap();
    let mut restarted = worker();
    assert_eq!(restarted.drain().await.unwrap().delivered, 1);
    assert!(!text(&database, &["status"]).contains("paused"));
    text(&database, &["resume", "refport"]);
    assert_eq!(restarted.drain().await.unwrap().delivered, 1);
    let error = failure(&database, &["resume", "refport"]);
    assert!(error.contains("refport is not paused"), "{error}");
}

pub(crate) async fn what_was_delivered_long_ago_is_purged_by_command(database: Database) {
    let service = Service::refport();
    let deliver = async |outbox: &Outbox, invoice: &str| {
        let _ = outbox.sale(sale(invoice)).await.unwrap();
        let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
        assert_eq!(worker.drain().await.unwrap().delivered, 1);
    };
    const YEARS_AGO: i64 = 1_700_000_000_000;
    deliver(&Outbox::new(database.store()).clock(|| YEARS_AGO), "old").await;
    deliver(&Outbox::new(database.store()), "new").await;

    let purge = ["purge", "--older-than", "30d"];
    assert_eq!(text(&database, &purge), "1 delivered events are deleted\n");
    assert_eq!(json_of(&database, &purge), json!({ "purged": 0 }));
    let counts = database.outbox().counts().await.unwrap();
    assert_eq!((counts.len(), counts[0].events), (1, 1));
}

pub(crate) async fn missing_tables_are_made_by_command(database: Database) {
    database.drop_tables().await;
    for arguments in [
        ["status"].as_slice(),
        &["dead", "list"],
        &["dead", "show", "1"],
        &["dead", "replay", "--all"],
        &["resume", "refport"],
        &["purge", "--older-than", "30d"],
        &["work", "--refport-key", "rk_test"],
        &["work", "--refport-key", "rk_test", "--drain"],
    ] {
        let error = failure(&database, arguments);
        assert!(error.contains("`refport-outbox migrate`"), "{error}");
    }
    assert_eq!(
        text(&database, &["migrate"]),
        "the outbox's tables are up to date\n"
    );
    let again = json_of(&database, &["migrate"]);
    assert_eq!(again, json!({ "migrated": true }));
    assert_eq!(text(&database, &["status"]), "the outbox is empty\n");

    database
        .execute("UPDATE refport_outbox_migrations SET version = 9999")
        .await;
    let error = failure(&database, &["migrate"]);
    assert!(error.contains("newer version"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_made_by_migrate_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox.db");
    let database = format!("sqlite:{}", file.display());
    let run = |arguments: &[&str]| {
        let output = command(arguments).args(["--database", &database]).output();
        status_of(&output.unwrap())
    };
    let (code, error) = run(&["status"]);
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("outbox.db") && error.contains("refport-outbox migrate"),
        "{error}"
    );
    assert!(!file.exists());
    assert_eq!(run(&["migrate"]), (0, String::new()));
    assert_eq!(run(&["status"]), (0, String::new()));
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "nothing is left in files beside it");

    std::fs::write(&file, "this is no database, whatever its name says").unwrap();
    let (code, error) = run(&["status"]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("not a database"), "{error}");
}

const SECRET: &str = "s3cret";

#[test]
fn a_wrong_call_is_explained_and_shows_no_password() {
    for (arguments, said) in [
        (["status"].as_slice(), "DATABASE_URL is missing"),
        (&["status", "--database", ""], "DATABASE_URL is missing"),
        (&["status", "--database", SECRET], "neither sqlite:FILE"),
        (
            &["status", "--database", "mysql://u:s3cret@localhost/shop"],
            "nor postgres://",
        ),
        (
            &[
                "status",
                "--database",
                "postgres://u:s3cret@localhost:x/shop",
            ],
            "malformed",
        ),
        (
            &[
                "status",
                "--database",
                "postgres://u@localhost/shop?pasword=s3cret",
            ],
            "`pasword`, which is not known",
        ),
        (&["status", "--database", "sqlite::memory:"], "in memory"),
        (
            &["status", "--database", "sqlite:shop.db?mod=s3cret"],
            "unknown parameter",
        ),
        (&["purge", "--database", "sqlite:shop.db"], "--older-than"),
        (
            &[
                "purge",
                "--database",
                "sqlite:shop.db",
                "--older-than",
                "1mo",
            ],
            "no fixed length",
        ),
        (&["dead", "replay"], "ID"),
        (&["dead", "replay", "1", "--all"], "cannot be used with"),
        (&["work", "--database", "sqlite:shop.db"], "REFPORT_API_KEY"),
        (
            &[
                "work",
                "--database",
                "sqlite:shop.db",
                "--refport-key",
                "s3cret\n",
            ],
            "--refport-key",
        ),
        (
            &[
                "work",
                "--database",
                "sqlite:shop.db",
                "--partli-key",
                SECRET,
                "--partli-url",
                "http://partli.example",
            ],
            "--partli-url: the base URL is plain http",
        ),
    ] {
        let (code, error) = status_of(&command(arguments).output().unwrap());
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert!(!error.contains(SECRET), "{error}");
    }
}

/// Port 1 of the machine itself has nobody.
#[test]
fn a_database_that_is_not_there_fails_at_once_and_shows_no_password() {
    let url = "postgres://u:s3cret@127.0.0.1:1/shop";
    let output = command(&["status"]).env("DATABASE_URL", url).output();
    let (code, error) = status_of(&output.unwrap());
    assert_eq!(code, 1, "{error}");
    assert!(
        error.contains("cannot connect to Postgres at 127.0.0.1:1") && error.contains("refused"),
        "{error}"
    );
    assert!(!error.contains(SECRET), "{error}");
}

#[tokio::test]
async fn another_database_of_the_server_is_named() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let other = url(&database).replace(&database.name, "nobodys");
    let output = command(&["status", "--database", &other]).output();
    let (code, error) = status_of(&output.unwrap());
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("\"nobodys\" does not exist"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");

    // It can do TLS, which this server cannot.
    let secure = url(&database) + "&sslmode=require";
    let output = command(&["status", "--database", &secure]).output();
    let (code, error) = status_of(&output.unwrap());
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("server does not support TLS"), "{error}");
}

#[test]
fn help_shows_no_secret_of_the_environment() {
    for arguments in [
        ["--help"].as_slice(),
        &["work", "--help"],
        &["help", "work"],
    ] {
        let output = command(arguments)
            .env("DATABASE_URL", "postgres://u:s3cret@localhost/shop")
            .env("REFPORT_API_KEY", SECRET)
            .env("PARTLI_API_KEY", SECRET)
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && help.contains("DATABASE_URL"),
            "{help}"
        );
        assert!(!help.contains(SECRET), "{help}");
    }
}

/// For a service that answers soon or never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
