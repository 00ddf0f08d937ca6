//! The blocking client, on real sockets.

use std::{net::TcpListener, thread, time::Duration};

use refport_core::{
    ClickId, EmbedTokenRequest, Error, Lead, Sale,
    blocking::{Partli, Refport},
    track::{NothingToReport, Outcome},
};

use crate::threaded::Service;

const SALE: &str = r#"{"sale":{"id":"sale_1","amount":4900,"commissionAmount":490}}"#;

impl Service {
    fn client(&self) -> Refport {
        Refport::builder("rk_test")
            .base_url(&self.url)
            .build()
            .unwrap()
    }
}

fn click() -> ClickId {
    "clk_1".parse().unwrap()
}

fn sale() -> Sale {
    Sale::new(click(), "user_001", 4900)
}

#[test]
fn the_calls_are_those_of_the_other_client() {
    let service = Service::start(SALE, 10);
    let answer = service.client().track.sale(sale()).unwrap();
    let answer = answer.accepted().unwrap();
    assert_eq!(answer.sale.commission_amount, Some(490));
    assert_eq!(service.seen(), ["post /api/track/sale http/1.1"]);

    let service = Service::start("null", 10);
    let lead = Lead::new(click(), "Sign Up", "user_001");
    let outcome = service.client().track.lead(lead).unwrap();
    assert_eq!(outcome, Outcome::NothingToReport(NothingToReport::NoLink));
    assert_eq!(service.seen(), ["post /api/track/lead http/1.1"]);

    let body = r#"{"publicToken":"pt_1","expires":"2026-11-21T08:30:00.000Z"}"#;
    let service = Service::start(body, 10);
    let request = EmbedTokenRequest::tenant("org_1");
    let token = service.client().embed_tokens.create(request).unwrap();
    assert_eq!(token.public_token, "pt_1");
}

#[test]
fn partlis_calls_are_those_of_its_other_client() {
    let service = |body| {
        let service = Service::start(body, 10);
        let partli = Partli::builder("pk_live_test").base_url(&service.url);
        (partli.build().unwrap(), service)
    };
    let lead = || Lead::new(click(), "Sign Up", "user_001");

    let (partli, attributed) = service(r#"{"eventId":"7f3c","attributed":true}"#);
    let outcome = partli.track.sale(sale().invoice_id("inv_001")).unwrap();
    assert_eq!(partli.track.lead(lead()).unwrap(), outcome);
    let answer = outcome.accepted().unwrap();
    assert_eq!(answer.event_id.as_deref(), Some("7f3c"));
    let error = partli.track.sale(sale()).unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.field() == "externalId"));
    let sent = [
        "post /api/track/sale http/1.1",
        "post /api/track/lead http/1.1",
    ];
    assert_eq!(attributed.seen(), sent);

    let (partli, nobody) = service(r#"{"eventId":null,"attributed":false}"#);
    let unpaid = Outcome::NothingToReport(NothingToReport::NotAttributed);
    assert_eq!(partli.track.lead(lead()).unwrap(), unpaid);
    let outcome = partli.track.sale(sale().invoice_id("inv_001"));
    assert_eq!(outcome.unwrap(), unpaid);
    let free = Sale::new(click(), "user_001", 0);
    let outcome = partli.track.sale(free).unwrap();
    assert_eq!(
        outcome,
        Outcome::NothingToReport(NothingToReport::ZeroAmount)
    );
    assert_eq!(nobody.seen().len(), 2);
}

#[test]
fn many_threads_share_one_client() {
    let service = Service::start(SALE, usize::MAX);
    let refport = service.client();
    thread::scope(|scope| {
        for _ in 0..8 {
            let refport = refport.clone();
            scope.spawn(move || {
                for _ in 0..25 {
                    refport.track.sale(sale()).unwrap();
                }
            });
        }
    });
    assert_eq!(service.seen().len(), 200);
}

/// A lead is never sent twice, so a pooled connection that is used after the service closed it
/// would be an error.
#[test]
fn connections_that_were_closed_between_two_calls_are_not_used() {
    let service = Service::start("null", 1);
    let refport = service.client();
    for round in 0..10 {
        let lead = Lead::new(click(), "Sign Up", "user_001");
        let answer = refport.track.lead(lead);
        assert!(answer.is_ok(), "round {round}: {answer:?}");
        service.close_connection();
    }
    assert_eq!(service.seen().len(), 10);
}

#[test]
fn a_service_that_never_answers_uses_up_the_budget_and_no_more() {
    let black_hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", black_hole.local_addr().unwrap());
    let refport = Refport::builder("rk_test")
        .base_url(url)
        .total_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let start = std::time::Instant::now();
    assert!(refport.track.sale(sale()).unwrap_err().is_timeout());
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn it_works_where_a_runtime_lets_threads_block() {
    let service = Service::start(SALE, 10);
    let refport = service.client();
    let sold = tokio::task::spawn_blocking(move || {
        let outcome = refport.track.sale(sale())?;
        // Also on the runtime's own thread, which it holds up meanwhile.
        refport.track.sale(sale())?;
        Ok::<_, Error>(outcome)
    });
    assert!(sold.await.unwrap().unwrap().accepted().is_some());
    let refport = service.client();
    refport.track.sale(sale()).unwrap();

    let partli = Partli::builder("pk_live_test").base_url(&service.url);
    let error = partli.build().unwrap().track.sale(sale()).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert_eq!(service.seen().len(), 3);
}

#[test]
fn where_it_would_wait_for_itself_it_is_refused() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let (told, hears) = std::sync::mpsc::sync_channel(1);
    let other = Refport::builder("rk_test").base_url(&url).build().unwrap();
    let refport = Refport::builder("rk_test")
        .base_url(&url)
        .max_attempts(1)
        .on_error(move |_| told.send(other.track.sale(sale()).unwrap_err()).unwrap());
    let error = refport.build().unwrap().track.sale(sale()).unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    let within = hears.recv().unwrap();
    assert!(matches!(within, Error::Blocking), "{within:?}");
    assert!(!within.is_retryable(), "a mistake, which no repeat mends");
}

#[tokio::test]
async fn the_last_clone_may_go_within_a_runtime() {
    let service = Service::start(SALE, 10);
    let refport = service.client();
    let used = refport.clone();
    thread::spawn(move || used.track.sale(sale()).unwrap())
        .join()
        .unwrap();
    drop(refport);
}

#[test]
fn the_key_stays_out_of_debug() {
    let refport = Refport::builder("rk_secret").base_url("http://localhost");
    let refport = refport.build().unwrap();
    let partli = Partli::builder("pk_secret").build().unwrap();
    let text = format!("{refport:?} {partli:?}");
    assert!(!text.contains("_secret"), "{text}");
}
