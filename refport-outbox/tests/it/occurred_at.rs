//! What holds on both databases of the time at which a lead or sale happened.

use refport_outbox::{
    Conflict, EnqueueError, Enqueued, Entry, Event, Outbox, Target,
    refport_core::{
        ClickIds, CookieName, Lead, Partli, Refport, Sale, Timestamp, test_util::Recorder,
    },
};
use serde_json::Value;

use crate::{
    database::{Database, HOUR, MINUTE, START},
    leases::kill,
    scripted::{Does, Service, click, sale},
    trouble::{build, worker},
};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn lead() -> Lead {
    Lead::new(click(), "Sign Up", "user_001")
}

/// The times that the service was told, one for each event that it counted.
fn times(service: &Service) -> Vec<i64> {
    let millis = |time: Value| {
        let time: Timestamp = serde_json::from_value(time).expect("each has a time");
        time.as_millis()
    };
    let mut times: Vec<_> = service
        .counted("occurredAt")
        .into_iter()
        .map(millis)
        .collect();
    times.sort_unstable();
    times
}

async fn drain(outbox: &Outbox, service: &Service) {
    build(worker(outbox, service)).drain().await.unwrap();
}

/// At the first attempt, after a failure, and where another worker takes over.
pub(crate) async fn what_says_no_time_happened_when_it_was_enqueued(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.lead(lead()).await.unwrap();
    database.pass(1);
    let enqueued = database.order(&outbox, "1", sale("first"), true).await;
    assert_eq!(enqueued.unwrap(), Enqueued::New);
    database.pass(HOUR);
    drain(&outbox, &service).await;
    assert_eq!(times(&service), [START, START + 1]);

    let service = Service::refport();
    let began = database.now();
    let _ = outbox.sale(sale("fails")).await.unwrap();
    service.then([Does::Breaks]);
    drain(&outbox, &service).await;
    database.pass(1);
    let _ = outbox.sale(sale("held")).await.unwrap();
    kill(worker(&outbox, &service), &service).await;
    database.pass(HOUR);
    drain(&outbox, &service).await;
    assert_eq!(times(&service), [began, began + 1]);
}

/// Many at once are claimed by another statement.
pub(crate) async fn each_of_many_has_its_own_time(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    for number in 0..200 {
        let _ = outbox.sale(sale(&format!("inv_{number}"))).await.unwrap();
        database.pass(1);
    }
    drain(&outbox, &service).await;
    assert_eq!(times(&service), (START..START + 200).collect::<Vec<_>>());
}

pub(crate) async fn what_says_when_it_happened_keeps_that(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let (signed_up, paid) = (at(START - HOUR), at(START - MINUTE));
    let _ = outbox.lead(lead().occurred_at(signed_up)).await.unwrap();
    let paid = sale("inv_1").occurred_at(paid);
    let _ = database.order(&outbox, "1", paid, true).await.unwrap();
    drain(&outbox, &service).await;
    assert_eq!(times(&service), [START - HOUR, START - MINUTE]);
}

/// A service refuses what is yet to happen.
pub(crate) async fn what_a_clock_that_is_ahead_enqueued_happens_now(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    database.pass(30 * 24 * HOUR);
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    database.pass(-30 * 24 * HOUR);
    drain(&outbox, &service).await;
    assert_eq!(times(&service), [START]);
}

pub(crate) async fn the_same_event_is_a_duplicate_whenever_it_is_enqueued(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    for (order, want) in [
        ("1", Enqueued::New),
        ("2", Enqueued::Duplicate),
        ("3", Enqueued::Duplicate),
    ] {
        let enqueued = database.order(&outbox, order, sale("inv_1"), true).await;
        assert_eq!(enqueued.unwrap(), want);
        assert_eq!(outbox.lead(lead()).await.unwrap(), want);
        database.pass(HOUR);
        // Before and after the delivery.
        if order == "2" {
            drain(&outbox, &service).await;
        }
    }
    assert_eq!(times(&service), [START, START], "the first time");
}

