//! What is repeated, how often, and after what wait. Time is tokio's own and passes at once.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use refport_core::{
    EmbedTokenRequest, Error, ErrorKind, Lead, RefportBuilder, TransportError, track::Acknowledged,
};
use tokio::time::{Instant, sleep};

use crate::scripted::{Scripted, accepted, answer, asking, click, fails, sale, sale_once, wait};

const REFUSED: fn() -> TransportError = || TransportError::connect(false, "refused");
const BROKEN: fn() -> TransportError = || TransportError::broken("reset");

/// How many requests a call makes of this script.
async fn sent_for_sale(script: &Scripted, once: bool) -> usize {
    let sale = if once { sale_once() } else { sale() };
    let _ = script.client(|builder| builder).track.sale(sale).await;
    script.sent()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_counts_once_is_repeated_until_it_is_taken() {
    for first in [
        fails(REFUSED),
        fails(BROKEN),
        fails(TransportError::timeout),
        fails(|| "an error of a layer"),
        answer(500, ""),
        answer(502, "<html>"),
        wait("1"),
    ] {
        let script = Scripted::new([first, accepted()]);
        let answer = script
            .client(|builder| builder)
            .track
            .sale(sale_once())
            .await
            .unwrap()
            .accepted()
            .unwrap();
        assert_eq!((answer.sale.id.as_str(), script.sent()), ("sale_1", 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_could_count_twice_is_repeated_only_where_it_was_not_taken() {
    for taken in [
        fails(BROKEN),
        fails(TransportError::timeout),
        fails(|| "of a layer"),
        answer(500, ""),
        answer(503, ""),
    ] {
        let script = Scripted::new([taken, accepted()]);
        assert_eq!(sent_for_sale(&script, false).await, 1);
    }
    for not_taken in [
        fails(REFUSED),
        fails(|| TransportError::unread("refused stream")),
        wait("1"),
    ] {
        let script = Scripted::new([not_taken, accepted()]);
        assert_eq!(sent_for_sale(&script, false).await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lead_could_count_twice_unless_the_service_is_known_to_count_it_once() {
    let lead = || Lead::new(click(), "Sign Up", "user_001");
    for (repeat, sent) in [(false, 1), (true, 2)] {
        let script = Scripted::new([answer(500, ""), answer(200, "null")]);
        let refport = script.client(|builder| builder.repeat_leads(repeat));
        assert_eq!(refport.track.lead(lead()).await.is_ok(), repeat);
        assert_eq!(script.sent(), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn an_embed_token_is_asked_for_again() {
    let token = r#"{"publicToken":"pt_1","expires":"2026-11-21T08:30:00.000Z"}"#;
    let script = Scripted::new([fails(BROKEN), answer(200, token)]);
    let request = EmbedTokenRequest::tenant("user_001");
    assert!(
        script
            .client(|builder| builder)
            .embed_tokens
            .create(request)
            .await
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn what_will_not_change_is_not_repeated() {
    for status in [302, 400, 401, 402, 403, 404, 405, 409, 415, 422] {
        let script = Scripted::new([answer(status, ""), accepted()]);
        assert_eq!(sent_for_sale(&script, true).await, 1, "{status}");
    }
    let script = Scripted::new([answer(200, "not json"), accepted()]);
    assert_eq!(sent_for_sale(&script, true).await, 1, "it was accepted");
}

#[tokio::test(start_paused = true)]
async fn what_is_of_the_moment_is_repeated_where_it_counts_once() {
    for status in [408, 425, 500, 502, 503, 504] {
        let script = Scripted::new([answer(status, ""), accepted()]);
        assert_eq!(sent_for_sale(&script, true).await, 2, "{status}");
        let script = Scripted::new([answer(status, ""), accepted()]);
        let refport = script.client(|builder| builder);
        let error = refport.track.sale(sale()).await.unwrap_err();
        assert_eq!(script.sent(), 1, "{status}: it could count twice");
        assert!(error.is_retryable() && !error.is_acknowledged(), "{status}");
    }
}

/// For waits that nobody has to sit through.
fn patient(builder: RefportBuilder) -> RefportBuilder {
    builder.total_timeout(Duration::from_secs(60))
}

/// Not of a 429 alone.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_asked_for_is_kept_to_whatever_the_status() {
    for status in [408, 425, 500, 503] {
        for (asked, least, most) in [("2", 2.0, 2.1), ("0", 0.1, 0.4), ("3600", 5.0, 5.1)] {
            let script = Scripted::new([asking(status, asked), accepted()]);
            let refport =
                script.client(|builder| patient(builder).max_retry_after(Duration::from_secs(5)));
            let start = Instant::now();
            refport.track.sale(sale_once()).await.unwrap();
            let waited = start.elapsed().as_secs_f64();
            assert!(
                (least..=most).contains(&waited),
                "{status} {asked}: {waited}"
            );
        }
        // One that outlasts the call is not begun, by no call.
        let script = Scripted::new([asking(status, "45")]);
        let refport = script.client(|builder| builder);
        for sent in 1..=2 {
            let error = refport.track.sale(sale_once()).await.unwrap_err();
            let waits = error.as_api().unwrap().retry_after();
            assert_eq!(waits, Some(Duration::from_secs(45)), "{status}");
            assert_eq!(script.sent(), sent, "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_sends_the_same_request() {
    let script = Scripted::new([answer(500, ""), fails(BROKEN), accepted()]);
    assert_eq!(sent_for_sale(&script, true).await, 3);
    let seen = script.seen();
    for request in &seen {
        assert_eq!(request.uri(), "https://app.refport.co/api/track/sale");
        assert_eq!(request.body(), seen[0].body());
        assert_eq!(request.headers(), seen[0].headers());
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_and_the_last_error_is_answered() {
    for (attempts, sent) in [(1, 1), (2, 2), (5, 5)] {
        let script = Scripted::new([
            fails(REFUSED),
            fails(REFUSED),
            fails(REFUSED),
            fails(REFUSED),
            answer(500, ""),
        ]);
        let refport = script.client(|builder| patient(builder).max_attempts(attempts));
        let error = refport.track.sale(sale_once()).await.unwrap_err();
        assert_eq!(script.sent(), sent);
        assert_eq!(error.as_api().is_some(), attempts == 5, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_with_jitter_between_their_bounds() {
    let script = Scripted::new([answer(500, "")]);
    let (first, longest) = (Duration::from_millis(100), Duration::from_millis(400));
    let refport = script.client(|builder| builder.max_attempts(5).backoff(first, longest));
    let start = Instant::now();
    refport.track.sale(sale_once()).await.unwrap_err();
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(550) && waited <= Duration::from_millis(1700),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_kept_to_and_cut_at_its_bound() {
    for (asked, least, most) in [("2", 2.0, 2.5), ("1.5", 1.5, 2.0), ("3600", 5.0, 5.5)] {
        let script = Scripted::new([wait(asked), accepted()]);
        let refport =
            script.client(|builder| patient(builder).max_retry_after(Duration::from_secs(5)));
        let start = Instant::now();
        refport.track.sale(sale_once()).await.unwrap();
        let waited = start.elapsed().as_secs_f64();
        assert!((least..=most).contains(&waited), "{asked}: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_outlasts_the_call_is_not_begun() {
    let script = Scripted::new([wait("45"), accepted()]);
    let refport = script.client(|builder| builder);
    let start = Instant::now();
    let error = refport.track.sale(sale_once()).await.unwrap_err();
    let api = error.as_api().expect("the answer, and not a time-out");
    assert_eq!(
        (api.kind(), api.retry_after()),
        (ErrorKind::RateLimit, Some(Duration::from_secs(45)))
    );
    assert_eq!(api.request_id(), Some("req_7"));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn one_429_makes_all_clones_wait() {
    let script = Scripted::new([wait("10"), accepted()]);
    let refport = script.client(|builder| patient(builder).max_attempts(1));
    let clone = refport.clone();
    refport.track.sale(sale_once()).await.unwrap_err();

    let start = Instant::now();
    clone.track.sale(sale_once()).await.unwrap();
    assert!(
        start.elapsed() >= Duration::from_secs(9),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(script.sent(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clone_that_cannot_wait_that_long_is_told_without_sending() {
    let script = Scripted::new([wait("50"), accepted()]);
    let refport = script.client(|builder| builder.max_attempts(1));
    refport.track.sale(sale_once()).await.unwrap_err();
    sleep(Duration::from_secs(5)).await;

    let error = refport.clone().track.sale(sale_once()).await.unwrap_err();
    let api = error.as_api().unwrap();
    assert_eq!(
        (api.kind(), api.message()),
        (ErrorKind::RateLimit, Some("slow down"))
    );
    assert_eq!(
        api.retry_after().map(|wait| wait.as_secs_f64().round()),
        Some(45.0),
        "what is left"
    );
    assert_eq!(script.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_budget_ends_repeats_when_too_many_calls_need_them() {
    let script = Scripted::new([answer(500, "")]);
    let refport = script.client(|builder| builder.max_attempts(2).retry_budget(0, 0.0));
    refport.track.sale(sale_once()).await.unwrap_err();
    assert_eq!(script.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn budgets_cut_what_never_answers() {
    let never = tower::service_fn(|_: Request<Bytes>| {
        std::future::pending::<Result<Response<Bytes>, TransportError>>()
    });
    let build = |attempt: u64, total: u64| {
        let builder = refport_core::Refport::builder("rk_test").transport(never);
        builder
            .attempt_timeout(Duration::from_secs(attempt))
            .total_timeout(Duration::from_secs(total))
            .build()
            .unwrap()
    };
    for (attempt, total, counts_once, least, most) in [
        (2, 60, true, 6.0, 7.0),
        (2, 60, false, 2.0, 2.0),
        (60, 3, true, 3.0, 3.0),
        (2, 5, true, 4.0, 5.0),
    ] {
        let start = Instant::now();
        let sale = if counts_once { sale_once() } else { sale() };
        let error = build(attempt, total).track.sale(sale).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        let took = start.elapsed().as_secs_f64();
        assert!(
            (least..=most + 0.01).contains(&took),
            "{attempt} of {total}: {took}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn layers_see_every_attempt_the_last_one_outermost() {
    let script = Scripted::new([answer(500, ""), accepted()]);
    let mark = |name: &'static str| {
        tower::util::MapRequestLayer::new(move |mut request: Request<Bytes>| {
            request
                .headers_mut()
                .append("x-layer", name.parse().unwrap());
            request
        })
    };
    let refport = script.client(|builder| builder.layer(mark("inner")).layer(mark("outer")));
    refport.track.sale(sale_once()).await.unwrap();
    for request in script.seen() {
        let layers: Vec<_> = request.headers().get_all("x-layer").iter().collect();
        assert_eq!(layers, ["outer", "inner"]);
    }
    assert_eq!(script.sent(), 2);
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let builder =
        || refport_core::Refport::builder("rk_test").transport(Scripted::new([accepted()]));
    for (builder, want) in [
        (builder().max_attempts(0), "max_attempts must be at least 1"),
        (builder().retry_budget(1, -1.0), "retry budget"),
        (builder().base_url("http://example.com"), "allow_http"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    assert!(
        builder()
            .base_url("http://example.com")
            .allow_http(true)
            .build()
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn the_hook_hears_of_each_failed_call_once() {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&heard);
    let script = Scripted::new([
        answer(500, ""),
        answer(500, ""),
        answer(500, ""),
        accepted(),
    ]);
    let refport = script.client(move |builder| {
        builder.on_error(move |error: &Error| log.lock().unwrap().push(error.to_string()))
    });
    refport.track.sale(sale_once()).await.unwrap_err();
    refport.track.sale(sale_once()).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), ["service answered 500"]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_together_are_not_repeated_together() {
    let second = Duration::from_secs(1);
    for status in [500, 429] {
        let mut waits = std::collections::HashSet::new();
        for _ in 0..8 {
            let script = Scripted::new([answer(status, "")]);
            let refport = script.client(|builder| builder.max_attempts(2).backoff(second, second));
            let start = Instant::now();
            refport.track.sale(sale_once()).await.unwrap_err();
            waits.insert(start.elapsed().as_millis());
        }
        assert!(waits.len() > 1, "the same wait eight times: {waits:?}");
        assert!(waits.iter().all(|wait| (666..=1001).contains(wait)));
    }
}

#[tokio::test(start_paused = true)]
async fn budgets_without_an_end_are_no_error() {
    let script = Scripted::new([answer(500, ""), accepted()]);
    let refport = script.client(|builder| {
        builder
            .attempt_timeout(Duration::MAX)
            .total_timeout(Duration::MAX)
    });
    assert!(refport.track.sale(sale_once()).await.is_ok());
    assert_eq!(script.sent(), 2);
}
