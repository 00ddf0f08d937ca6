//! Looking at an outbox and mending it, on both databases.

use std::time::Duration;

use refport_outbox::{Entry, Page, Selection, State, refport_core::Sale};

use crate::{
    database::{Database, HOUR},
    destinations::{clicks, two},
    scripted::{Does, Service, enqueue, sale},
};

pub(crate) async fn dead_letters_are_listed_and_replayed(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.always(Does::Answers(400, Some("INVALID_CLICK_ID"), None));
    for number in 0..5 {
        let sale = sale(&format!("inv_{number}")).customer_email("c@example.com");
        let _ = outbox.sale(sale).await.unwrap();
    }
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    let report = worker.drain().await.unwrap();
    assert_eq!((report.dead, service.calls()), (5, 5), "{report}");

    let page = Page::first().destination("refport").limit(2);
    let first = outbox.dead_letters(&page).await.unwrap();
    assert_eq!(first.len(), 2);
    let rest = Page::first().after(first[1].id);
    assert_eq!(outbox.dead_letters(&rest).await.unwrap().len(), 3);
    let none = Page::first().destination("partli");
    assert_eq!(outbox.dead_letters(&none).await.unwrap(), []);
    let dead = &first[0];
    assert_eq!(
        (dead.key.as_str(), dead.reason.as_str()),
        ("sale:inv_0", "refused")
    );
    assert_eq!(
        (dead.status, dead.code.as_deref()),
        (Some(400), Some("INVALID_CLICK_ID"))
    );
    assert_eq!(
        dead.message.as_deref(),
        Some("INVALID_CLICK_ID, says the service")
    );
    assert_eq!(
        (dead.attempts, dead.died_at.as_millis()),
        (1, database.now())
    );
    let kept = sale("inv_0").customer_email("c@example.com");
    assert_eq!(dead.event().unwrap(), kept.into());
    assert!(!format!("{dead:?}").contains("example.com"));

    let one = outbox.dead_letter(dead.id).await.unwrap();
    assert_eq!(one.as_ref(), Some(dead));
    assert_eq!(outbox.dead_letter(-1).await.unwrap(), None);

    service.always(Does::Takes);
    database.pass(HOUR);
    assert_eq!(outbox.replay(&Selection::One(dead.id)).await.unwrap(), 1);
    assert_eq!(
        outbox.dead_letter(dead.id).await.unwrap(),
        None,
        "it is not dead any more"
    );
    assert_eq!(
        outbox.replay(&Selection::One(dead.id)).await.unwrap(),
        0,
        "not dead any more"
    );
    assert_eq!(worker.drain().await.unwrap().delivered, 1);
    let other = Selection::Destination("partli".into());
    assert_eq!(outbox.replay(&other).await.unwrap(), 0);
    assert_eq!(outbox.replay(&Selection::All).await.unwrap(), 4);
    let report = worker.drain().await.unwrap();
    assert_eq!((report.delivered, report.left(State::Dead)), (4, 0));
    assert_eq!(service.counted("invoiceId").len(), 5);
}

pub(crate) async fn counts_tell_states_and_ages(database: Database) {
    let outbox = two(&database);
    let (refport, ledger) = (Service::refport(), Service::new("ledger"));
    ledger.with_invoice("inv_1", Does::Answers(422, Some("VALIDATION_ERROR"), None));
    for invoice in ["inv_1", "inv_2"] {
        let sale = Sale::without_click("user_001", 4900).invoice_id(invoice);
        let both = clicks(&[("refp_id", "clk_r"), ("ledger_click", "clk_l")]);
        let _ = outbox.add(Entry::new(sale).clicks(both)).await.unwrap();
        database.pass(HOUR);
    }
    let mut worker = outbox.worker().deliver_to(ledger).build().unwrap();
    worker.drain().await.unwrap();
    let now = refport_outbox::refport_core::Timestamp::from_millis(database.now()).unwrap();
    let counts = outbox.counts().await.unwrap();
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    let seen: Vec<_> = counts
        .iter()
        .map(|count| {
            (
                count.destination.as_str(),
                count.state,
                count.events,
                count.age(now),
            )
        })
        .collect();
    let want = [
        ("ledger", State::Delivered, 1, None),
        ("ledger", State::Dead, 1, hours(2)),
        ("refport", State::Waiting, 2, hours(2)),
    ];
    assert_eq!(seen, want);
    assert_eq!(refport.calls(), 0, "no worker delivers to it");
}

pub(crate) async fn what_was_delivered_is_purged_after_its_time(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("dead", Does::Answers(400, Some("INVALID_CLICK_ID"), None));
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    enqueue(&outbox, (0..1500).map(|number| format!("inv_{number:04}"))).await;
    let _ = outbox.sale(sale("dead")).await.unwrap();
    worker.drain().await.unwrap();
    database.pass(HOUR);
    let _ = outbox.sale(sale("later")).await.unwrap();
    worker.drain().await.unwrap();
    database.pass(HOUR);
    let _ = outbox.sale(sale("waits")).await.unwrap();

    let retention = Duration::from_secs(5400);
    assert_eq!(
        outbox.purge(retention).await.unwrap(),
        1500,
        "more than one batch"
    );
    assert_eq!(outbox.purge(retention).await.unwrap(), 0);
    let counts = outbox.counts().await.unwrap();
    let left: Vec<_> = counts
        .iter()
        .map(|count| (count.state, count.events))
        .collect();
    assert_eq!(
        left,
        [(State::Waiting, 1), (State::Delivered, 1), (State::Dead, 1)]
    );
}
