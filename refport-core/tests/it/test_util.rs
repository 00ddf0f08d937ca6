//! The test kit as users meet it: through the real client.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use refport_core::{
    ClickId, EmbedTokenRequest, Error, ErrorKind, Lead, Refport, Sale, Timestamp,
    test_util::{Answer, Recorder},
    track::{NothingToReport, Outcome},
};
use serde_json::json;
use tokio::time::Instant;

fn click() -> ClickId {
    "clk_1".parse().unwrap()
}

fn sale() -> Sale {
    Sale::new(click(), "user_001", 4900)
}

fn sale_once() -> Sale {
    sale().invoice_id("inv_001").customer_email("c@example.com")
}

fn lead() -> Lead {
    Lead::new(click(), "Sign Up", "user_001").customer_email("c@example.com")
}

/// What an assertion says when it fails.
fn complaint(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("it fails");
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn answers_are_the_documented_ones_made_of_the_request() {
    let recorder = Recorder::new().commission_percent(25);
    let refport = recorder.refport();

    let least = refport.track.sale(sale()).await.unwrap();
    let least = least.accepted().unwrap();
    assert_eq!(least.event_name.as_deref(), Some("Purchase"));
    assert_eq!(least.customer.external_id.as_deref(), Some("user_001"));
    assert_eq!(least.sale.amount, Some(4900));
    assert_eq!(least.sale.commission_amount, Some(1225));
    assert_eq!(least.sale.currency.unwrap().as_str(), "usd");
    assert_eq!(least.sale.status.unwrap().as_str(), "pending");
    assert_eq!(least.sale.payment_processor.unwrap().as_str(), "custom");
    assert_eq!(least.sale.invoice_id, None);

    let full = sale_once().currency("eur").payment_processor("stripe");
    let full = refport.track.sale(full).await.unwrap();
    let full = full.accepted().unwrap();
    assert_ne!(full.sale.id, least.sale.id);
    assert_eq!(full.customer.email(), Some("c@example.com"));
    assert_eq!(full.sale.currency.unwrap().as_str(), "eur");
    assert_eq!(full.sale.payment_processor.unwrap().as_str(), "stripe");
    assert_eq!(full.sale.invoice_id.as_deref(), Some("inv_001"));

    let answer = refport.track.lead(lead()).await.unwrap();
    let answer = answer.accepted().unwrap();
    assert_eq!(answer.event_name.as_deref(), Some("Sign Up"));
    assert_eq!(answer.click.id.as_deref(), Some("clk_1"));
    assert!(answer.link.id.is_some() && answer.link.program_id.is_some());

    let request = EmbedTokenRequest::partner("ada@example.com");
    let token = refport.embed_tokens.create(request).await.unwrap();
    assert!(token.expires > Timestamp::now());
}

#[tokio::test]
async fn what_was_sent_can_be_read_without_the_key() {
    let recorder = Recorder::new();
    let refport = recorder.refport();
    refport.track.sale(sale_once()).await.unwrap();
    refport.track.lead(lead()).await.unwrap();

    assert_eq!(recorder.sales(), [sale_once()]);
    assert_eq!(recorder.leads(), [lead()]);
    recorder.assert_one_sale("inv_001");
    recorder.assert_one_lead("user_001");

    let [sent, _] = <[_; 2]>::try_from(recorder.sent()).unwrap();
    assert_eq!(
        sent.uri().to_string(),
        "https://app.refport.co/api/track/sale"
    );
    assert_eq!(sent.headers()["authorization"], "[redacted]");
    assert_eq!(sent.headers()["content-type"], "application/json");
    assert_eq!(sent.body()["invoiceId"], "inv_001");
    assert_eq!((sent.sale(), sent.lead()), (Some(sale_once()), None));
    let debug = format!("{recorder:?} {sent:?}");
    for secret in ["rk_test", "c@example.com"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_and_then_a_200_is_one_sale_after_the_wait() {
    let recorder = Recorder::new();
    recorder.answer_next(Answer::rate_limited(Duration::from_millis(2500)));
    let start = Instant::now();
    recorder.refport().track.sale(sale()).await.unwrap();
    let took = start.elapsed();
    assert!((2500..2600).contains(&took.as_millis()), "{took:?}");
    assert_eq!(recorder.sales(), [sale()]);
    let sent = recorder.sent();
    assert_eq!([sent[0].is_counted(), sent[1].is_counted()], [false, true]);
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_repeated_by_the_real_rules() {
    type Case = (fn() -> Answer, bool, usize);
    let faults: [Case; 8] = [
        // Whether a sale without an invoice ID gets through, and how many sales are counted then.
        (Answer::refused, true, 1),
        (|| Answer::rate_limited(Duration::ZERO), true, 1),
        (|| Answer::page(502), false, 0),
        (|| Answer::error(500, "INTERNAL_ERROR"), false, 0),
        (Answer::timeout, false, 0),
        (Answer::reset, false, 0),
        (Answer::cut_body, false, 1),
        (
            || Answer::accepted().after(Duration::from_secs(20)),
            false,
            1,
        ),
    ];
    for (fault, gets_through, counted) in faults {
        let name = fault().to_string();

        let recorder = Recorder::new();
        recorder.answer_next(fault());
        let outcome = recorder.refport().track.sale(sale()).await;
        assert_eq!(outcome.is_ok(), gets_through, "{name}: {outcome:?}");
        assert_eq!(recorder.sales().len(), counted, "{name}");

        let recorder = Recorder::new();
        recorder.answer_next(fault());
        let outcome = recorder.refport().track.sale(sale_once()).await;
        outcome.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(recorder.sent().len(), 2, "{name}");
        recorder.assert_one_sale("inv_001");
    }
}

#[tokio::test(start_paused = true)]
async fn faults_look_like_what_they_are() {
    let recorder = Recorder::new();
    let refport = recorder.refport();
    recorder.answer_next(Answer::error(400, "INVALID_CLICK_ID"));
    let error = refport.track.sale(sale()).await.unwrap_err();
    let api = error.as_api().unwrap();
    assert_eq!(api.kind(), ErrorKind::Validation);
    assert_eq!(api.code(), Some("INVALID_CLICK_ID"));

    recorder.answer_next(Answer::json(200, &json!({ "sale": {} })));
    let error = refport.track.sale(sale()).await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error:?}");

    recorder.answer_next(Answer::no_link());
    let no_link = Outcome::NothingToReport(NothingToReport::NoLink);
    assert_eq!(refport.track.lead(lead()).await.unwrap(), no_link);

    recorder.answer_next(Answer::timeout());
    assert!(refport.track.lead(lead()).await.unwrap_err().is_timeout());

    recorder.answer_always(Response::new(Bytes::from_static(b"<html>")));
    recorder.answer_next(Answer::reset());
    for _ in 0..3 {
        assert!(refport.track.sale(sale()).await.is_err());
    }
    assert!(recorder.sales().is_empty() && recorder.leads().is_empty());
}

#[tokio::test]
async fn a_script_is_followed_and_then_all_is_well() {
    let recorder = Recorder::new();
    recorder.answer_in_order([Answer::refused(), Answer::page(502)]);
    recorder.refport().track.sale(sale_once()).await.unwrap();
    recorder.refport().track.sale(sale_once()).await.unwrap();
    let answers: Vec<String> = (recorder.sent().iter())
        .map(|sent| sent.answer().to_string())
        .collect();
    let want = ["connection refused", "502", "accepted", "accepted"];
    assert_eq!(answers, want);
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_time_and_counts_once() {
    let recorder = Recorder::new();
    let refport = recorder.refport();
    let first = refport.track.sale(sale_once()).await.unwrap();
    let again = refport.track.sale(sale_once()).await.unwrap();
    assert_eq!(first, again);
    recorder.assert_one_sale("inv_001");
    assert_eq!(recorder.sales().len(), 1);

    refport.track.sale(sale()).await.unwrap();
    refport.track.sale(sale()).await.unwrap();
    assert_eq!(
        recorder.sales().len(),
        3,
        "without an invoice ID each counts"
    );

    let changed = Sale::new(click(), "user_001", 5000).invoice_id("inv_001");
    refport.track.sale(changed).await.unwrap();
    let text = complaint(|| recorder.assert_one_sale("inv_001"));
    assert!(
        text.contains(r#"all reports for invoice "inv_001" to be the same"#),
        "{text}"
    );
}

#[tokio::test]
async fn a_failed_assertion_says_what_was_sent_and_nothing_about_the_person() {
    let recorder = Recorder::new();
    let text = complaint(|| recorder.assert_one_sale("inv_001"));
    assert_eq!(
        text,
        r#"expected one sale for invoice "inv_001", but nothing was sent"#
    );
    recorder.assert_nothing_sent();

    let refport = recorder.refport();
    recorder.answer_next(Answer::error(401, "UNAUTHORIZED"));
    refport.track.sale(sale_once()).await.unwrap_err();
    refport
        .track
        .sale(sale().invoice_id("inv_002").currency("eur"))
        .await
        .unwrap();
    for _ in 0..2 {
        refport.track.lead(lead()).await.unwrap();
    }
    let sent = r#", but this was sent:
  1. sale of 4900 usd, invoice "inv_001", customer "user_001": 401
  2. sale of 4900 eur, invoice "inv_002", customer "user_001": accepted
  3. lead "Sign Up", customer "user_001": accepted
  4. lead "Sign Up", customer "user_001": accepted"#;
    let cases: [(&dyn Fn(), &str); 4] = [
        (
            &|| recorder.assert_one_sale("inv_001"),
            r#"one sale for invoice "inv_001""#,
        ),
        (
            &|| recorder.assert_one_lead("user_001"),
            r#"one lead for customer "user_001""#,
        ),
        (
            &|| recorder.assert_one_lead("user_002"),
            r#"one lead for customer "user_002""#,
        ),
        (&|| recorder.assert_nothing_sent(), "nothing to be sent"),
    ];
    for (assertion, expected) in cases {
        assert_eq!(complaint(assertion), format!("expected {expected}{sent}"));
    }
}

#[tokio::test]
async fn partli_is_played_by_its_own_rules() {
    let recorder = Recorder::new();
    let partli = recorder.partli();
    let sale = || sale().invoice_id("inv_001").currency("EUR");
    let first = partli.track.sale(sale()).await.unwrap();
    let Outcome::Accepted(answer) = &first else {
        panic!("{first:?}");
    };
    assert!(answer.attributed && answer.event_id.is_some());
    assert_eq!(partli.track.sale(sale()).await.unwrap(), first);
    recorder.assert_one_sale("inv_001");
    assert_eq!(recorder.sales(), [sale()]);

    let lead = || Lead::new(click(), "Sign Up", "user_001");
    let first = partli.track.lead(lead()).await.unwrap();
    assert_eq!(partli.track.lead(lead()).await.unwrap(), first);
    recorder.assert_one_lead("sign up:user_001");
    assert_eq!(recorder.leads().len(), 1);

    let nobody = Lead::without_click("Sign Up", "user_002");
    let unpaid = Outcome::NothingToReport(NothingToReport::NotAttributed);
    assert_eq!(partli.track.lead(nobody).await.unwrap(), unpaid);
    recorder.answer_next(Answer::no_link());
    let lost = Sale::new(click(), "user_003", 100).invoice_id("inv_003");
    assert_eq!(partli.track.sale(lost).await.unwrap(), unpaid);
    assert_eq!(recorder.sales().len(), 1);

    let text = complaint(|| recorder.assert_one_sale("inv_003"));
    let last = r#"sale of 100 usd, invoice "inv_003", customer "user_003": no link"#;
    assert!(text.ends_with(last), "{text}");
}

#[tokio::test]
async fn a_client_with_settings_of_its_own_sends_through_it() {
    let recorder = Recorder::new();
    let refport = Refport::builder("rk_other")
        .base_url("http://localhost/prefix")
        .max_attempts(1)
        .transport(recorder.clone())
        .build()
        .unwrap();
    recorder.answer_next(Answer::refused());
    assert!(refport.track.sale(sale_once()).await.is_err());
    assert!(refport.track.sale(sale_once()).await.is_ok());
    recorder.assert_one_sale("inv_001");
    assert_eq!(recorder.sent()[0].uri().path(), "/prefix/api/track/sale");
}

#[test]
fn a_status_that_is_none_is_refused_where_it_is_told() {
    let text = complaint(|| drop(Answer::error(7, "ODD")));
    assert_eq!(text, "7 is no HTTP status");
}
