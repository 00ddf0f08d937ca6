//! What the compiler says to who passes another thing to `track.sale_in` than a connection.

use std::{env::consts::EXE_SUFFIX, fs, io::ErrorKind, path::Path, process::Command};

/// What is passed, and how the compiler's name of it ends.
const WRONG: [(&str, &str, &str); 2] = [
    ("transaction", "&mut tx", "Transaction<'_, Sqlite>"),
    ("pool", "&mut pool", "Pool<Sqlite>"),
];

#[test]
fn the_compiler_says_what_to_pass_in_place_of_a_wrong_connection() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_crate(root, folder.path());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    // What it depends on, this test's crate does as well, so that it was fetched.
    cargo
        .args([
            "check",
            "--offline",
            "--quiet",
            "--keep-going",
            "--target-dir",
        ])
        .arg(target)
        .env("CARGO_TERM_COLOR", "never")
        .current_dir(folder.path());
    let output = match cargo.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: there is no cargo{EXE_SUFFIX} where this test was built");
            return;
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it compiles");
    let errors = || said.split("\n\n").filter(|text| text.starts_with("error["));
    for (_, argument, called) in WRONG {
        let title = format!("{called}` is no connection that a report can be stored on\n");
        let mut own = errors().filter(|error| error.contains(&title));
        // The first is the one about the argument.
        let first = own.next().unwrap_or_else(|| panic!("{title}{said}"));
        for part in [
            argument,
            "pass `&mut *tx`",
            "the sqlx that `refport-outbox` exports (`refport_outbox::sqlx`, 0.9)",
        ] {
            assert!(first.contains(part), "{part}:\n{first}");
        }
    }
    // None that leads astray: each is one of these.
    let all = said
        .matches("is no connection that a report can be stored on")
        .count();
    assert_eq!(said.matches("error[").count(), all, "{said}");
}

/// A crate like a user's, but for the versions: those of our lock file.
fn write_crate(root: &Path, folder: &Path) {
    let manifest = format!(
        r#"
        [package]
        name = "wrong-connection"
        edition = "2024"
        [workspace]
        [dependencies]
        refport-outbox = {{ path = {:?}, features = ["sqlite"] }}
        [profile.dev]
        debug = "line-tables-only"
        [profile.dev.package."*"]
        debug = false
        "#,
        root.join("refport-outbox"),
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let programs = folder.join("src/bin");
    fs::create_dir_all(&programs).unwrap();
    for (name, argument, _) in WRONG {
        let program = format!(
            "use refport_outbox::{{refport_core::{{Sale, Track}}, sqlx::SqlitePool}};

            pub async fn checkout(track: Track, mut pool: SqlitePool, sale: Sale) {{
                let mut tx = pool.begin().await.unwrap();
                let _ = track.sale_in({argument}, sale).await;
                let _ = (&mut pool, &mut tx);
            }}

            fn main() {{}}
            "
        );
        fs::write(programs.join(format!("{name}.rs")), program).unwrap();
    }
}
