//! What holds on both databases where workers are slow or die.

use std::time::Duration;

use refport_outbox::{Page, Report, State, WorkerBuilder};

use crate::{
    database::{Database, SECOND},
    scripted::{Does, Service, sale},
    trouble::{build, states, uncertain, worker},
};

/// A worker that is so slow that another takes over can mark nothing.
pub(crate) async fn a_lease_that_is_over_marks_nothing(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    service.then([
        Does::Waits,
        Does::Answers(400, Some("VALIDATION_ERROR"), None),
    ]);
    let (mut slow, mut quick) = (
        build(worker(&outbox, &service)),
        build(worker(&outbox, &service)),
    );
    let test = async {
        service.has_calls(1).await;
        assert_eq!(quick.drain().await.unwrap().delivered, 0, "the lease holds");
        database.pass(121 * SECOND);
        let report = quick.drain().await.unwrap();
        assert_eq!((report.dead, service.calls()), (1, 2));
        service.let_go(1);
    };
    let (report, ()) = tokio::join!(slow.drain(), test);
    assert_eq!(report.unwrap().lost, 1);
    assert_eq!(
        states(&outbox).await,
        [(State::Dead, 1)],
        "as the holder marked it"
    );
}

/// Also where nobody has taken over yet.
pub(crate) async fn a_lease_that_is_over_marks_nothing_by_itself(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    service.then([Does::Waits]);
    let mut slow = build(worker(&outbox, &service));
    let test = async {
        service.has_calls(1).await;
        database.pass(121 * SECOND);
        service.let_go(1);
    };
    let (report, ()) = tokio::join!(slow.drain(), test);
    assert_eq!(report.unwrap().lost, 1);
    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!((report.delivered, service.calls()), (1, 2));
    assert_eq!(service.counted("invoiceId").len(), 1);
}

/// Runs a worker until the service has its call, and kills it there.
pub(crate) async fn kill(worker: WorkerBuilder, service: &Service) {
    service.then([Does::Waits]);
    let mut worker = build(worker);
    let calls = service.calls() + 1;
    tokio::select! {
        biased;
        report = worker.drain() => panic!("{report:?}"),
        () = service.has_calls(calls) => {}
    }
}

pub(crate) async fn the_shortest_lease_that_is_taken_is_enough_to_deliver(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let mut worker = build(
        worker(&outbox, &service)
            .delivery_timeout(Duration::from_secs(3))
            .lease(Duration::from_secs(8)),
    );
    // One that gives back all it claims never ends.
    let report = tokio::time::timeout(Duration::from_secs(60), worker.drain()).await;
    let report = report.expect("it delivers").unwrap();
    assert_eq!(report.delivered, 1, "{report}");
}

pub(crate) async fn what_a_dead_worker_held_is_taken_over(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    kill(worker(&outbox, &service), &service).await;
    let mut next = build(worker(&outbox, &service));
    next.drain().await.unwrap();
    assert_eq!(service.calls(), 1);
    database.pass(121 * SECOND);
    let report = next.drain().await;
    // The sweep comes every ten seconds by a clock that the test does not set.
    let report = match report.unwrap() {
        Report { delivered: 0, .. } => build(worker(&outbox, &service)).drain().await.unwrap(),
        report => report,
    };
    assert_eq!((report.delivered, service.calls()), (1, 2));
}

pub(crate) async fn an_idle_worker_takes_over_what_a_dead_worker_held(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    kill(worker(&outbox, &service), &service).await;
    let mut next = build(worker(&outbox, &service));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = next.run(async { drop(stopped.await) });
    let test = async {
        // When this is marked, it has looked for leases that are over once, and found none.
        let _ = outbox.sale(sale("inv_2")).await.unwrap();
        while !states(&outbox).await.contains(&(State::Delivered, 1)) {
            tokio::task::yield_now().await;
        }
        database.pass(121 * SECOND);
        let taken_over = service.has_calls(3);
        let taken_over = tokio::time::timeout(Duration::from_secs(60), taken_over).await;
        taken_over.expect("it looks again, though nothing else is to be done");
        drop(stop);
    };
    let (report, ()) = tokio::join!(run, test);
    let report = report.unwrap();
    assert_eq!((report.delivered, report.lost), (2, 0), "{report}");
}

pub(crate) async fn what_a_dead_worker_perhaps_sent_is_not_sent_twice(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.add(uncertain()).await.unwrap();
    kill(worker(&outbox, &service), &service).await;
    database.pass(121 * SECOND);
    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!((report.dead, service.calls()), (1, 1));
    let dead = outbox.dead_letters(&Page::first()).await.unwrap();
    assert_eq!(dead[0].reason, "unclear");
}

pub(crate) async fn an_event_that_kills_its_workers_is_given_up(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    for _ in 0..3 {
        kill(worker(&outbox, &service).max_attempts(3), &service).await;
        database.pass(121 * SECOND);
    }
    let report = build(worker(&outbox, &service).max_attempts(3))
        .drain()
        .await
        .unwrap();
    assert_eq!((report.dead, service.calls()), (1, 3));
    let dead = outbox.dead_letters(&Page::first()).await.unwrap();
    assert_eq!(dead[0].reason, "lease_lost");
}
