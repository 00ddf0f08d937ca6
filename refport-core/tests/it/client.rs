use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use refport_core::{
    ClickId, EmbedTokenRequest, Error, ErrorKind, Lead, Refport, Sale,
    track::{NothingToReport, Outcome},
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::server::Server;

const KEY: &str = "rk_test_key";

/// Sends each call once: what is repeated is tested in `retries`.
fn client(url: &str) -> Refport {
    Refport::builder(KEY)
        .base_url(url)
        .max_attempts(1)
        .build()
        .unwrap()
}

fn click() -> ClickId {
    "clk_1".parse().unwrap()
}

fn sale() -> Sale {
    Sale::new(click(), "user_001", 4900).invoice_id("inv_001")
}

#[tokio::test]
async fn a_sale_goes_out_as_documented_and_its_answer_comes_back() {
    let answer = json!({
        "eventName": "Purchase",
        "customer": { "externalId": "user_001", "email": "c@example.com", "name": null },
        "sale": { "id": "sale_1", "amount": 4900, "currency": "usd", "commissionAmount": 490,
                  "status": "pending", "invoiceId": "inv_001", "paymentProcessor": "custom" },
    });
    for slash in ["", "/"] {
        let server = Server::answering("200 OK", &answer.to_string()).await;
        let answer = client(&(server.url() + slash))
            .track
            .sale(sale())
            .await
            .unwrap()
            .accepted()
            .unwrap();
        assert_eq!(answer.sale.id, "sale_1");
        assert_eq!(answer.sale.commission_amount, Some(490));

        let [seen] = server.seen().try_into().expect("one request");
        assert!(
            seen.head.starts_with("POST /api/track/sale HTTP/1.1\r\n"),
            "{}",
            seen.head
        );
        let head = seen.head.to_ascii_lowercase();
        assert!(head.contains("authorization: bearer rk_test_key"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        let body = json!({ "clickId": "clk_1", "customerExternalId": "user_001", "amount": 4900, "invoiceId": "inv_001" });
        assert_eq!(seen.body, body);
    }
}

#[tokio::test]
async fn a_lead_may_be_answered_with_null() {
    let server = Server::answering("200 OK", "null").await;
    let refport = client(&server.url());
    let lead = || Lead::new(click(), "Sign Up", "user_001");
    let outcome = refport.track.lead(lead()).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(NothingToReport::NoLink));
    assert!(server.seen()[0].head.starts_with("POST /api/track/lead "));

    let server = Server::answering("200 OK", r#"{"link":{"id":"lnk_1"}}"#).await;
    let answer = client(&server.url())
        .track
        .lead(lead())
        .await
        .unwrap()
        .accepted()
        .unwrap();
    assert_eq!(answer.link.id.as_deref(), Some("lnk_1"));
}

#[tokio::test]
async fn an_embed_token_has_a_time() {
    let answer = r#"{"publicToken":"pt_1","expires":"2026-11-21T08:30:00.000Z"}"#;
    let server = Server::answering("201 Created", answer).await;
    let request = EmbedTokenRequest::partner("ada@example.com");
    let token = client(&server.url())
        .embed_tokens
        .create(request)
        .await
        .unwrap();
    assert_eq!(token.public_token, "pt_1");
    assert_eq!(token.expires.to_string(), "2026-11-21T08:30:00.000Z");
    assert_eq!(
        server.seen()[0].body,
        json!({ "partner": { "email": "ada@example.com" } })
    );
}

#[tokio::test]
async fn error_answers_keep_the_wire() {
    use ErrorKind::{Auth, NotFound, Other, RateLimit, Server as ServerError, Validation};
    let refport_body =
        |code: &str| json!({ "error": { "code": code, "message": "why" } }).to_string();
    let cases = [
        (
            "400 Bad Request",
            refport_body("INVALID_CLICK_ID"),
            Validation,
            Some("INVALID_CLICK_ID"),
            false,
        ),
        (
            "422 Unprocessable",
            refport_body("VALIDATION_ERROR"),
            Validation,
            Some("VALIDATION_ERROR"),
            false,
        ),
        (
            "401 Unauthorized",
            refport_body("UNAUTHORIZED"),
            Auth,
            Some("UNAUTHORIZED"),
            false,
        ),
        ("403 Forbidden", String::new(), Auth, None, false),
        (
            "404 Not Found",
            refport_body("NOT_FOUND"),
            NotFound,
            Some("NOT_FOUND"),
            false,
        ),
        (
            "429 Too Many",
            refport_body("RATE_LIMIT_EXCEEDED"),
            RateLimit,
            Some("RATE_LIMIT_EXCEEDED"),
            true,
        ),
        (
            "502 Bad Gateway",
            "<html>bad gateway</html>".into(),
            ServerError,
            None,
            true,
        ),
        ("302 Found", String::new(), Other, None, false),
        (
            "400 Bad Request",
            r#"{"error":"why"}"#.into(),
            Validation,
            None,
            false,
        ),
    ];
    for (status, body, kind, code, retryable) in cases {
        let server = Server::answering(status, &body).await;
        let error = client(&server.url()).track.sale(sale()).await.unwrap_err();
        let api = error
            .as_api()
            .unwrap_or_else(|| panic!("{status}: {error:?}"));
        assert_eq!(api.status().as_str(), &status[..3]);
        assert_eq!((api.kind(), api.code()), (kind, code), "{status}");
        assert_eq!(api.message(), body.contains("why").then_some("why"));
        assert_eq!(error.is_retryable(), retryable, "{status}");
        assert!(!error.is_timeout());
    }
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    let server = Server::answering_with("429 Too Many", "retry-after: 7\r\n", "").await;
    let error = client(&server.url()).track.sale(sale()).await.unwrap_err();
    assert_eq!(
        error.as_api().unwrap().retry_after(),
        Some(Duration::from_secs(7))
    );
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let other = Server::answering("200 OK", "{}").await;
    let headers = format!("location: {}/api/track/sale\r\n", other.url());
    let server = Server::answering_with("307 Temporary Redirect", &headers, "").await;
    let error = client(&server.url()).track.sale(sale()).await.unwrap_err();
    assert_eq!(error.as_api().unwrap().status(), 307);
    assert!(other.seen().is_empty(), "the key went to another host");
}

#[tokio::test]
async fn answers_without_sense_say_what_came() {
    let json = "content-type: application/json\r\n";
    let cases = [
        (json, String::new(), "it is empty"),
        (json, "{\"sale\":".into(), "it ends too early"),
        (
            json,
            "{\"sale\":{\"id\":\"carla@example.com\"}".into(),
            "it ends too early",
        ),
        (
            json,
            "{\"sale\":{\"id\":7}}".into(),
            "a field is missing or of another type",
        ),
        (
            "content-type: text/html\r\n",
            "<html></html>".into(),
            "it is not JSON at line 1 column 1 (13 bytes, text/html)",
        ),
        ("", "\u{fffd}".into(), "no content type"),
        (
            json,
            " ".repeat(1024 * 1024 + 1),
            "it has more than 1048576 bytes",
        ),
    ];
    for (headers, body, want) in cases {
        let server = Server::answering_with("200 OK", headers, &body).await;
        let error = client(&server.url()).track.sale(sale()).await.unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(want), "{text}");
        assert!(!text.contains("carla"), "{text}");
    }
}

#[tokio::test]
async fn what_is_certainly_wrong_is_not_sent() {
    let server = Server::answering("200 OK", "null").await;
    let refport = client(&server.url());
    let cases = [
        (Sale::without_click("user_001", 4900), "clickId"),
        (Sale::new(click(), "", 4900), "customerExternalId"),
        (Sale::new(click(), "user_001", -1), "amount"),
        (sale().currency("dollars"), "currency"),
    ];
    for (sale, field) in cases {
        let error = refport.track.sale(sale).await.unwrap_err();
        let why = error.to_string();
        assert!(
            why.starts_with(&format!("request not sent: {field}")),
            "{why}"
        );
        assert!(!error.is_retryable());
    }
    let free = Sale::new(click(), "user_001", 0);
    let outcome = refport.track.sale(free).await.unwrap();
    assert_eq!(
        outcome,
        Outcome::NothingToReport(NothingToReport::ZeroAmount)
    );
    assert!(
        refport
            .track
            .lead(Lead::without_click("Sign Up", "u"))
            .await
            .is_err()
    );
    assert!(
        refport
            .embed_tokens
            .create(EmbedTokenRequest::tenant(""))
            .await
            .is_err()
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_transport_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).track.sale(sale()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.is_connect()),
        "{error:?}"
    );
    assert!(error.is_retryable());
    assert!(error.source().is_some(), "the cause is kept");
    assert!(
        !format!("{error:?}").contains("/api/track"),
        "the URL stays out: {error:?}"
    );
}

#[tokio::test]
async fn a_service_that_never_answers_uses_up_the_budget_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let budget = Duration::from_millis(200);
    let long = Duration::from_secs(60);
    for builder in [
        Refport::builder(KEY)
            .attempt_timeout(budget)
            .total_timeout(long),
        Refport::builder(KEY)
            .attempt_timeout(long)
            .total_timeout(budget),
    ] {
        let refport = builder.base_url(&url).build().unwrap();
        let start = Instant::now();
        let error = refport.track.sale(sale()).await.unwrap_err();
        assert!(error.is_timeout() && error.is_retryable(), "{error:?}");
        assert!(start.elapsed() >= budget);
    }
}

