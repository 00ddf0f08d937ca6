//! The client of Partli, over scripts.

use std::time::Duration;

use http::header::AUTHORIZATION;
use refport_core::{
    CookieName, Error, ErrorKind, Lead, Partli, Sale, TransportError,
    track::{NothingToReport, Outcome},
};
use serde_json::{Value, json};

use crate::scripted::{Scripted, answer, click, fails, wait};

const ATTRIBUTED: &str = r#"{"eventId":"7f3c","attributed":true}"#;
const NOBODY: &str = r#"{"eventId":null,"attributed":false}"#;

fn partli(script: &Scripted) -> Partli {
    Partli::builder("pk_live_secret")
        .transport(script.clone())
        .build()
        .unwrap()
}

fn lead() -> Lead {
    Lead::new(click(), "Sign Up", "user_001").customer_email("carla@example.com")
}

fn sale() -> Sale {
    Sale::new(click(), "user_001", 4900).invoice_id("inv_001")
}

fn body_of(script: &Scripted) -> Value {
    serde_json::from_slice(script.seen()[0].body()).unwrap()
}

#[tokio::test]
async fn a_sale_goes_out_as_documented_and_its_answer_comes_back() {
    let script = Scripted::new([answer(200, ATTRIBUTED)]);
    let sale = sale().currency("eur").customer_email("carla@example.com");
    let answer = partli(&script).track.sale(sale).await.unwrap();
    let answer = answer.accepted().unwrap();
    assert_eq!(
        (answer.event_id.as_deref(), answer.attributed),
        (Some("7f3c"), true)
    );

    let [seen] = script.seen().try_into().expect("one request");
    assert_eq!(seen.method(), "POST");
    assert_eq!(seen.uri(), "https://partli.app/api/track/sale");
    assert_eq!(seen.headers()["content-type"], "application/json");
    assert_eq!(seen.headers()[AUTHORIZATION], "Bearer pk_live_secret");
    assert!(seen.headers()[AUTHORIZATION].is_sensitive());
    assert_eq!(
        body_of(&script),
        json!({
            "externalId": "inv_001", "customerExternalId": "user_001", "amountCents": 4900,
            "currency": "EUR", "clickId": "clk_secret",
        })
    );
}

#[tokio::test]
async fn a_lead_goes_out_as_documented_with_a_key_of_its_own() {
    for (lead, key) in [
        (lead(), "sign up:user_001"),
        (lead().external_id("lead_7"), "lead_7"),
    ] {
        let script = Scripted::new([answer(201, ATTRIBUTED)]);
        let answer = partli(&script).track.lead(lead).await.unwrap();
        assert!(answer.accepted().unwrap().attributed);
        assert_eq!(script.seen()[0].uri(), "https://partli.app/api/track/lead");
        assert_eq!(
            body_of(&script),
            json!({
                "externalId": key, "eventName": "Sign Up", "clickId": "clk_secret",
                "customerEmail": "carla@example.com",
            })
        );
    }
}

#[tokio::test]
async fn refport_does_not_get_partlis_key_and_a_stored_lead_keeps_it() {
    let lead = Lead::new(click(), "Sign Up", "user_001").external_id("lead_7");
    let stored = serde_json::to_string(&lead).unwrap();
    assert_eq!(serde_json::from_str::<Lead>(&stored).unwrap(), lead);

    let script = Scripted::new([answer(200, "null")]);
    let refport = script.client(|builder| builder);
    refport.track.lead(lead).await.unwrap();
    assert_eq!(
        body_of(&script),
        json!({ "clickId": "clk_secret", "eventName": "Sign Up", "customerExternalId": "user_001" })
    );
}

#[tokio::test]
async fn no_click_is_needed() {
    let script = Scripted::new([answer(200, NOBODY)]);
    let track = partli(&script).track;
    let renewal = Sale::without_click("user_001", 4900).invoice_id("inv_002");
    let nobody = Outcome::NothingToReport(NothingToReport::NotAttributed);
    assert_eq!(track.sale(renewal).await.unwrap(), nobody);
    assert_eq!(body_of(&script).get("clickId"), None);
    let lead = Lead::without_click("Sign Up", "user_001");
    assert_eq!(track.lead(lead).await.unwrap(), nobody);
}

#[tokio::test]
async fn what_is_certainly_wrong_is_not_sent() {
    let script = Scripted::new([answer(200, ATTRIBUTED)]);
    let track = partli(&script).track;
    let why = |error: Error| {
        assert!(matches!(error, Error::Invalid(_)) && !error.is_retryable());
        error.to_string()
    };
    let no_invoice = Sale::new(click(), "user_001", 4900);
    assert_eq!(
        why(track.sale(no_invoice).await.unwrap_err()),
        "request not sent: externalId: is missing, Partli requires it to count a sale once: \
         give the sale its `invoice_id`"
    );
    let negative = Sale::new(click(), "user_001", -1).invoice_id("inv_001");
    let negative = why(track.sale(negative).await.unwrap_err());
    assert!(
        negative.starts_with("request not sent: amountCents: is negative"),
        "{negative}"
    );
    let nameless = Lead::without_click("", "user_001");
    let nameless = why(track.lead(nameless).await.unwrap_err());
    assert!(nameless.contains(": eventName"), "{nameless}");
    assert_eq!(script.sent(), 0);
}

