//! How a worker ends and what it leaves, on both databases.

use std::time::Duration;

use refport_outbox::{Enqueued, Page, Report, State, Worker};

use crate::{
    database::{Database, HOUR, SECOND},
    scripted::{Does, Service, enqueue, sale},
    trouble::{build, uncertain, worker},
};

/// Runs a worker, and stops it when the test says so.
async fn run_until(
    mut worker: Worker,
    test: impl AsyncFnOnce(tokio::sync::oneshot::Sender<()>),
) -> Report {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = worker.run(async { drop(stopped.await) });
    let (report, ()) = tokio::join!(run, test(stop));
    report.unwrap()
}

pub(crate) async fn a_worker_that_stops_finishes_what_it_began(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..100).map(|number| format!("inv_{number:02}"))).await;
    service.always(Does::Waits);
    service.let_go(10);
    let builder = worker(&outbox, &service).concurrency(4);
    let report = run_until(build(builder), async |stop| {
        service.has_calls(14).await;
        drop(stop);
        // It has heard of it when it begins no more.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        service.let_go(100);
    })
    .await;
    assert_eq!(
        (report.delivered, report.cut_off),
        (service.calls() as u64, 0),
        "{report}"
    );
    assert!(report.delivered < 100, "{report}");
    let left = (report.left(State::Waiting), report.left(State::Leased));
    assert_eq!(left, (100 - report.delivered, 0), "given back");
    // At once, and with all their attempts.
    let mut next = build(worker(&outbox, &service));
    assert_eq!(next.drain().await.unwrap().left(State::Delivered), 100);
}

pub(crate) async fn a_worker_that_stops_waits_no_longer_than_it_may(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.always(Does::Waits);
    service.let_go(1);
    // The first opens the way for two at once.
    for invoice in ["inv_0", "inv_1"] {
        let _ = outbox.sale(sale(invoice)).await.unwrap();
    }
    database.pass(SECOND);
    let _ = outbox.add(uncertain()).await.unwrap();
    let builder = worker(&outbox, &service).stop_within(Duration::from_millis(20));
    let report = run_until(build(builder), async |stop| {
        service.has_calls(3).await;
        drop(stop);
    })
    .await;
    assert_eq!(
        (report.delivered, report.cut_off, report.dead),
        (1, 2, 1),
        "{report}"
    );
    assert_eq!(report.left(State::Leased), 0, "{report}");
    let dead = outbox.dead_letters(&Page::first()).await.unwrap();
    assert_eq!(
        (dead[0].reason.as_str(), dead[0].key.as_str()),
        ("unclear", "own:order 1")
    );
    service.always(Does::Takes);
    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!((report.delivered, report.left(State::Delivered)), (1, 2));
}

pub(crate) async fn what_is_enqueued_while_nobody_works_is_delivered_later(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    for number in 0..3 {
        let invoice = format!("inv_{number}");
        let enqueued = database
            .order(&outbox, &invoice, sale(&invoice), true)
            .await;
        assert_eq!(enqueued.unwrap(), Enqueued::New);
        database.pass(24 * HOUR);
    }
    let builder = worker(&outbox, &service).concurrency(1);
    let report = build(builder).drain().await.unwrap();
    assert_eq!(report.delivered, 3);
    assert_eq!(
        service.counted("invoiceId"),
        ["inv_0", "inv_1", "inv_2"],
        "the oldest first"
    );
}
