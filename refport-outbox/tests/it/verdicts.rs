//! What becomes of an event and of its destination, by what the destination answers.

use std::time::Duration;

use refport_outbox::{DeadLetter, Outbox, Page, State, refport_core::Lead};

use crate::{
    database::{Database, HOUR, MINUTE, SECOND},
    scripted::{Does, Service, click, enqueue},
    trouble::{Log, build, states, uncertain, worker},
};

/// More than 20 attempts take, the longest waits between them.
const HOURS: usize = 24;

/// The page of something between us and the service.
const fn page(status: u16) -> Does {
    Does::Answers(status, None, None)
}

async fn dead(outbox: &Outbox) -> Vec<DeadLetter> {
    let page = Page::first().limit(1000);
    outbox.dead_letters(&page).await.unwrap()
}

async fn is_dead(outbox: &Outbox, key: &str) -> bool {
    dead(outbox).await.iter().any(|dead| dead.key == key)
}

pub(crate) async fn a_poisoned_sale_beside_one_a_minute_delays_none_and_dies(database: Database) {
    const MINUTES: usize = 6 * 60;
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("poison", page(403));
    enqueue(&outbox, ["poison".to_owned()]).await;
    let mut worker = build(worker(&outbox, &service));
    for minute in 0..MINUTES {
        enqueue(&outbox, [format!("inv_{minute:03}")]).await;
        for _ in 0..2 {
            worker.drain().await.unwrap();
            database.pass(30 * SECOND);
        }
        let counted = service.counted("invoiceId").len();
        assert_eq!(counted, minute + 1, "within its minute");
    }
    for hour in 0..6 {
        for _ in 0..6 {
            worker.drain().await.unwrap();
            database.pass(10 * MINUTE);
        }
        enqueue(&outbox, [format!("late_{hour}")]).await;
    }
    worker.drain().await.unwrap();
    let dead = dead(&outbox).await;
    let [dead] = dead.as_slice() else {
        panic!("{dead:?}");
    };
    assert_eq!((dead.key.as_str(), dead.attempts), ("sale:poison", 20));
    assert_eq!(
        (dead.reason.as_str(), dead.status),
        ("unexplained", Some(403))
    );
    assert_eq!(service.calls_of("poison"), 20);
    assert_eq!(service.counted("invoiceId").len(), MINUTES + 6);
    assert_eq!(outbox.paused().await.unwrap(), []);
}

/// A 401 as well, where others succeed.
pub(crate) async fn a_poisoned_sale_dies_whatever_its_answer(database: Database) {
    for (number, (answer, beside)) in [
        (page(403), false),
        (page(302), false),
        (Does::Nonsense, false),
        (page(500), false),
        (page(403), true),
        (Does::Answers(403, Some("FORBIDDEN"), None), true),
        (Does::Answers(401, Some("UNAUTHORIZED"), None), true),
        (Does::Nonsense, true),
        (page(500), true),
    ]
    .into_iter()
    .enumerate()
    {
        let (outbox, service) = (database.outbox(), Service::refport());
        let poison = format!("poison_{number}");
        service.with_invoice(&poison, answer.clone());
        enqueue(&outbox, [poison.clone()]).await;
        let mut worker = build(worker(&outbox, &service));
        for step in 0..HOURS {
            if beside {
                enqueue(&outbox, [format!("beside_{number}_{step}")]).await;
            }
            worker.drain().await.unwrap();
            database.pass(HOUR);
        }
        let key = format!("sale:{poison}");
        assert!(is_dead(&outbox, &key).await, "{answer:?}, {beside}");
        // A key that was not taken once was perhaps the destination's fault.
        let calls = service.calls_of(&poison);
        assert!((20..=21).contains(&calls), "{answer:?}: {calls}");
        let want = if beside { HOURS } else { 0 };
        assert_eq!(service.counted("invoiceId").len(), want, "{answer:?}");
        let _ = outbox.resume("refport").await;
    }
}

