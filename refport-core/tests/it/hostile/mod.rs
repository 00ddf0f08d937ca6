//! Peers that mean ill, on real sockets: for each the outcome, the time against the budget, how
//! many requests it saw, and that the key went nowhere else. `rows` lists them.
//!
//! `cargo test -p refport-core --test it hostile -- --nocapture` prints the table.

mod http2;
mod peer;
mod proxy;
mod rows;
mod table;
mod tls;

use std::{path::PathBuf, process::Command};

use self::{table::Line, tls::Certificates};

/// Says that this process is the one that meets the peers.
const HERE: &str = "REFPORT_TEST_HOSTILE";

/// The trust store is the process's, so the peers are met in a child with one of its own.
#[test]
fn every_hostile_peer_is_survived_as_the_page_says() {
    let store = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("hostile-peers-{}.pem", std::process::id()));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::in_this_process", "--nocapture"])
        .env(HERE, "1")
        .env("SSL_CERT_FILE", &store)
        .env_remove("SSL_CERT_DIR")
        // All peers are on this machine, where no proxy is asked: nobody listens there.
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let _ = std::fs::remove_file(&store);
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{complaints}");
    compare_with_page(&printed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_this_process() {
    if std::env::var_os(HERE).is_none() {
        return;
    }
    let certificates = Certificates::make();
    certificates.trust(std::env::var_os("SSL_CERT_FILE").unwrap().as_ref());
    let lines = table::meet_all(&certificates).await;
    println!("{}", Line::HEAD);
    for line in &lines {
        println!("{line}");
    }
    let problems: Vec<_> = lines.iter().flat_map(|line| &line.problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The page shows what came out, but for the times.
fn compare_with_page(printed: &str) {
    let (_, section) = include_str!("../../../../docs/HOSTILE.md")
        .split_once("## The table")
        .expect("the page has the table");
    let told = columns_but_time(section);
    let found = columns_but_time(printed);
    for row in &found {
        assert!(told.contains(row), "not in docs/HOSTILE.md: {row:?}");
    }
    // A build without TLS meets fewer of them.
    if rows::has_tls() {
        assert_eq!(
            told, found,
            "docs/HOSTILE.md tells of others, or in another order"
        );
    }
}

fn columns_but_time(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.split('|').map(str::trim).take(5).collect())
        .collect()
}