#[tokio::test]
async fn nothing_to_report_is_an_outcome() {
    use NothingToReport::{NotAttributed, ZeroAmount};
    let script = Scripted::new([answer(200, NOBODY)]);
    let track = partli(&script).track;
    // A free order, which has no invoice.
    let free = Sale::new(click(), "user_001", 0);
    let outcome = track.sale(free).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(ZeroAmount));
    assert_eq!(script.sent(), 0);

    let outcome = track.sale(sale()).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(NotAttributed));
    let outcome = track.lead(lead()).await.unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(NotAttributed));

    let script = Scripted::new([answer(200, ATTRIBUTED)]);
    let outcome = partli(&script).track.sale(sale()).await.unwrap();
    let Outcome::Accepted(answer) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(answer.attributed);
}

#[tokio::test(start_paused = true)]
async fn sales_and_leads_are_repeated_until_they_are_taken() {
    for first in [
        || answer(500, ""),
        || fails(|| TransportError::broken("reset")),
        || fails(TransportError::timeout),
        || fails(|| TransportError::connect(false, "refused")),
        || wait("1"),
    ] {
        let script = Scripted::new([first(), answer(200, ATTRIBUTED)]);
        partli(&script).track.sale(sale()).await.unwrap();
        let script = Scripted::new([first(), answer(200, ATTRIBUTED)]);
        partli(&script).track.lead(lead()).await.unwrap();

        let [one, other] = script.seen().try_into().expect("two requests");
        assert_eq!(one.body(), other.body(), "the same key both times");
    }
}

#[tokio::test]
async fn errors_are_read_in_partlis_form() {
    for (status, body, kind, message) in [
        (
            400,
            r#"{"error":"amountCents"}"#,
            ErrorKind::Validation,
            Some("amountCents"),
        ),
        (
            400,
            r#"{"error":{"message":"no"}}"#,
            ErrorKind::Validation,
            Some("no"),
        ),
        (
            401,
            r#"{"error":"revoked"}"#,
            ErrorKind::Auth,
            Some("revoked"),
        ),
        (404, "<html>", ErrorKind::NotFound, None),
    ] {
        let script = Scripted::new([answer(status, body)]);
        let error = partli(&script).track.sale(sale()).await.unwrap_err();
        let api = error.as_api().expect("an answer");
        assert_eq!((api.status().as_u16(), api.kind()), (status, kind));
        assert_eq!((api.code(), api.message()), (None, message));
        assert_eq!(script.sent(), 1);
    }
}

#[tokio::test]
async fn an_answer_of_another_service_is_none() {
    for body in [
        "",
        "null",
        "{}",
        "<html>",
        r#"{"sale":{"id":"sale_1"}}"#,
        "[]",
    ] {
        let script = Scripted::new([answer(200, body)]);
        let error = partli(&script).track.sale(sale()).await.unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{body}: {error:?}");
        assert_eq!(script.sent(), 1, "it was accepted");
    }
}

#[tokio::test]
async fn settings_are_those_of_every_client() {
    let script = Scripted::new([answer(503, "")]);
    let partli = Partli::builder("pk_live_secret")
        .base_url("http://localhost:4800/partli/")
        .max_attempts(1)
        .total_timeout(Duration::from_secs(5))
        .transport(script.clone())
        .build()
        .unwrap();
    assert!(partli.track.sale(sale()).await.unwrap_err().is_retryable());
    let [seen] = script.seen().try_into().expect("one request");
    assert_eq!(seen.uri(), "http://localhost:4800/partli/api/track/sale");
    assert_eq!(Partli::COOKIE_NAME, CookieName::PARTLI);
}

#[tokio::test]
async fn nothing_shows_the_key_or_the_person() {
    let script = Scripted::new([answer(400, r#"{"error":"no"}"#)]);
    let builder = Partli::builder("pk_live_secret").transport(script);
    let mut text = format!("{builder:?}");
    let partli = builder.build().unwrap();
    let error = partli.track.lead(lead()).await.unwrap_err();
    text += &format!(
        "{partli:?} {:?} {:?} {error:?} {error}",
        partli.track,
        lead()
    );
    assert!(!text.contains("pk_live_secret"), "{text}");
    assert!(!text.contains("carla"), "{text}");
}

/// The environment belongs to the process, so each case runs this test binary anew.
#[cfg(feature = "reqwest")]
#[test]
fn from_env_reads_partlis_variables() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "partli::from_env_in_this_process", "--nocapture"]);
        for name in ["PARTLI_API_KEY", "PARTLI_BASE_URL", "PARTLI_ALLOW_HTTP"] {
            command.env_remove(name);
        }
        command
            .env("REFPORT_API_KEY", "rk_refports")
            .env("REFPORT_BASE_URL", "http://127.0.0.1:1")
            .env("PARTLI_TEST_FROM_ENV", "1")
            .envs(variables.iter().copied());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let key = ("PARTLI_API_KEY", "pk_live_secret");
    let http = ("PARTLI_BASE_URL", "http://partli.internal");
    assert!(run(&[]).contains("error: PARTLI_API_KEY is not set"));
    let plain = run(&[key, http]);
    assert!(
        plain.contains("error: the base URL in PARTLI_BASE_URL is plain http")
            && plain.contains("PARTLI_ALLOW_HTTP=1"),
        "{plain}"
    );
    let allowed = run(&[key, http, ("PARTLI_ALLOW_HTTP", "1")]);
    assert!(
        allowed.contains("http://partli.internal/api/track/sale"),
        "{allowed}"
    );
    if cfg!(any(
        feature = "rustls",
        feature = "rustls-ring",
        feature = "native-tls"
    )) {
        assert!(run(&[key]).contains("https://partli.app/api/track/sale"));
    }
}

#[cfg(feature = "reqwest")]
#[test]
fn from_env_in_this_process() {
    if std::env::var_os("PARTLI_TEST_FROM_ENV").is_none() {
        return;
    }
    match Partli::from_env() {
        Ok(partli) => println!("{partli:?}"),
        Err(error) => println!("error: {error}"),
    }
}