/// As with any other field that is given.
pub(crate) async fn two_times_that_were_given_are_two_events(database: Database) {
    let outbox = database.outbox();
    let timed = || sale("inv_1").occurred_at(at(START));
    assert_eq!(outbox.sale(timed()).await.unwrap(), Enqueued::New);
    assert_eq!(outbox.sale(timed()).await.unwrap(), Enqueued::Duplicate);
    for (other, says) in [
        (
            timed().occurred_at(at(START + 1)),
            r#"occurredAt ("2026-11-21T08:30:00.000Z", and not "2026-11-21T08:30:00.001Z")"#,
        ),
        (
            sale("inv_1"),
            r#"occurredAt ("2026-11-21T08:30:00.000Z", and not null)"#,
        ),
    ] {
        let error = outbox.sale(other.clone()).await.unwrap_err();
        let EnqueueError::Conflict(conflict) = error else {
            panic!("{error:?}");
        };
        let conflict: Conflict = *conflict;
        assert_eq!(conflict.stored(), Some(&timed().into()));
        assert_eq!(conflict.given(), &other.into());
        assert!(conflict.to_string().contains(says), "{conflict}");
    }
}

/// Writes a row as another driver does, or as an older version of this crate did.
async fn insert(database: &Database, key: &str, payload: &str, created_at: i64) {
    let insert = format!(
        "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
        VALUES ('{key}', 'refport', '{payload}', {created_at})"
    );
    database.execute(&insert).await;
}

/// As they were written before there was such a field: by version 1 of the payload, as now.
pub(crate) async fn what_was_stored_before_is_delivered_with_its_time(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let stored = r#"{"v":1,"sale":{"clickId":"clk_1","customerExternalId":"user_001","amount":4900,"invoiceId":"inv_1"}}"#;
    insert(&database, "sale:inv_1", stored, START - 24 * HOUR).await;
    let stored = r#"{"v":1,"lead":{"clickId":"clk_1","eventName":"Sign Up","customerExternalId":"user_001"}}"#;
    insert(
        &database,
        "lead:sign up:user_001",
        stored,
        START - 48 * HOUR,
    )
    .await;
    assert_eq!(
        outbox.sale(sale("inv_1")).await.unwrap(),
        Enqueued::Duplicate
    );
    assert_eq!(outbox.lead(lead()).await.unwrap(), Enqueued::Duplicate);
    drain(&outbox, &service).await;
    assert_eq!(times(&service), [START - 48 * HOUR, START - 24 * HOUR]);
}

/// As text or as a number.
pub(crate) async fn whoever_writes_the_row_may_say_when_it_happened(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    for (invoice, time) in [
        ("text", r#""2026-11-21T09:00:00+01:00""#.to_owned()),
        ("number", (START - HOUR).to_string()),
    ] {
        let payload = format!(
            r#"{{"v":1,"sale":{{"clickId":"clk_1","customerExternalId":"user_001","amount":4900,"invoiceId":"{invoice}","occurredAt":{time}}}}}"#
        );
        insert(&database, &format!("sale:{invoice}"), &payload, START).await;
    }
    // Otherwise written, and the same.
    let number = sale("number").occurred_at(at(START - HOUR));
    assert_eq!(outbox.sale(number).await.unwrap(), Enqueued::Duplicate);
    drain(&outbox, &service).await;
    assert_eq!(times(&service), [START - HOUR, START - 30 * MINUTE]);
}

/// Of two services, the one that takes it.
pub(crate) async fn the_client_says_whether_its_service_is_told(database: Database) {
    let outbox = database
        .outbox()
        .destinations([Target::refport(), Target::partli()]);
    let mut clicks = ClickIds::default();
    clicks.insert(CookieName::REFPORT, click());
    clicks.insert(CookieName::PARTLI, click());
    let entry = |event| Entry::new(event).clicks(clicks.clone());
    let sale = Sale::without_click("user_001", 4900).invoice_id("inv_1");
    let lead = Lead::without_click("Sign Up", "user_001");
    for event in [Event::from(sale), lead.into()] {
        let enqueued = outbox.add(entry(event)).await.unwrap();
        assert_eq!(enqueued, Enqueued::New);
    }
    database.pass(HOUR);

    let (public, own) = (Recorder::new(), Recorder::new());
    let refport = Refport::builder("rk_test").transport(public.clone());
    let partli = Partli::builder("pk_live_test").transport(own.clone());
    let partli = partli.base_url("https://refport.example.com");
    let worker = outbox
        .worker()
        .deliver_to(refport.build().unwrap())
        .deliver_to(partli.build().unwrap());
    assert_eq!(build(worker).drain().await.unwrap().delivered, 4);
    let sold = |recorder: &Recorder| recorder.sales()[0].get_occurred_at();
    let signed_up = |recorder: &Recorder| recorder.leads()[0].get_occurred_at();
    assert_eq!((sold(&public), signed_up(&public)), (None, None));
    assert_eq!(
        (sold(&own), signed_up(&own)),
        (Some(at(START)), Some(at(START)))
    );
}
