//! What holds on both databases where one kind of event could keep another waiting.

use crate::{
    database::{Database, MINUTE, SECOND},
    scripted::{Does, Service, enqueue, sale},
    trouble::{build, worker},
};

/// A destination that is held is tried with one event at a time: not always with the same.
pub(crate) async fn an_event_that_always_fails_lets_new_ones_through(database: Database) {
    const EVENTS: usize = 20;
    let (outbox, service) = (database.outbox(), Service::refport());
    let fails = Does::Answers(500, Some("INTERNAL_ERROR"), None);
    // So many that it is perhaps the destination.
    for invoice in ["poison_1", "poison_2", "poison_3", "poison_4", "poison_5"] {
        service.with_invoice(invoice, fails.clone());
        let _ = outbox.sale(sale(invoice)).await.unwrap();
    }
    let mut worker = build(worker(&outbox, &service));
    while outbox.paused().await.unwrap().is_empty() {
        worker.drain().await.unwrap();
        database.pass(10 * MINUTE);
    }
    enqueue(&outbox, (0..EVENTS).map(|number| format!("inv_{number}"))).await;
    for _ in 0..100 {
        worker.drain().await.unwrap();
        database.pass(10 * MINUTE);
    }
    assert_eq!(service.counted("invoiceId").len(), EVENTS);
}

/// Small claims go round too, while events whose keys come first never end.
pub(crate) async fn no_key_waits_for_ever(database: Database) {
    const LAST: usize = 20;
    const FIRST: usize = 40;
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..LAST).map(|number| format!("z_{number:02}"))).await;
    database.pass(SECOND);
    enqueue(&outbox, (0..FIRST).map(|number| format!("a_{number:05}"))).await;
    service.always(Does::Waits);
    let mut worker = build(worker(&outbox, &service).concurrency(4).batch(4));
    let more = async {
        for number in 0..1000 {
            let more = sale(&format!("a_{:05}", FIRST + number));
            let _ = outbox.sale(more).await.unwrap();
            database.pass(20);
            service.let_go(1);
            service.has_calls(number + 1).await;
        }
    };
    tokio::select! {
        _ = worker.run(std::future::pending()) => unreachable!("nobody stops it"),
        () = more => {}
    }
    let counted = service.counted("invoiceId");
    let last = counted.iter().filter_map(serde_json::Value::as_str);
    assert_eq!(last.filter(|id| id.starts_with("z_")).count(), LAST);
}
