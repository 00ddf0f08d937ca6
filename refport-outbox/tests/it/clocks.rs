//! What holds on both databases when time jumps or is long.

use refport_outbox::State;

use crate::{
    database::{Database, HOUR, MINUTE},
    leases::kill,
    scripted::{Does, Service, enqueue, sale},
    trouble::{build, states, worker},
};

pub(crate) async fn a_clock_that_jumps_back_prolongs_no_wait(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("held")).await.unwrap();
    kill(worker(&outbox, &service), &service).await;
    service.then([Does::Breaks]);
    let _ = outbox.sale(sale("fails")).await.unwrap();
    build(worker(&outbox, &service)).drain().await.unwrap();
    // Enqueued by a machine whose clock is ahead.
    database.pass(30 * 24 * HOUR);
    let _ = outbox.sale(sale("early")).await.unwrap();
    database.pass(-60 * 24 * HOUR);

    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!(
        (report.delivered, report.left(State::Leased)),
        (2, 1),
        "{report}"
    );
    // The longest lease there is.
    database.pass(10 * MINUTE);
    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!((report.delivered, report.left(State::Delivered)), (1, 3));
}

pub(crate) async fn a_clock_that_jumps_forward_loses_and_doubles_nothing(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let _ = outbox.sale(sale("inv_2")).await.unwrap();
    service.then([Does::Waits, Does::Breaks]);
    let (mut one, mut other) = (
        build(worker(&outbox, &service).concurrency(2)),
        build(worker(&outbox, &service)),
    );
    let test = async {
        service.has_calls(1).await;
        database.pass(365 * 24 * HOUR);
        other.drain().await.unwrap();
        service.let_go(1);
    };
    tokio::join!(one.drain(), test).0.unwrap();
    database.pass(HOUR);
    build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!(states(&outbox).await, [(State::Delivered, 2)]);
    assert_eq!(service.counted("invoiceId").len(), 2);
}

// Outages.

pub(crate) async fn a_day_without_the_service_costs_nothing(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..300).map(|number| format!("inv_{number:03}"))).await;
    let mut worker = build(worker(&outbox, &service).max_attempts(1));
    service.always(Does::IsGone);
    for minute in 0..24 * 60 {
        // Alternately out of reach and broken, as behind a proxy.
        if minute == 12 * 60 {
            service.always(Does::Answers(502, None, None));
        }
        worker.drain().await.unwrap();
        database.pass(MINUTE);
    }
    let tried = service.calls();
    assert!((280..600).contains(&tried), "{tried} in a day");
    assert_eq!(
        states(&outbox).await,
        [(State::Waiting, 300)],
        "nobody is given up"
    );

    service.always(Does::Takes);
    service.watch_for_herds();
    database.pass(6 * MINUTE);
    let report = worker.drain().await.unwrap();
    assert_eq!(
        (report.delivered, report.left(State::Delivered)),
        (300, 300),
        "{report}"
    );
    assert!(!service.saw_a_herd(), "it opens with each success");
    assert!(service.most_at_once() > 30, "and comes to its speed");
}
