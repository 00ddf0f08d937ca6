//! Middleware that reads one cookie must not bring a TLS stack along, and only an outbox a database.

use std::process::Command;

/// What makes a dependency tree heavy: HTTP clients, TLS, runtimes.
const HEAVY: [&str; 7] = [
    "reqwest",
    "hyper",
    "rustls",
    "native-tls",
    "aws-lc-rs",
    "tokio",
    "async-std",
];

/// Database libraries.
const DATABASES: [&str; 4] = ["sqlx", "sqlx-core", "libsqlite3-sys", "refport-outbox"];

fn heavy_in(arguments: &[&str]) -> Vec<String> {
    found_in(&HEAVY, arguments)
}

fn found_in(wanted: &[&str], arguments: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "tree", "--locked", "-e", "normal", "--prefix", "none", "--format", "{p}",
    ]);
    let output = cargo.args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| wanted.contains(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_layers_and_core_are_light() {
    for arguments in [
        &["-p", "refport-tower"][..],
        &["-p", "refport-core", "--no-default-features"],
        &["-p", "refport-axum", "--no-default-features"],
    ] {
        assert_eq!(heavy_in(arguments), [""; 0], "{arguments:?}");
    }
    assert!(
        !heavy_in(&["-p", "refport-core"]).is_empty(),
        "and the client is seen where it is"
    );
}

#[test]
fn actix_brings_its_runtime_and_no_client() {
    let heavy = heavy_in(&["-p", "refport-actix", "--no-default-features"]);
    assert!(heavy.iter().all(|name| name == "tokio"), "{heavy:?}");
}

#[test]
fn only_an_outbox_brings_a_database() {
    for adapter in ["refport-axum", "refport-actix"] {
        let with = |features| found_in(&DATABASES, &["-p", adapter, "--features", features]);
        assert_eq!(with("signed"), [""; 0], "{adapter} as most use it");
        let sqlite = with("outbox");
        assert!(
            sqlite.iter().any(|name| name == "libsqlite3-sys"),
            "{sqlite:?}"
        );
        let postgres = with("outbox-postgres");
        assert!(
            postgres.iter().any(|name| name == "sqlx-core"),
            "{postgres:?}"
        );
        assert!(
            postgres.iter().all(|name| name != "libsqlite3-sys"),
            "Postgres wants no C compiler: {postgres:?}"
        );
    }
}
