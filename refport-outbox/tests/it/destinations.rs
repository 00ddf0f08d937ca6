//! What holds on both databases where an event goes to several destinations.

use refport_outbox::{
    EnqueueError, Enqueued, Entry, Outbox, State, Target,
    refport_core::{ClickIds, CookieName, Sale, track::NothingToReport},
};

use crate::{
    database::{Database, HOUR},
    scripted::{Does, Service, sale},
};

pub(crate) fn two(database: &Database) -> Outbox {
    let ledger = Target::new("ledger", CookieName::new("ledger_click").unwrap());
    database.outbox().destinations([Target::refport(), ledger])
}

pub(crate) fn clicks(ids: &[(&'static str, &str)]) -> ClickIds {
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
