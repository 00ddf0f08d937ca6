//! Middleware that reads one cookie must not bring a TLS stack along, and only an outbox a database;
//! and nothing that a crate brings wants a newer Rust than the crate says.

use std::{collections::HashMap, process::Command};

use serde_json::Value;

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
    let tree = tree(&[&["-e", "normal"], arguments].concat());
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names
        .filter(|name| wanted.contains(name))
        .map(str::to_owned)
        .collect()
}

/// A line for each package that a crate of ours depends on, as `name v1.2.3` and more.
fn tree(arguments: &[&str]) -> String {
    let format = ["tree", "--locked", "--prefix", "none", "--format", "{p}"];
    cargo(&[&format, arguments].concat())
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
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

/// What every package of the lock says of itself.
struct Packages(Vec<Value>);

impl Packages {
    fn read() -> Self {
        let metadata = cargo(&["metadata", "--locked", "--format-version", "1"]);
        let mut metadata: Value = serde_json::from_str(&metadata).unwrap();
        let Value::Array(packages) = metadata["packages"].take() else {
            panic!("cargo metadata lists no packages");
        };
        Self(packages)
    }

    fn rust_versions(&self) -> HashMap<String, RustVersion> {
        let named = self.0.iter().filter_map(|package| {
            let version = RustVersion::parse(package["rust_version"].as_str()?);
            Some((as_in_tree(package), version))
        });
        named.collect()
    }

    /// Those of ours that are to be published.
    fn published(&self) -> impl Iterator<Item = &Value> {
        let ours = |package: &&Value| {
            let name = package["name"].as_str().unwrap_or_default();
            package["source"].is_null()
                && package["publish"].is_null()
                && name.starts_with("refport-")
        };
        self.0.iter().filter(ours)
    }
}

/// Name and version, as the tree prints them.
fn as_in_tree(package: &Value) -> String {
    let text = |field: &str| package[field].as_str().unwrap_or_default();
    format!("{} v{}", text("name"), text("version"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RustVersion([u32; 3]);

impl RustVersion {
    fn parse(text: &str) -> Self {
        let mut version = [0; 3];
        for (part, number) in version.iter_mut().zip(text.split('.')) {
            *part = number.parse().unwrap();
        }
        Self(version)
    }
}

/// Those of a crate's dependencies with these features that want a newer Rust than `declared`.
fn newer(
    versions: &HashMap<String, RustVersion>,
    name: &str,
    features: &str,
    declared: RustVersion,
) -> Vec<String> {
    let arguments = ["-p", name, "--no-default-features", "--features", features];
    // On every system, and what builds it too.
    let everywhere = ["-e", "normal,build", "--target", "all"];
    let tree = tree(&[&arguments[..], &everywhere].concat());
    let mut found = Vec::new();
    for line in tree.lines() {
        let package = line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
        if let Some(wanted) = versions.get(&package)
            && *wanted > declared
            && !found.contains(&package)
        {
            found.push(package);
        }
    }
    found
}

#[test]
fn no_dependency_wants_a_newer_rust_than_the_crate_declares() {
    let packages = Packages::read();
    let versions = packages.rust_versions();
    let declared = |package: &Value| versions[&as_in_tree(package)];
    let published: Vec<&Value> = packages.published().collect();
    let outbox = published
        .iter()
        .find(|package| package["name"] == "refport-outbox");
    let outbox = declared(outbox.expect("it is published"));
    assert!(
        published.len() > 5,
        "and the others are seen: {published:?}"
    );
    for package in published {
        let name = package["name"].as_str().unwrap();
        let features = package["features"].as_object().unwrap();
        let all: Vec<&str> = features.keys().map(String::as_str).collect();
        // The adapters' features for an outbox say that they want what that wants.
        let of_outbox = |feature: &str| feature.starts_with("outbox");
        let own: Vec<&str> = all
            .iter()
            .copied()
            .filter(|feature| !of_outbox(feature))
            .collect();
        let found = newer(&versions, name, &own.join(","), declared(package));
        assert_eq!(found, [""; 0], "{name} with {own:?}");
        if all.iter().any(|feature| of_outbox(feature)) {
            let found = newer(&versions, name, &all.join(","), outbox);
            assert_eq!(found, [""; 0], "{name} with {all:?}");
        }
    }
    let too_old = RustVersion([1, 80, 0]);
    let found = newer(&versions, "refport-core", "client", too_old);
    assert!(!found.is_empty(), "and one is seen where it is");
}