pub(crate) async fn a_poisoned_sale_among_many_delays_none_and_dies(database: Database) {
    const EVENTS: usize = 500;
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("inv_000", page(403));
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("inv_{number:03}")),
    )
    .await;
    let mut worker = build(worker(&outbox, &service));
    worker.drain().await.unwrap();
    database.pass(2 * SECOND);
    worker.drain().await.unwrap();
    assert_eq!(service.counted("invoiceId").len(), EVENTS - 1);
    for step in 0..HOURS {
        let more = (0..4).map(|number| format!("more_{step}_{number}"));
        enqueue(&outbox, more).await;
        worker.drain().await.unwrap();
        database.pass(HOUR);
    }
    assert_eq!(service.counted("invoiceId").len(), EVENTS - 1 + 4 * HOURS);
    assert_eq!(service.calls_of("inv_000"), 20);
    assert!(is_dead(&outbox, "sale:inv_000").await);
}

pub(crate) async fn a_page_in_the_services_place_buries_nothing(database: Database) {
    const EVENTS: usize = 200;
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("inv_{number:03}")),
    )
    .await;
    let mut worker = build(worker(&outbox, &service));
    for answer in [Does::Nonsense, page(404), page(403)] {
        let log = Log::default();
        let logging = log.listen();
        service.always(answer.clone());
        for _ in 0..10 * 6 {
            worker.drain().await.unwrap();
            database.pass(10 * MINUTE);
        }
        drop(logging);
        let logged = log.text();
        assert!(logged.contains("WARN"), "{answer:?}: {logged}");
        assert!(logged.contains("a wrong address"), "{answer:?}: {logged}");
        let paused = outbox.paused().await.unwrap();
        assert_eq!(paused.len(), 1, "{answer:?}");
        assert_eq!(states(&outbox).await, [(State::Waiting, EVENTS as u64)]);
    }
    let calls = service.calls();
    assert!(calls < 200, "{calls} in 30 hours");
    service.always(Does::Takes);
    for _ in 0..12 {
        database.pass(10 * MINUTE);
        worker.drain().await.unwrap();
    }
    assert_eq!(states(&outbox).await, [(State::Delivered, EVENTS as u64)]);
    assert_eq!(service.counted("invoiceId").len(), EVENTS);
    assert_eq!(outbox.paused().await.unwrap(), []);
}

/// Nor does a drain that is run anew each minute.
pub(crate) async fn a_page_buries_nothing_by_workers_that_begin_anew(database: Database) {
    const EVENTS: usize = 200;
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("inv_{number:03}")),
    )
    .await;
    service.always(Does::Nonsense);
    for _ in 0..2 * 60 {
        build(worker(&outbox, &service)).drain().await.unwrap();
        database.pass(MINUTE);
    }
    assert_eq!(states(&outbox).await, [(State::Waiting, EVENTS as u64)]);
}

