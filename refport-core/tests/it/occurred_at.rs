//! To whom it is told when a lead or sale happened.

use std::time::Duration;

use refport_core::{
    ClickIds, Client, ClientBuilder, CookieName, Lead, Partli, Refport, Sale, Timestamp, Track,
    destination::{Destination, FanOut, Patience, Program},
    track::Background,
};
use serde_json::Value;

use crate::scripted::{Scripted, answer, click};

const AT: &str = "2026-11-21T08:30:00.000Z";
/// An instant of its own where it is written otherwise.
const AT_ELSEWHERE: &str = "2026-11-21T09:30:00+01:00";

/// A server of somebody's own.
const OWN: &str = "https://refport.example.com";

fn at() -> Timestamp {
    AT_ELSEWHERE.parse().unwrap()
}

fn sale() -> Sale {
    let sale = Sale::new(click(), "user_001", 4900).invoice_id("inv_001");
    sale.currency("usd").occurred_at(at())
}

fn lead() -> Lead {
    Lead::new(click(), "Sign Up", "user_001").occurred_at(at())
}

/// Takes reports of both dialects.
fn taking() -> Scripted {
    let both = r#"{"sale":{"id":"sale_1"},"eventId":"7f3c","attributed":true}"#;
    Scripted::new([answer(200, both)])
}

/// What was said of the time in each request.
fn times(script: &Scripted) -> Vec<Option<String>> {
    let time = |body: Value| body.get("occurredAt").map(|at| at.as_str().unwrap().into());
    let seen = script.seen();
    seen.iter()
        .map(|request| time(serde_json::from_slice(request.body()).unwrap()))
        .collect()
}

fn told() -> Option<String> {
    Some(AT.to_owned())
}

type Change<C> = fn(ClientBuilder<C>) -> ClientBuilder<C>;

/// How a client is made, and whether its service is told.
fn cases<C: Client>() -> [(Change<C>, Option<String>); 9] {
    [
        (|client| client, None),
        (|client| client.base_url(Refport::DEFAULT_BASE_URL), None),
        (|client| client.base_url(Partli::DEFAULT_BASE_URL), None),
        (|client| client.base_url(OWN), told()),
        (|client| client.base_url("http://127.0.0.1:4800"), told()),
        (|client| client.send_occurred_at(true), told()),
        (
            |client| client.send_occurred_at(true).base_url("https://partli.app"),
            told(),
        ),
        (|client| client.send_occurred_at(false).base_url(OWN), None),
        (|client| client.base_url(OWN).send_occurred_at(false), None),
    ]
}

fn refport(script: &Scripted, url: &str) -> Refport {
    script.client(|builder| builder.base_url(url))
}

fn partli(script: &Scripted, url: &str) -> Partli {
    let builder = Partli::builder("pk_live_secret").transport(script.clone());
    builder.base_url(url).build().unwrap()
}

#[tokio::test]
async fn a_server_of_ones_own_is_told_and_the_public_services_only_when_asked_for() {
    for (number, (settings, want)) in cases().into_iter().enumerate() {
        let script = taking();
        let refport = script.client(settings);
        refport.track.lead(lead()).await.unwrap();
        refport.track.sale(sale()).await.unwrap();
        assert_eq!(times(&script), [want.clone(), want], "refport, {number}");
    }
    for (number, (settings, want)) in cases().into_iter().enumerate() {
        let script = taking();
        let builder = Partli::builder("pk_live_secret").transport(script.clone());
        let partli = settings(builder).build().unwrap();
        partli.track.lead(lead()).await.unwrap();
        partli.track.sale(sale()).await.unwrap();
        assert_eq!(times(&script), [want.clone(), want], "partli, {number}");
    }
}

#[tokio::test]
async fn nobody_is_told_of_a_time_that_was_not_given() {
    let script = taking();
    let track = refport(&script, OWN).track;
    track
        .lead(Lead::new(click(), "Sign Up", "u"))
        .await
        .unwrap();
    track.sale(Sale::new(click(), "u", 1)).await.unwrap();
    assert_eq!(times(&script), [None, None]);
}

