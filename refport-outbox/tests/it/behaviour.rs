//! What holds on both databases, where all goes well or the application errs.

use std::{error::Error, time::Duration};

use refport_outbox::{
    Conflict, EnqueueError, Enqueued, Entry, KeyError, Outbox, Page, Selection, State, StoreError,
    Target,
    refport_core::{
        ClickIds, CookieName, Lead, Sale,
        track::{Acknowledged, NothingToReport},
    },
};

use crate::{
    database::{Database, HOUR},
    scripted::{Does, Service, click, sale},
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
    let other = Sale::new(click(), "user_001", 5000)
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
            assert!(shown.contains("4900") && shown.contains("5000"), "{shown}");
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
    assert!(error.source().unwrap().to_string().contains("invoice ID"));

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

fn two(database: &Database) -> Outbox {
    let ledger = Target::new("ledger", CookieName::new("ledger_click").unwrap());
    database.outbox().destinations([Target::refport(), ledger])
}

fn clicks(ids: &[(&'static str, &str)]) -> ClickIds {
    let mut clicks = ClickIds::default();
    for (name, id) in ids {
        clicks.insert(CookieName::new(name).unwrap(), id.parse().unwrap());
    }
    clicks
}

pub(crate) async fn each_destination_has_its_own_row_and_click(database: Database) {
    let outbox = two(&database);
    let (refport, ledger) = (Service::refport(), Service::new("ledger"));
    let event = || Sale::without_click("user_001", 4900).invoice_id("inv_1");
    let error = outbox.sale(event()).await.unwrap_err();
    assert!(matches!(error, EnqueueError::Clicks), "{error:?}");

    let both = clicks(&[("refp_id", "clk_r"), ("ledger_click", "clk_l")]);
    let entry = Entry::new(event()).clicks(both);
    let enqueued = database.order(&outbox, "1", entry.clone(), true).await;
    assert_eq!(enqueued.unwrap(), Enqueued::New);
    let again = database.order(&outbox, "2", entry, true).await;
    assert_eq!(again.unwrap(), Enqueued::Duplicate);

    // The one that is gone does not delay the other.
    refport.always(Does::IsGone);
    let worker = outbox
        .worker()
        .deliver_to(refport.clone())
        .deliver_to(ledger.clone());
    let mut worker = worker.build().unwrap();
    let report = worker.drain().await.unwrap();
    assert_eq!((report.delivered, report.left(State::Waiting)), (1, 1));
    assert_eq!(ledger.counted("clickId"), ["clk_l"]);
    refport.always(Does::Takes);
    database.pass(HOUR);
    worker.drain().await.unwrap();
    assert_eq!(refport.counted("clickId"), ["clk_r"]);
    assert_eq!(ledger.calls(), 1);
}

pub(crate) async fn what_is_due_is_found_behind_what_others_have(database: Database) {
    let ledger = Target::new("ledger", CookieName::new("ledger_click").unwrap());
    let other = database.outbox().destinations([ledger]);
    let (outbox, service) = (database.outbox(), Service::refport());
    for (concurrency, invoice) in [(1, "inv_1"), (64, "inv_2")] {
        // By their keys these come first, and nobody delivers them.
        for number in 0..600 {
            let entry = Entry::new(sale(invoice)).key(format!("{invoice}:{number}"));
            assert_eq!(other.add(entry).await.unwrap(), Enqueued::New);
        }
        assert_eq!(outbox.sale(sale(invoice)).await.unwrap(), Enqueued::New);
        let worker = outbox.worker().deliver_to(service.clone());
        let mut worker = worker.concurrency(concurrency).build().unwrap();
        assert_eq!(worker.drain().await.unwrap().delivered, 1, "{concurrency}");
    }
    assert_eq!(service.counted("invoiceId"), ["inv_1", "inv_2"]);
}

pub(crate) async fn a_destination_without_its_click_is_left_out(database: Database) {
    let outbox = two(&database);
    let event = |invoice: &str| Sale::without_click("user_001", 4900).invoice_id(invoice);
    let one = Entry::new(event("inv_1")).clicks(clicks(&[("ledger_click", "clk_l")]));
    assert_eq!(outbox.add(one).await.unwrap(), Enqueued::New);
    let none = Entry::new(event("inv_2")).clicks(ClickIds::default());
    assert_eq!(
        outbox.add(none).await.unwrap(),
        Enqueued::New,
        "the ledger takes it so"
    );
    let counts = outbox.counts().await.unwrap();
    assert_eq!(
        (
            counts.len(),
            counts[0].destination.as_str(),
            counts[0].events
        ),
        (1, "ledger", 2)
    );

    let alone = Entry::new(event("inv_3")).clicks(ClickIds::default());
    let nothing = database.outbox().add(alone).await.unwrap();
    assert_eq!(nothing, Enqueued::NothingToReport(NothingToReport::NoClick));
}

/// Where a part of an event contradicts what is there, no part of it is written.
pub(crate) async fn a_conflict_of_one_destination_takes_the_others_back(database: Database) {
    let outbox = two(&database);
    let event = |amount| Sale::without_click("user_001", amount).invoice_id("inv_1");
    let one = Entry::new(event(1)).clicks(clicks(&[("refp_id", "clk_r")]));
    let only = database.outbox().add(one).await.unwrap();
    assert_eq!(only, Enqueued::New);
    let both = clicks(&[("refp_id", "clk_r"), ("ledger_click", "clk_l")]);
    let entry = Entry::new(event(2)).clicks(both);
    let error = database.order(&outbox, "1", entry, true).await.unwrap_err();
    assert!(matches!(error, EnqueueError::Conflict(_)), "{error:?}");
    assert_eq!(outbox.counts().await.unwrap().len(), 1);
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
    for number in 0..600 {
        let _ = outbox
            .sale(sale(&format!("inv_{number:03}")))
            .await
            .unwrap();
    }
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
    for number in 0..1500 {
        let _ = outbox
            .sale(sale(&format!("inv_{number:04}")))
            .await
            .unwrap();
    }
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

pub(crate) async fn migrations_are_our_own_and_can_meet(database: Database) {
    let outbox = database.outbox();
    // Of the application itself, under the usual name.
    let theirs = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)";
    database.execute(theirs).await;
    database
        .execute("INSERT INTO _sqlx_migrations VALUES (20260101)")
        .await;
    let (one, other) = tokio::join!(outbox.migrate(), outbox.migrate());
    one.unwrap();
    other.unwrap();
    assert_eq!(
        database
            .number("SELECT count(*) FROM _sqlx_migrations")
            .await,
        1
    );
    assert_eq!(
        database
            .number("SELECT count(*) FROM refport_outbox_migrations")
            .await,
        1
    );

    database
        .execute("UPDATE refport_outbox_migrations SET version = 9999")
        .await;
    let error: StoreError = outbox.migrate().await.unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

pub(crate) async fn two_processes_may_make_the_tables_at_once(database: Database) {
    database.drop_tables().await;
    let outbox = database.outbox();
    let (one, other) = tokio::join!(outbox.migrate(), outbox.migrate());
    one.unwrap();
    other.unwrap();
    assert_eq!(outbox.sale(sale("inv_1")).await.unwrap(), Enqueued::New);
}

pub(crate) async fn missing_tables_are_named(database: Database) {
    database.drop_tables().await;
    let outbox = database.outbox();
    let error = database
        .order(&outbox, "1", sale("inv_1"), false)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Outbox::migrate"), "{error}");
    let mut worker = outbox
        .worker()
        .deliver_to(Service::refport())
        .build()
        .unwrap();
    let error = worker.run(std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains("Outbox::migrate"), "{error}");
}
