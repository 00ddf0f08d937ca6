//! What holds on both databases where services and workers fail.

use std::{sync::LazyLock, time::Duration};

use refport_outbox::{
    Entry, Outbox, Page, State, Worker, WorkerBuilder,
    refport_core::{Lead, Sale},
};

use crate::{
    database::{Database, HOUR, MINUTE, SECOND},
    scripted::{Does, Service, click, enqueue, sale},
};

/// A worker for one service, whose waits are the same in every run.
pub(crate) fn worker(outbox: &Outbox, service: &Service) -> WorkerBuilder {
    outbox.worker().deliver_to(service.clone()).seed(7)
}

pub(crate) fn build(builder: WorkerBuilder) -> Worker {
    builder.build().unwrap()
}

/// A sale that could be counted twice.
pub(crate) fn uncertain() -> Entry {
    Entry::new(Sale::new(click(), "user_001", 4900)).key("order 1")
}

pub(crate) async fn states(outbox: &Outbox) -> Vec<(State, u64)> {
    let counts = outbox.counts().await.unwrap();
    counts
        .iter()
        .map(|count| (count.state, count.events))
        .collect()
}

pub(crate) async fn a_lost_answer_is_asked_for_again_and_counted_once(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.then([Does::TakesAndLosesTheAnswer, Does::Breaks]);
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let mut worker = build(worker(&outbox, &service));
    let report = worker.drain().await.unwrap();
    assert_eq!((report.retried, report.delivered), (1, 0), "{report}");
    worker.drain().await.unwrap();
    assert_eq!(service.calls(), 1, "not before its time");
    database.pass(5 * SECOND);
    assert_eq!(worker.drain().await.unwrap().retried, 1);
    database.pass(10 * SECOND);
    assert_eq!(worker.drain().await.unwrap().delivered, 1);
    assert_eq!(
        (service.calls(), service.counted("invoiceId").len()),
        (3, 1)
    );
}

pub(crate) async fn what_could_count_twice_is_not_sent_after_an_unclear_end(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    // What certainly was not taken is sent again.
    service.then([
        Does::IsGone,
        Does::Answers(429, Some("RATE_LIMIT_EXCEEDED"), None),
        Does::Answers(401, Some("UNAUTHORIZED"), None),
        Does::TakesAndLosesTheAnswer,
    ]);
    let _ = outbox.add(uncertain()).await.unwrap();
    let mut worker = build(worker(&outbox, &service));
    for calls in 1..=4 {
        worker.drain().await.unwrap();
        assert_eq!(service.calls(), calls);
        database.pass(10 * MINUTE);
    }
    for _ in 0..10 {
        worker.drain().await.unwrap();
        database.pass(HOUR);
    }
    assert_eq!((service.calls(), service.counted("amount").len()), (4, 1));
    let dead = outbox.dead_letters(&Page::first()).await.unwrap();
    assert_eq!(
        (dead.len(), dead[0].reason.as_str(), dead[0].attempts),
        (1, "unclear", 1)
    );
    let message = dead[0].message.as_deref().unwrap();
    assert!(message.contains("counted twice"), "{message}");
}

pub(crate) async fn a_lead_is_repeated_where_it_counts_once(database: Database) {
    for (repeats, want) in [(false, State::Dead), (true, State::Delivered)] {
        let (outbox, service) = (database.outbox(), Service::refport());
        service.then([Does::TakesAndLosesTheAnswer]);
        let lead = Lead::new(click(), "Sign Up", format!("user_{repeats}"));
        let _ = outbox.lead(lead).await.unwrap();
        let mut builder = worker(&outbox, &service);
        if repeats {
            builder = builder.repeat_leads_to("refport");
        }
        let mut worker = build(builder);
        worker.drain().await.unwrap();
        database.pass(MINUTE);
        worker.drain().await.unwrap();
        assert_eq!(service.calls(), if repeats { 2 } else { 1 });
        assert!(states(&outbox).await.contains(&(want, 1)));
    }
}

