//! The harness, shortened. In full it runs by the command in `docs/CRASH.md`.

use std::{env, fs, process::Command};

/// Enough that each kind of process is killed as a rule.
const KILLS: &str = "12";

/// The numbers of the last line, of a run that must succeed.
fn last_line(args: &[&str]) -> (String, Vec<(String, u64)>) {
    let output = Command::new(env!("CARGO_BIN_EXE_refport-crash"))
        .args(args)
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    println!("{stdout}");
    assert!(output.status.success(), "{stdout}{stderr}");
    let last = stdout.lines().last().unwrap();
    let values = last
        .split(' ')
        .map(|part| part.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect();
    (last.to_owned(), values)
}

fn run(store: &str, server_store: &str) {
    let stores = ["--store", store, "--server-store", server_store];
    let (last, values) = last_line(&[&stores[..], &["--kills", KILLS]].concat());
    let values: Vec<(&str, u64)> = values
        .iter()
        .map(|(name, value)| (&**name, *value))
        .collect();
    let [
        ("kills", 12),
        ("orders", orders),
        ("sales", sales),
        ("commissions", commissions),
        ("clicks", clicks),
        ("lost", 0),
        ("double", 0),
    ] = values[..]
    else {
        panic!("{last}");
    };
    assert!(orders > 0 && clicks > 0, "{last}");
    assert_eq!((sales, commissions), (orders, orders), "{last}");
}

#[test]
fn nothing_is_lost_or_doubled_on_sqlite() {
    run("sqlite", "sqlite");
}

/// In CI it is there.
fn is_postgres_there() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let is_there = versions
        .flatten()
        .any(|version| version.path().join("bin/initdb").exists());
    if !is_there {
        assert!(
            env::var_os("CI").is_none(),
            "CI needs Debian's `postgresql`"
        );
        eprintln!("skipped: no Postgres under /usr/lib/postgresql");
    }
    is_there
}

#[test]
fn nothing_is_lost_or_doubled_of_a_shop_on_postgres() {
    if is_postgres_there() {
        run("postgres", "sqlite");
    }
}

#[test]
fn nothing_is_lost_or_doubled_by_a_server_on_postgres() {
    if is_postgres_there() {
        run("sqlite", "postgres");
    }
}

#[test]
fn several_servers_on_one_postgres_agree() {
    if !is_postgres_there() {
        return;
    }
    let args = [
        "servers",
        "--servers",
        "4",
        "--seconds",
        "5",
        "--collisions",
        "80",
    ];
    let (last, values) = last_line(&args);
    let value = |wanted: &str| {
        let found = values.iter().find(|(name, _)| name == wanted);
        found.unwrap_or_else(|| panic!("{last}")).1
    };
    assert_eq!(["lost", "double", "wrong"].map(value), [0; 3], "{last}");
    assert!(value("sales") > 0, "{last}");
}

#[test]
fn what_is_to_be_run_must_be_said() {
    let output = Command::new(env!("CARGO_BIN_EXE_refport-crash"))
        .args(["--store", "sqlite"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("--kills"), "{stderr}");
}
