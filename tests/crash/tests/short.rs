//! The harness, shortened. In full it runs by the command in `docs/CRASH.md`.

use std::{env, fs, process::Command};

/// Enough that each kind of process is killed as a rule.
const KILLS: &str = "12";

fn run(store: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_refport-crash"))
        .args(["--store", store, "--kills", KILLS])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    println!("{stdout}");
    assert!(output.status.success(), "{stdout}{stderr}");
    let last = stdout.lines().last().unwrap();
    let values: Vec<(&str, u64)> = last
        .split(' ')
        .map(|part| part.split_once('=').unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect();
    let [
        ("kills", 12),
        ("orders", orders),
        ("sales", sales),
        ("commissions", commissions),
        ("lost", 0),
        ("double", 0),
    ] = values[..]
    else {
        panic!("{last}");
    };
    assert!(orders > 0, "{last}");
    assert_eq!((sales, commissions), (orders, orders), "{last}");
}

#[test]
fn nothing_is_lost_or_doubled_on_sqlite() {
    run("sqlite");
}

#[test]
fn nothing_is_lost_or_doubled_on_postgres() {
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
        return;
    }
    run("postgres");
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