pub(crate) async fn a_rate_limit_holds_all_back_and_costs_no_attempt(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..50).map(|number| format!("inv_{number}"))).await;
    let limited = Does::Answers(
        429,
        Some("RATE_LIMIT_EXCEEDED"),
        Some(Duration::from_secs(60)),
    );
    service.always(limited);
    let mut worker = build(worker(&outbox, &service).max_attempts(1));
    for _ in 0..30 {
        worker.drain().await.unwrap();
        let paused = outbox.paused().await.unwrap();
        assert_eq!(
            (paused[0].reason.as_str(), paused[0].status),
            ("rate_limit", Some(429))
        );
        let wait = paused[0].until.as_millis() - database.now();
        assert!((60 * SECOND..=66 * SECOND).contains(&wait), "{wait}");
        let calls = service.calls();
        database.pass(59 * SECOND);
        worker.drain().await.unwrap();
        assert_eq!(service.calls(), calls, "it asked for a minute");
        database.pass(8 * SECOND);
    }
    assert_eq!(
        service.calls(),
        30,
        "one a minute, to see whether it is over"
    );
    service.always(Does::Takes);
    let report = worker.drain().await.unwrap();
    assert_eq!(
        (report.delivered, report.left(State::Dead)),
        (50, 0),
        "{report}"
    );
    assert_eq!(outbox.paused().await.unwrap(), []);
}

pub(crate) async fn a_longer_wait_than_allowed_is_cut(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let year = Duration::from_secs(365 * 24 * 3600);
    service.then([
        Does::Answers(429, None, Some(year)),
        Does::Answers(503, None, Some(year)),
    ]);
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let mut worker = build(worker(&outbox, &service).max_retry_after(Duration::from_secs(60)));
    for calls in 1..=2 {
        worker.drain().await.unwrap();
        assert_eq!(service.calls(), calls);
        database.pass(67 * SECOND);
    }
    assert_eq!(worker.drain().await.unwrap().delivered, 1);
}

pub(crate) async fn a_wrong_key_pauses_loudly(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let log = Log::default();
    let logging = log.listen();
    service.always(Does::Answers(401, Some("UNAUTHORIZED"), None));
    for number in 0..10 {
        let sale = sale(&format!("inv_{number}")).customer_email("c@example.com");
        let _ = outbox.sale(sale).await.unwrap();
    }
    let mut worker = build(worker(&outbox, &service).max_attempts(1));
    worker.drain().await.unwrap();
    drop(logging);
    let logged = log.text();
    assert!(
        logged.contains("ERROR") && logged.contains("refuses the API key"),
        "{logged}"
    );
    assert!(
        !logged.contains("example.com") && !logged.contains("inv_"),
        "{logged}"
    );

    let paused = outbox.paused().await.unwrap();
    let seen = (
        paused[0].destination.as_str(),
        paused[0].reason.as_str(),
        paused[0].code.as_deref(),
    );
    assert_eq!(seen, ("refport", "denied", Some("UNAUTHORIZED")));
    assert_eq!(
        (service.calls(), states(&outbox).await),
        (1, vec![(State::Waiting, 10)])
    );
    database.pass(4 * MINUTE);
    worker.drain().await.unwrap();
    assert_eq!(service.calls(), 1);
    database.pass(2 * MINUTE);
    worker.drain().await.unwrap();
    assert_eq!(service.calls(), 2, "tried with one");

    // The key is put right, and the worker restarted with it.
    service.always(Does::Takes);
    let mut restarted = build(self::worker(&outbox, &service));
    let log = Log::default();
    let logging = log.listen();
    let report = restarted.drain().await.unwrap();
    drop(logging);
    assert_eq!(report.delivered, 9, "the tenth waits for its own time");
    assert_eq!(outbox.paused().await.unwrap(), []);
    let logged = log.text();
    assert_eq!(logged.matches("takes events again").count(), 1, "{logged}");
    database.pass(6 * MINUTE);
    assert_eq!(restarted.drain().await.unwrap().delivered, 1);
}

pub(crate) async fn a_pause_is_ended_by_hand(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.then([Does::Answers(403, None, None)]);
    for invoice in ["inv_1", "inv_2"] {
        let _ = outbox.sale(sale(invoice)).await.unwrap();
    }
    let mut worker = build(worker(&outbox, &service));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = worker.run(async { drop(stopped.await) });
    let test = async {
        while outbox.paused().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        // By the clock, it would be minutes.
        outbox.resume("refport").await.unwrap();
        // The one that was refused, too.
        service.has_calls(3).await;
        drop(stop);
    };
    let (report, ()) = tokio::join!(run, test);
    assert_eq!(report.unwrap().delivered, 2);
}

