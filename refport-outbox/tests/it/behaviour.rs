//! What holds on both databases, where all goes well or the application errs.

use std::time::Duration;

use refport_outbox::{
    Conflict, EnqueueError, Enqueued, Entry, KeyError, State,
    refport_core::{
        Lead, Sale,
        track::{Acknowledged, NothingToReport},
    },
};

use crate::{
    database::Database,
    scripted::{Service, click, enqueue, sale},
};

pub(crate) async fn a_sale_is_delivered_once(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let enqueued = database.order(&outbox, "1", sale("inv_1"), true).await;
    assert_eq!(enqueued.unwrap(), Enqueued::New);
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    let report = worker.drain().await.unwrap();
    assert_eq!((report.delivered, report.left(State::Delivered)), (1, 1));
    worker.drain().await.unwrap();
    assert_eq!(service.counted("invoiceId"), ["inv_1"]);
    assert_eq!(service.calls(), 1);
}

pub(crate) async fn a_rollback_leaves_nothing(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let enqueued = database.order(&outbox, "1", sale("inv_1"), false).await;
    assert_eq!(enqueued.unwrap(), Enqueued::New);
    assert_eq!(outbox.counts().await.unwrap(), []);
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    worker.drain().await.unwrap();
    assert_eq!(service.calls(), 0);
    assert_eq!(database.number("SELECT count(*) FROM orders").await, 0);
    // Its key is free.
    let again = database.order(&outbox, "1", sale("inv_1"), true).await;
    assert_eq!(again.unwrap(), Enqueued::New);
}

pub(crate) async fn a_repeat_is_a_duplicate_before_and_after_delivery(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    for (order, want) in [("1", Enqueued::New), ("2", Enqueued::Duplicate)] {
        let enqueued = database.order(&outbox, order, sale("inv_1"), true).await;
        assert_eq!(enqueued.unwrap(), want);
    }
    worker.drain().await.unwrap();
    let enqueued = database
        .order(&outbox, "3", sale("inv_1"), true)
        .await
        .unwrap();
    assert_eq!(enqueued, Enqueued::Duplicate);
    assert!(enqueued.is_acknowledged());
    worker.drain().await.unwrap();
    assert_eq!(service.calls(), 1);
}

pub(crate) async fn another_event_under_the_same_key_is_an_error(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let first = sale("inv_1").customer_email("first@example.com");
    // Many sites have e-mail addresses for their customers' IDs.
    let other = Sale::new(click(), "other@example.com", 5000)
        .invoice_id("inv_1")
        .customer_email("other@example.com");
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    let enqueued = database.order(&outbox, "1", first.clone(), true).await;
    assert_eq!(enqueued.unwrap(), Enqueued::New);
    for order in ["2", "3"] {
        // The transaction goes on, and its order stands.
        let error = database
            .order(&outbox, order, other.clone(), true)
            .await
            .unwrap_err();
        assert!(!error.is_acknowledged());
        let EnqueueError::Conflict(conflict) = &error else {
            panic!("{error:?}");
        };
        let conflict: &Conflict = conflict;
        assert_eq!(
            (conflict.key(), conflict.destination()),
            ("sale:inv_1", "refport")
        );
        assert_eq!(conflict.stored(), Some(&first.clone().into()));
        assert_eq!(conflict.given(), &other.clone().into());
        for shown in [error.to_string(), format!("{error:?}")] {
            let differ =
                "they differ in amount (4900, and not 5000), customerEmail, customerExternalId";
            assert!(shown.contains(differ), "{shown}");
            assert!(!shown.contains("example.com"), "{shown}");
        }
        worker.drain().await.unwrap();
    }
    assert_eq!(database.number("SELECT count(*) FROM orders").await, 3);
    assert_eq!(service.counted("amount"), [4900]);
}