/// What comes of the first answer, of each.
pub(crate) async fn each_answer_has_its_verdict(database: Database) {
    let own = |status, code| Does::Answers(status, Some(code), None);
    let (address, failing) = (Some("unexplained"), None);
    let cases = [
        // The answer, whether it is dead at once, whether it counts, and what pauses.
        (own(400, "INVALID_CLICK_ID"), true, true, None),
        (own(409, "CONFLICT"), true, true, None),
        (own(413, "PAYLOAD_TOO_LARGE"), true, true, None),
        (own(422, "VALIDATION_ERROR"), true, true, None),
        (own(401, "UNAUTHORIZED"), false, false, Some("denied")),
        (page(401), false, false, Some("denied")),
        (own(403, "FORBIDDEN"), false, false, Some("denied")),
        (page(403), false, true, address),
        (page(400), false, true, address),
        (page(413), false, true, address),
        (page(422), false, true, address),
        (page(404), false, true, address),
        (own(404, "NOT_FOUND"), false, true, address),
        (page(405), false, true, address),
        (own(405, "METHOD_NOT_ALLOWED"), false, true, address),
        (own(402, "PAYMENT_REQUIRED"), false, true, address),
        (own(415, "UNSUPPORTED_MEDIA_TYPE"), false, true, address),
        (page(301), false, true, address),
        (page(302), false, true, address),
        (page(307), false, true, address),
        (page(308), false, true, address),
        (Does::Nonsense, false, true, Some("unreadable_answer")),
        (own(408, "TIMEOUT"), false, true, failing),
        (page(408), false, true, failing),
        (page(425), false, true, failing),
        (page(500), false, true, failing),
        (own(503, "UNAVAILABLE"), false, true, failing),
        (Does::Breaks, false, true, failing),
        (page(429), false, false, Some("rate_limit")),
        (Does::IsGone, false, false, Some("unreachable")),
    ];
    for (number, (answer, dies, counts, pauses)) in cases.into_iter().enumerate() {
        for (most, is_last) in [(20, dies), (1, counts)] {
            let (outbox, service) = (database.outbox(), Service::refport());
            service.always(answer.clone());
            let invoice = format!("inv_{number}_{most}");
            enqueue(&outbox, [invoice.clone()]).await;
            let worker = || build(worker(&outbox, &service).max_attempts(most));
            worker().drain().await.unwrap();
            assert_eq!(service.calls(), 1);
            let is_dead = is_dead(&outbox, &format!("sale:{invoice}")).await;
            assert_eq!(is_dead, is_last, "{answer:?} of {most}");
            let paused = outbox.paused().await.unwrap();
            let reason = paused.first().map(|pause| pause.reason.as_str());
            assert_eq!(reason, pauses, "{answer:?}");

            // What waits is delivered when the answer is another.
            service.always(Does::Takes);
            database.pass(HOUR);
            worker().drain().await.unwrap();
            let want = usize::from(!is_last);
            assert_eq!(service.counted("invoiceId").len(), want, "{answer:?}");
            let _ = outbox.resume("refport").await;
        }
    }
}

/// What could count twice is sent again where it was certainly not taken, and nowhere else.
pub(crate) async fn what_could_count_twice_is_repeated_where_it_was_refused(database: Database) {
    for (answer, repeats) in [
        (page(403), true),
        (page(404), true),
        (page(302), false),
        (Does::Nonsense, false),
        (page(408), false),
    ] {
        let (outbox, service) = (database.outbox(), Service::refport());
        service.then([answer.clone()]);
        let key = format!("order {answer:?}");
        let _ = outbox.add(uncertain().key(key)).await.unwrap();
        let mut worker = build(worker(&outbox, &service));
        worker.drain().await.unwrap();
        database.pass(HOUR);
        worker.drain().await.unwrap();
        let calls = if repeats { 2 } else { 1 };
        assert_eq!(service.calls(), calls, "{answer:?}");
        let _ = outbox.resume("refport").await;
    }
    let dead = dead(&database.outbox()).await;
    assert_eq!(dead.len(), 3);
    assert!(dead.iter().all(|dead| dead.reason == "unclear"), "{dead:?}");
}

pub(crate) async fn a_wrong_set_up_buries_few(database: Database) {
    const EVENTS: usize = 200;
    /// Before it is seen.
    const FEW: usize = 19;
    let (outbox, service) = (database.outbox(), Service::refport());
    let log = Log::default();
    let logging = log.listen();
    service.always(Does::Answers(422, Some("WRONG_PROGRAM"), None));
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("inv_{number:03}")),
    )
    .await;
    let mut worker = build(worker(&outbox, &service));
    for _ in 0..24 {
        worker.drain().await.unwrap();
        database.pass(HOUR);
    }
    drop(logging);
    let logged = log.text();
    assert!(logged.contains("a mistake of the set-up"), "{logged}");
    assert_eq!(dead(&outbox).await.len(), FEW);
    let paused = outbox.paused().await.unwrap();
    let seen = (paused[0].reason.as_str(), paused[0].code.as_deref());
    assert_eq!(seen, ("refused", Some("WRONG_PROGRAM")));

    // The set-up is put right.
    service.always(Does::Takes);
    database.pass(10 * MINUTE);
    worker.drain().await.unwrap();
    assert_eq!(service.counted("invoiceId").len(), EVENTS - FEW);
    assert_eq!(outbox.paused().await.unwrap(), []);
}