/// Whoever stands between the caller and the client.
#[tokio::test]
async fn the_rule_is_the_clients_whoever_calls_it() {
    for (url, want) in [(OWN, told()), (Refport::DEFAULT_BASE_URL, None)] {
        let script = taking();
        let client = refport(&script, url);

        let program = Program::new("resellers", CookieName::REFPORT, client.clone());
        program.report_sale(sale()).await.unwrap();
        let patient = program.patient(Patience::Worker).unwrap();
        patient.report_lead(lead()).await.unwrap();
        let track = Track::from(client.clone());
        track.sale(sale()).await.unwrap();
        let background = Background::new(client);
        Track::from(background.clone()).sale(sale()).await.unwrap();
        assert_eq!(background.flush(Duration::from_secs(60)).await, []);

        assert_eq!(times(&script), [(); 4].map(|()| want.clone()), "{url}");
    }
}

#[tokio::test]
async fn of_several_programs_each_is_told_as_its_own_client_says() {
    let (public, own) = (taking(), taking());
    let programs = FanOut::new()
        .to(refport(&public, Refport::DEFAULT_BASE_URL))
        .to(partli(&own, OWN));
    let mut clicks = ClickIds::default();
    clicks.insert(CookieName::REFPORT, click());
    for report in programs.report_sale(sale(), &clicks).await {
        report.outcome.unwrap();
    }
    for report in programs.report_lead(lead(), &clicks).await {
        report.outcome.unwrap();
    }
    assert_eq!(times(&public), [None, None]);
    assert_eq!(times(&own), [told(), told()]);
}

#[cfg(feature = "blocking")]
#[test]
fn the_blocking_clients_do_the_same() {
    use refport_core::blocking;

    for (url, want) in [(OWN, told()), (Refport::DEFAULT_BASE_URL, None)] {
        let script = taking();
        let refport = blocking::Refport::builder("rk_secret").base_url(url);
        let refport = refport.transport(script.clone()).build().unwrap();
        refport.track.lead(lead()).unwrap();
        refport.track.sale(sale()).unwrap();
        let partli = blocking::Partli::builder("pk_live_secret").base_url(url);
        let partli = partli.transport(script.clone()).build().unwrap();
        partli.track.lead(lead()).unwrap();
        partli.track.sale(sale()).unwrap();
        assert_eq!(times(&script), [(); 4].map(|()| want.clone()), "{url}");
    }
}

/// A recorder's own clients are those of the public services.
#[cfg(feature = "test-util")]
#[tokio::test]
async fn a_recorder_shows_what_the_service_is_told() {
    use refport_core::test_util::Recorder;

    let recorder = Recorder::new();
    recorder.refport().track.sale(sale()).await.unwrap();
    recorder.partli().track.lead(lead()).await.unwrap();
    assert_eq!(recorder.sales()[0].get_occurred_at(), None);
    assert_eq!(recorder.leads()[0].get_occurred_at(), None);

    let recorder = Recorder::new();
    let refport = Refport::builder("rk_test").send_occurred_at(true);
    let refport = refport.transport(recorder.clone()).build().unwrap();
    refport.track.sale(sale()).await.unwrap();
    refport.track.lead(lead()).await.unwrap();
    assert_eq!(
        (recorder.sales(), recorder.leads()),
        (vec![sale()], vec![lead()])
    );

    let recorder = Recorder::new();
    let partli = Partli::builder("pk_live_test").base_url(OWN);
    let partli = partli.transport(recorder.clone()).build().unwrap();
    partli.track.sale(sale()).await.unwrap();
    partli.track.lead(lead()).await.unwrap();
    assert_eq!(recorder.sales()[0].get_occurred_at(), Some(at()));
    assert_eq!(recorder.leads()[0].get_occurred_at(), Some(at()));
}