pub(crate) async fn a_key_is_the_invoice_the_lead_or_the_callers(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let no_invoice = Sale::new(click(), "user_001", 4900);
    let error = outbox.sale(no_invoice.clone()).await.unwrap_err();
    assert!(
        matches!(error, EnqueueError::Key(KeyError::Missing)),
        "{error:?}"
    );
    assert!(error.to_string().contains("invoice ID"));

    let keyed = Entry::new(no_invoice).key("order 1");
    assert_eq!(outbox.add(keyed.clone()).await.unwrap(), Enqueued::New);
    assert_eq!(outbox.add(keyed).await.unwrap(), Enqueued::Duplicate);

    let lead = |name: &str| Lead::new(click(), name, "user_001");
    assert_eq!(outbox.lead(lead("Sign Up")).await.unwrap(), Enqueued::New);
    assert_eq!(
        outbox.lead(lead("Sign Up")).await.unwrap(),
        Enqueued::Duplicate
    );
    let error = outbox.lead(lead("sign up")).await.unwrap_err();
    assert!(
        matches!(error, EnqueueError::Conflict(_)),
        "its case does not count"
    );
    assert_eq!(outbox.lead(lead("Trial")).await.unwrap(), Enqueued::New);

    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    assert_eq!(worker.drain().await.unwrap().delivered, 3);
}

pub(crate) async fn what_is_certainly_refused_is_not_written(database: Database) {
    let outbox = database.outbox();
    let no_click = Sale::without_click("user_001", 4900).invoice_id("inv_1");
    let error = database
        .order(&outbox, "1", no_click, true)
        .await
        .unwrap_err();
    let EnqueueError::Invalid(invalid) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(invalid.field(), "clickId");
    let free = Sale::new(click(), "user_001", 0).invoice_id("inv_2");
    let enqueued = database.order(&outbox, "2", free, true).await.unwrap();
    assert_eq!(
        enqueued,
        Enqueued::NothingToReport(NothingToReport::ZeroAmount)
    );
    assert!(!enqueued.is_acknowledged());
    // Both would break a Postgres transaction, if they came so far.
    for invoice in ["a\0b".to_owned(), "x".repeat(3000)] {
        let error = database
            .order(&outbox, &invoice.replace('\0', ""), sale(&invoice), true)
            .await;
        assert!(matches!(error, Err(EnqueueError::Key(_))), "{error:?}");
    }
    assert_eq!(database.number("SELECT count(*) FROM orders").await, 4);
    assert_eq!(outbox.counts().await.unwrap(), []);
}

pub(crate) async fn a_running_worker_hears_of_what_is_added(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let worker = outbox.worker().deliver_to(service.clone());
    // It would not look by itself within the life of this test.
    let mut worker = worker.poll(Duration::from_secs(3600)).build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = worker.run(async { drop(stopped.await) });
    let test = async {
        for number in 1..=20 {
            let enqueued = outbox.sale(sale(&format!("inv_{number}"))).await;
            assert_eq!(enqueued.unwrap(), Enqueued::New);
            service.has_calls(number).await;
        }
        drop(stop);
    };
    let (report, ()) = tokio::join!(run, test);
    let report = report.unwrap();
    assert_eq!(
        (report.delivered, report.left(State::Delivered)),
        (20, 20),
        "{report}"
    );
}

pub(crate) async fn many_at_once_are_each_there_once(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let adds = (0..300).map(|number| {
        let outbox = outbox.clone();
        tokio::spawn(async move { outbox.sale(sale(&format!("inv_{}", number / 2))).await })
    });
    let mut new = 0;
    for add in adds.collect::<Vec<_>>() {
        match add.await.unwrap().unwrap() {
            Enqueued::New => new += 1,
            Enqueued::Duplicate => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(new, 150);
    let mut worker = outbox.worker().deliver_to(service.clone()).build().unwrap();
    assert_eq!(worker.drain().await.unwrap().delivered, 150);
    assert_eq!(service.counted("invoiceId").len(), 150);
}

/// Many in one transaction, over the limit of one claim, by two workers.
pub(crate) async fn two_workers_share_the_work(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..600).map(|number| format!("inv_{number:03}"))).await;
    let worker = || outbox.worker().deliver_to(service.clone()).build().unwrap();
    let (mut one, mut other) = (worker(), worker());
    let (one, other) = tokio::join!(one.drain(), other.drain());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.delivered + other.delivered, 600);
    assert_eq!((one.lost + other.lost, service.calls()), (0, 600));
    let mut worker = worker();
    let left = worker.drain().await.unwrap();
    assert_eq!(left.left(State::Delivered), 600);
}