/// As of a shop whose clicks are made up: a sale that is taken shows that it was no mistake of the set-up.
pub(crate) async fn refusals_that_were_the_events_end_with_the_next_success(database: Database) {
    const EVENTS: usize = 60;
    let (outbox, service) = (database.outbox(), Service::refport());
    let refused = || Does::Answers(400, Some("INVALID_CLICK_ID"), None);
    for number in 0..EVENTS {
        service.with_invoice(&format!("bad_{number:02}"), refused());
    }
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("bad_{number:02}")),
    )
    .await;
    let mut worker = build(worker(&outbox, &service));
    worker.drain().await.unwrap();
    assert_eq!(dead(&outbox).await.len(), 19);
    for number in 0..EVENTS {
        database.pass(10 * MINUTE);
        enqueue(&outbox, [format!("good_{number:02}")]).await;
        worker.drain().await.unwrap();
    }
    let states = states(&outbox).await;
    let events = EVENTS as u64;
    assert_eq!(states, [(State::Delivered, events), (State::Dead, events)]);
}

pub(crate) async fn a_destination_is_tried_with_what_counts_once(database: Database) {
    const LEADS: usize = 50;
    let (outbox, service) = (database.outbox(), Service::refport());
    for number in 0..LEADS {
        let lead = Lead::new(click(), "Sign Up", format!("user_{number:02}"));
        let _ = outbox.lead(lead).await.unwrap();
    }
    enqueue(&outbox, (0..3).map(|number| format!("inv_{number}"))).await;
    service.always(page(502));
    let mut worker = build(worker(&outbox, &service));
    for _ in 0..3 * 12 {
        worker.drain().await.unwrap();
        database.pass(5 * MINUTE);
    }
    // Until it is known that it is the service.
    assert_eq!(dead(&outbox).await.len(), 5);
    service.always(Does::Takes);
    database.pass(10 * MINUTE);
    worker.drain().await.unwrap();
    let left = (LEADS + 3 - 5) as u64;
    assert_eq!(
        states(&outbox).await,
        [(State::Delivered, left), (State::Dead, 5)]
    );
}

pub(crate) async fn what_failed_goes_behind_what_did_not(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("failed", page(403));
    enqueue(&outbox, ["failed".to_owned()]).await;
    let mut worker = build(worker(&outbox, &service));
    worker.drain().await.unwrap();
    assert_eq!(outbox.paused().await.unwrap()[0].reason, "unexplained");
    // It is due before the others are there.
    database.pass(MINUTE);
    enqueue(&outbox, (0..20).map(|number| format!("inv_{number:02}"))).await;
    worker.drain().await.unwrap();
    let calls = service.called("invoiceId");
    assert_eq!(calls.len(), 22);
    let again = calls
        .iter()
        .rposition(|invoice| invoice == "failed")
        .unwrap();
    assert!(again > 10, "{calls:?}");
}

/// A service that asks to be left alone is not done with the event, whatever others do meanwhile.
pub(crate) async fn a_rate_limit_costs_no_attempt_beside_others(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let limited = Does::Answers(429, None, Some(Duration::from_secs(10)));
    service.with_invoice("limited", limited);
    enqueue(&outbox, ["limited".to_owned()]).await;
    let mut worker = build(worker(&outbox, &service).max_attempts(1));
    for number in 0..30 {
        enqueue(&outbox, [format!("inv_{number}")]).await;
        worker.drain().await.unwrap();
        database.pass(MINUTE);
    }
    assert_eq!(service.counted("invoiceId").len(), 30);
    assert_eq!(
        states(&outbox).await,
        [(State::Waiting, 1), (State::Delivered, 30)]
    );
}
