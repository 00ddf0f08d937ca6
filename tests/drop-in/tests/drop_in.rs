//! The family is added by the README's lines, and the site goes on as before.

use refport_core::{ClickId, Sale, test_util::Recorder};
use refport_tests::{
    Visitor,
    drop_in::{Answer, Site, Transcript, documented_lines, visit},
    serve_recorder,
};

/// A site's two programs.
struct Programs {
    before: &'static str,
    after: &'static str,
}

const AXUM: Programs = Programs {
    before: env!("CARGO_BIN_EXE_axum-before"),
    after: env!("CARGO_BIN_EXE_axum-after"),
};

const ACTIX: Programs = Programs {
    before: env!("CARGO_BIN_EXE_actix-before"),
    after: env!("CARGO_BIN_EXE_actix-after"),
};

#[test]
fn only_lines_of_the_readme_are_added() {
    let axum = documented_lines(
        include_str!("../src/bin/axum-before.rs"),
        include_str!("../src/bin/axum-after.rs"),
    );
    let actix = documented_lines(
        include_str!("../src/bin/actix-before.rs"),
        include_str!("../src/bin/actix-after.rs"),
    );
    for (name, added, count) in [("axum", axum.unwrap(), 12), ("actix", actix.unwrap(), 13)] {
        println!("{name}, {} lines:\n{}\n", added.len(), added.join("\n"));
        assert_eq!(added.len(), count, "{name}");
    }
}

#[tokio::test]
async fn axum_goes_on_as_before() {
    let transcript = goes_on_as_before(&AXUM).await;
    let land = answer(&transcript, "land");
    assert_eq!(land.header("content-encoding"), Some("gzip"));
    let products = answer(&transcript, "products from elsewhere");
    assert_eq!(products.header("access-control-allow-origin"), Some("*"));
    let preflight = answer(&transcript, "preflight");
    assert_eq!(preflight.header("access-control-allow-methods"), Some("*"));
}

#[tokio::test]
async fn actix_goes_on_as_before() {
    let transcript = goes_on_as_before(&ACTIX).await;
    let land = answer(&transcript, "land");
    assert_eq!(land.header("content-encoding"), Some("gzip"));
    let unknown = answer(&transcript, "buy what is not sold");
    assert_eq!(unknown.body, "There is no such page here, sorry.");
}

/// Before and after, for an organic and for a referred visitor. Gives what the organic one was
/// answered.
async fn goes_on_as_before(programs: &Programs) -> Transcript {
    let (before, _) = go(programs.before, "/").await;
    let (after, recorder) = go(programs.after, "/").await;
    assert_is_alive(&before);
    assert_same(&before, &after, "an organic visitor");
    recorder.assert_nothing_sent();

    let (mut expected, _) = go(programs.before, "/?refp_id=clk_1").await;
    let (after, recorder) = go(programs.after, "/?refp_id=clk_1").await;
    let cookie = "refp_id=clk_1; SameSite=Lax; Path=/; Max-Age=7776000";
    let land = expected.remove(0);
    let land = land
        .with("set-cookie", cookie)
        .with("cache-control", "private");
    expected.insert(0, land);
    assert_same(&expected, &after, "a referred visitor");
    let click_id: ClickId = "clk_1".parse().unwrap();
    let sale = Sale::new(click_id, "carla", 4900)
        .currency("eur")
        .invoice_id("order_1");
    assert_eq!(recorder.sales(), [sale]);
    assert_eq!(recorder.sent().len(), 1, "reported once");
    before
}

/// Visits a site that was just started. Gives what it answered, and who took its reports.
async fn go(program: &str, landing: &str) -> (Transcript, Recorder) {
    let recorder = Recorder::new();
    let service = serve_recorder(recorder.clone()).await.unwrap();
    let site = Site::start(program, &service).unwrap();
    let visitor = Visitor::new(&site.url).unwrap();
    (visit(&visitor, landing).await.unwrap(), recorder)
}

fn assert_same(before: &Transcript, after: &Transcript, who: &str) {
    assert_eq!(before.len(), after.len(), "{who}");
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before, after, "{who}");
    }
}

/// The site works at all: else it would be no wonder that nothing changes.
fn assert_is_alive(transcript: &Transcript) {
    let statuses: Vec<_> = transcript
        .iter()
        .map(|answer| (answer.step, answer.status))
        .collect();
    let expected = [
        ("land", 200),
        ("account of nobody", 401),
        ("buy as nobody", 401),
        ("wrong password", 401),
        ("sign in", 303),
        ("account", 200),
        ("products from elsewhere", 200),
    ];
    assert_eq!(statuses[..expected.len()], expected);
    for (step, status) in [
        ("buy what is not sold", 404),
        ("buy", 201),
        ("orders", 200),
        ("sign out", 303),
        ("account, signed out", 401),
    ] {
        assert_eq!(answer(transcript, step).status, status, "{step}");
    }
    let session = answer(transcript, "sign in").header("set-cookie");
    assert!(session.unwrap().contains("=…; "), "{session:?}");
    assert_eq!(
        answer(transcript, "buy").header("location"),
        Some("/account/orders#order_1")
    );
    assert_eq!(answer(transcript, "orders").body, "4900 cents\n");
}

fn answer<'a>(transcript: &'a Transcript, step: &str) -> &'a Answer {
    let found = transcript.iter().find(|answer| answer.step == step);
    found.unwrap()
}