#[tokio::test]
async fn a_cut_answer_is_a_transport_error() {
    let server = Server::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".into()).await;
    let error = client(&server.url()).track.sale(sale()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if !error.is_connect()),
        "{error:?}"
    );
}

#[test]
fn bad_settings_are_explained() {
    for (key, url, want) in [
        ("", "http://127.0.0.1", "blank"),
        (" \n", "http://127.0.0.1", "blank"),
        ("rk_secret\n", "http://127.0.0.1", "white space"),
        (KEY, "127.0.0.1:80", "base URL"),
    ] {
        let error = Refport::builder(key).base_url(url).build().unwrap_err();
        assert!(error.to_string().contains(want), "{key:?} {url}: {error}");
        assert!(!format!("{error:?}").contains("rk_secret"));
    }
}

#[test]
fn the_key_stays_out_of_debug() {
    let builder = Refport::builder("rk_secret").base_url("http://127.0.0.1:1");
    let text = format!("{builder:?}");
    let text = format!("{text} {:?}", builder.build().unwrap());
    assert!(!text.contains("rk_secret"), "{text}");
}

/// The environment belongs to the process, so each case runs this test binary anew.
#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
#[test]
fn from_env_reads_the_key_and_the_address() {
    let run = |key: Option<&str>, url: Option<&str>| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "client::from_env_in_this_process", "--nocapture"]);
        command.env("REFPORT_TEST_FROM_ENV", "1");
        for (name, value) in [("REFPORT_API_KEY", key), ("REFPORT_BASE_URL", url)] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(run(None, None).contains("error: REFPORT_API_KEY is not set"));
    assert!(run(Some(" "), None).contains("error: the API key is blank"));
    assert!(
        run(Some(KEY), Some("ftp://x")).contains("error: the base URL is neither http nor https")
    );
    let plain = run(Some(KEY), Some("http://refport.internal"));
    assert!(
        plain.contains("error: the base URL in REFPORT_BASE_URL is plain http")
            && plain.contains("set REFPORT_ALLOW_HTTP=1 where"),
        "{plain}"
    );
    assert!(
        run(Some(KEY), Some("http://127.0.0.1:4800/"))
            .contains("http://127.0.0.1:4800/api/track/sale")
    );
    assert!(run(Some(KEY), None).contains("https://app.refport.co/api/track/sale"));
    // By the address, without a variable of its own.
    for (url, told) in [(None, false), (Some("http://127.0.0.1:4800/"), true)] {
        assert!(run(Some(KEY), url).contains(&format!("sends_occurred_at: {told}")));
    }

    let own = run(Some(KEY), Some("http://127.0.0.1:4800"));
    assert!(
        own.contains("max_attempts: 7") && own.contains("\"http://127.0.0.1:4800\""),
        "{own}"
    );
    assert!(run(None, None).contains("no builder: REFPORT_API_KEY is not set"));
    // The key of a server of one's own is not to go to the public service.
    for blank in ["", " "] {
        let refused = run(Some(KEY), Some(blank));
        assert!(
            refused.contains("error: REFPORT_BASE_URL is set and blank"),
            "{refused}"
        );
    }
    // A key that is missing turns it off, one that is wrong does not.
    for missing in [None, Some(""), Some(" ")] {
        assert!(run(missing, None).contains("\ndisabled"));
    }
    assert!(run(Some(KEY), None).contains("\nnot disabled\n"));
    for (key, url) in [(Some("two words"), None), (Some(KEY), Some("ftp://x"))] {
        assert!(run(key, url).contains("not disabled, and wrong"));
    }
}

