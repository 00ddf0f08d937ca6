//! The README's programs, whole as printed, in a crate of their own, against a real server.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use refport_server::{Config, NewPartner, Store, router, serve};
use refport_tests::{Api, Running};
use reqwest::{StatusCode, header, redirect::Policy};
use tokio::net::TcpListener;

/// The address in the README's programs; the test runs them on ones of its own.
const PRINTED: &str = "127.0.0.1:3000";

#[tokio::test]
async fn the_readmes_programs_compile_and_report_a_sale() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let [axum, actix] = rust_blocks(&readme)
        .try_into()
        .expect("two programs in the README");
    let folder = tempfile::tempdir().unwrap();
    let programs = [("with-axum", axum, 3000), ("with-actix", actix, 3001)];
    let programs = programs.map(|(name, source, port)| {
        let address = own_address(port);
        assert!(source.contains(PRINTED));
        (name, source.replace(PRINTED, &address), address)
    });
    let bins = build(root, folder.path(), &programs);

    let (api_url, api_key, link) = server(folder.path()).await;
    let api = Api::new(&api_url, &api_key);
    for (count, (bin, (name, _, address))) in bins.iter().zip(&programs).enumerate() {
        let mut command = Command::new(bin);
        command
            .env("REFPORT_API_KEY", &api_key)
            .env("REFPORT_BASE_URL", &api_url);
        let _running = Running::start(&mut command).unwrap();
        let cookie = land(&link, address).await;
        buy(address, &cookie, name).await;
        let commissions = api.commissions().await.unwrap();
        assert_eq!(commissions.len(), count + 1, "{name}");
        assert_eq!(
            (&commissions[0]["amount"], &commissions[0]["invoiceId"]),
            (&490.into(), &(*name).into())
        );
    }
}

fn rust_blocks(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("```rust\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// An address that nobody else takes: on Linux the whole of 127.0.0.0/8 is this machine's, and no
/// other process that runs has this one's ID.
fn own_address(port: u16) -> String {
    let [high, middle, low] = match std::process::id().to_be_bytes() {
        [0, bytes @ ..] => bytes,
        bytes => panic!("a process ID above 2^24: {bytes:?}"),
    };
    // None of them is 127.0.0.1, where other tests have their ports.
    let host = Ipv4Addr::new(127, high + 1, middle, low);
    SocketAddr::from((host, port)).to_string()
}

/// A crate like a user's, but for the versions: those of our lock file.
fn build(root: &Path, folder: &Path, programs: &[(&str, String, String)]) -> Vec<PathBuf> {
    let path = |name: &str| root.join(name).display().to_string();
    let manifest = format!(
        r#"
        [package]
        name = "readme"
        edition = "2024"
        [workspace]
        [dependencies]
        refport-axum = {{ path = {:?} }}
        refport-actix = {{ path = {:?} }}
        axum = {{ version = "0.8", features = ["macros"] }}
        actix-web = {{ version = "4", default-features = false, features = ["macros"] }}
        serde = {{ version = "1", features = ["derive"] }}
        tokio = {{ version = "1", features = ["macros", "net", "rt-multi-thread", "signal", "sync"] }}
        tracing = "0.1"
        tracing-subscriber = "0.3"
        [profile.dev]
        debug = "line-tables-only"
        [profile.dev.package."*"]
        debug = false
        "#,
        path("refport-axum"),
        path("refport-actix"),
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::create_dir_all(folder.join("src/bin")).unwrap();
    for (name, source, _) in programs {
        fs::write(folder.join(format!("src/bin/{name}.rs")), source).unwrap();
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--target-dir"])
        .arg(target)
        .current_dir(folder);
    assert!(
        cargo.status().unwrap().success(),
        "the README's programs do not compile"
    );
    programs
        .iter()
        .map(|(name, ..)| target.join("debug").join(name))
        .collect()
}

/// A server with a partner; its address, a key, and the partner's link.
async fn server(folder: &Path) -> (String, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let store = Store::open(&format!("sqlite://{}", folder.join("refport.db").display())).unwrap();
    let key = store.init().unwrap().api_key;
    let ada = NewPartner::new("ada@example.com", "Ada").key("demo");
    store
        .add_partner(ada.destination("http://shop.example/checkout"))
        .unwrap();
    tokio::spawn(serve(
        listener,
        router(store, Config::new(&url)),
        std::future::pending(),
    ));
    let link = format!("{url}/r/demo");
    (url, key, link)
}

/// Follows the link to the program, once that listens, and answers the cookie it was given.
async fn land(link: &str, address: &str) -> String {
    let http = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let followed = http.get(link).send().await.unwrap();
    let location = followed.headers()[header::LOCATION].to_str().unwrap();
    let landing = location.replace("shop.example", address);
    let until = Instant::now() + Duration::from_secs(60);
    let landed = loop {
        match http.get(&landing).send().await {
            Ok(landed) => break landed,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let cookie = landed.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

async fn buy(address: &str, cookie: &str, order: &str) {
    let body = serde_json::json!({ "id": order, "user_id": order, "amount_cents": 4900 });
    let request = reqwest::Client::new()
        .post(format!("http://{address}/checkout"))
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::CREATED);
}
