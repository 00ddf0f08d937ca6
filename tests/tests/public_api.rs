//! The public items of the published crates, written down in `tests/public-api`, so that a change
//! to them is seen in review.
//!
//! Listed from rustdoc's JSON, whose format belongs to one version of Rust: another one than that
//! of `public-api` in the workspace's manifest needs another version there, and skips the test
//! aloud outside of CI.
#![cfg(unix)]

use std::{
    collections::HashSet,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates, and the features that show all of their API. `native-tls` shows nothing more, and
/// wants the system's headers.
const CRATES: [(&str, &str); 5] = [
    (
        "refport-core",
        "rustls,metrics,blocking,test-util,reqwest-client,signed",
    ),
    ("refport-tower", ""),
    ("refport-axum", "rustls,outbox,outbox-postgres"),
    ("refport-actix", "rustls,outbox,outbox-postgres"),
    ("refport-outbox", "postgres,metrics"),
];

const UPDATE: &str = "UPDATE_PUBLIC_API=1 cargo test -p refport-tests --test public_api";

/// So many differing lines are shown for each crate.
const SHOWN: usize = 20;

#[test]
fn the_public_api_is_the_one_written_down() {
    let rustdoc = stable_rustdoc();
    let mut changes = Vec::new();
    for (name, features) in CRATES {
        match public_items(name, features, &rustdoc) {
            Ok(items) => changes.extend(compare(name, &items)),
            Err(error) if env::var_os("CI").is_none() => {
                eprintln!(
                    "skipped: this Rust's rustdoc JSON is not what `public-api` reads: {error}"
                );
                return;
            }
            Err(error) => {
                panic!("rustdoc's JSON needs the Rust version that `public-api` reads: {error}")
            }
        }
    }
    assert!(
        changes.is_empty(),
        "the public API is not the one written down\n\n{}\nif that is meant: {UPDATE}",
        changes.join("\n")
    );
}

/// What differs from the snapshot, unless that is to be written.
fn compare(name: &str, found: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("public-api/{name}.txt"));
    if env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(path, found).unwrap();
        return None;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    (written != found).then(|| format!("{name}\n{}", difference(&written, found)))
}

/// The lines that are gone and the lines that are new, as far as they fit. Order says nothing:
/// the lists are sorted.
fn difference(written: &str, found: &str) -> String {
    let only = |sign, these: &str, others: &str| {
        let others: HashSet<&str> = others.lines().collect();
        let lines = these.lines().filter(|line| !others.contains(line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    let gone: Vec<String> = only('-', written, found);
    let new: Vec<String> = only('+', found, written);
    let count = gone.len() + new.len();
    let mut lines: String = gone.into_iter().chain(new).take(SHOWN).collect();
    match count.checked_sub(SHOWN) {
        None | Some(0) => {}
        Some(more) => lines += &format!("  and {more} more\n"),
    }
    lines
}

/// The crate's public items, one a line. What is derived, automatic or blanket is left out.
fn public_items(name: &str, features: &str, rustdoc: &Path) -> Result<String, public_api::Error> {
    let items = public_api::Builder::from_rustdoc_json(document(name, features, rustdoc))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(items.items().map(|item| format!("{item}\n")).collect())
}

/// Has rustdoc write the crate's JSON and answers where it is.
fn document(name: &str, features: &str, rustdoc: &Path) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["rustdoc", "--quiet", "--locked", "--lib", "-p", name])
        .args(["--features", features, "--target-dir"])
        .arg(target())
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .args(["--cap-lints", "allow"])
        .env("RUSTDOC", rustdoc)
        .env_remove("RUSTDOCFLAGS");
    assert!(cargo.status().unwrap().success(), "rustdoc fails on {name}");
    let file = format!("doc/{}.json", name.replace('-', "_"));
    target().join(file)
}

/// A rustdoc that gives JSON on the stable toolchain. The variable is set for it alone: set for
/// cargo, it would have build scripts run and half the dependencies compiled again.
fn stable_rustdoc() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stable-rustdoc");
    let script = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn target() -> &'static Path {
    let tmpdir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmpdir
        .parent()
        .expect("it is `tmp` in the target directory")
}