#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
#[test]
fn from_env_in_this_process() {
    if std::env::var_os("REFPORT_TEST_FROM_ENV").is_none() {
        return;
    }
    match Refport::from_env() {
        Ok(refport) => println!("{refport:?}"),
        Err(error) => println!("error: {error}"),
    }
    match Refport::builder_from_env() {
        Ok(builder) => println!("settings of its own: {:?}", builder.max_attempts(7)),
        Err(error) => println!("no builder: {error}"),
    }
    match Refport::from_env_or_disabled() {
        Ok(refport) if format!("{refport:?}").contains("shared: None") => println!("disabled"),
        Ok(_) => println!("not disabled"),
        Err(error) => println!("not disabled, and wrong: {error}"),
    }
}

/// It is said once in a process, so this runs the test binary anew.
#[test]
fn a_sale_without_a_currency_is_warned_of_once() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "client::currency_in_this_process", "--nocapture"]);
    let output = command.env("REFPORT_TEST_CURRENCY", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("a sale has no currency").count(), 1, "{said}");
    let (before, _) = said.split_once("a sale has no currency").unwrap();
    assert!(
        before.contains("those with one or of nothing were quiet"),
        "{said}"
    );
}

#[tokio::test]
async fn currency_in_this_process() {
    if std::env::var_os("REFPORT_TEST_CURRENCY").is_none() {
        return;
    }
    tracing_subscriber::fmt().init();
    let refport = Refport::disabled();
    refport.track.sale(sale().currency("eur")).await.unwrap();
    let free = Sale::new(click(), "user_001", 0);
    refport.track.sale(free).await.unwrap();
    println!("those with one or of nothing were quiet");
    for _ in 0..3 {
        refport.track.sale(sale()).await.unwrap();
    }
}