pub(crate) async fn a_pause_of_a_worker_that_is_gone_is_ended_by_another(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let mut worker = build(worker(&outbox, &service));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = worker.run(async { drop(stopped.await) });
    let delivered = async |events| {
        while !states(&outbox).await.contains(&(State::Delivered, events)) {
            tokio::task::yield_now().await;
        }
    };
    let test = async {
        // When the second is marked, the visit has ended that marked the first and looked for a pause.
        for (invoice, events) in [("inv_1", 1), ("inv_2", 2)] {
            let _ = outbox.sale(sale(invoice)).await.unwrap();
            delivered(events).await;
        }
        // As one with another key writes it that was told to stop after this one had begun.
        let until = database.now() + 5 * MINUTE;
        let pause = format!(
            "INSERT INTO refport_outbox_pauses (destination, since, until, reason)
                VALUES ('refport', {}, {until}, 'denied')",
            database.now()
        );
        database.execute(&pause).await;
        let _ = outbox.sale(sale("inv_3")).await.unwrap();
        delivered(3).await;
        let paused = outbox.paused().await.unwrap();
        assert_eq!(paused.len(), 1, "it may be there still");
        database.pass(6 * MINUTE);
        let ended = async {
            while !outbox.paused().await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // It looks each ten seconds.
        let ended = tokio::time::timeout(Duration::from_secs(300), ended).await;
        ended.expect("the time of the pause is over, and events are taken");
        drop(stop);
    };
    let (report, ()) = tokio::join!(run, test);
    assert_eq!(report.unwrap().delivered, 3);
}

pub(crate) async fn poison_blocks_no_other(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..2000).map(|number| format!("inv_{number:04}"))).await;
    service
        .with_invoice("inv_0000", Does::Answers(500, Some("INTERNAL_ERROR"), None))
        .with_invoice("inv_0001", Does::Panics)
        .with_invoice("inv_0700", Does::Breaks)
        .with_invoice(
            "inv_1999",
            Does::Answers(400, Some("VALIDATION_ERROR"), None),
        );
    let unreadable = "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
        VALUES ('own:x', 'refport', 'nonsense', 0)";
    database.execute(unreadable).await;
    let mut worker = build(worker(&outbox, &service).max_attempts(3));
    let report = worker.drain().await.unwrap();
    assert_eq!((report.delivered, report.dead), (1996, 2), "{report}");
    for invoice in 0..12 {
        // Others keep coming.
        let _ = outbox.sale(sale(&format!("late_{invoice}"))).await.unwrap();
        database.pass(HOUR);
        worker.drain().await.unwrap();
    }
    assert_eq!(service.counted("invoiceId").len(), 2008);
    let dead = outbox.dead_letters(&Page::first()).await.unwrap();
    let mut dead: Vec<_> = dead
        .iter()
        .map(|dead| (dead.key.as_str(), dead.reason.as_str(), dead.attempts))
        .collect();
    dead.sort_unstable();
    let want = [
        ("own:x", "unreadable", 1),
        ("sale:inv_0000", "server_error", 3),
        ("sale:inv_0001", "panic", 3),
        ("sale:inv_0700", "broken", 3),
        ("sale:inv_1999", "refused", 1),
    ];
    assert_eq!(dead, want);
}

pub(crate) async fn nobody_earns_by_it_is_delivered(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.always(Does::HasNothing);
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!((report.delivered, service.calls()), (1, 1));
    assert_eq!(states(&outbox).await, [(State::Delivered, 1)]);
}

pub(crate) async fn an_event_of_a_newer_version_waits_for_a_newer_worker(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let newer = r#"{"v":2,"refund":{}}"#;
    database
        .execute(&format!(
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
             VALUES ('refund:1', 'refport', '{newer}', {})",
            database.now()
        ))
        .await;
    // Postgres takes its own present as the default, which the test's clock does not know.
    database.pass(100 * 365 * 24 * HOUR);
    let mut worker = build(worker(&outbox, &service).max_attempts(1));
    for _ in 0..3 {
        worker.drain().await.unwrap();
        database.pass(HOUR);
    }
    assert_eq!(
        (service.calls(), states(&outbox).await),
        (0, vec![(State::Waiting, 1)])
    );
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        // Where there is one subscriber alone, what another thread logs first counts as what nobody listens to.
        static OTHER: LazyLock<tracing::Dispatch> =
            LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));
        LazyLock::force(&OTHER);
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
