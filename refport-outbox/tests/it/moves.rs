//! An event is in one table, in one state, at each step of its life.

use std::time::Duration;

use refport_outbox::{Enqueued, Selection, State};

use crate::{
    database::{Database, HOUR, Pool, SECOND},
    leases::kill,
    scripted::{Does, Service, enqueue, sale},
    trouble::{build, states, worker},
};

/// All rows with their states, and leases on nothing.
const SQLITE: &str = "WITH held (destination, key) AS (
        SELECT l.destination, k.value FROM refport_outbox_leases AS l, json_each(l.keys) AS k),
    states (state, key) AS (
        SELECT iif((destination, key) IN held, 'leased ', 'waiting '), key
            FROM refport_outbox_events
        UNION ALL SELECT iif(state = 0, 'waiting ', iif(state = 1, 'leased ',
                iif(state = 2, 'delivered ', 'dead '))), key
            FROM refport_outbox_deliveries
        UNION ALL SELECT 'lease of nothing', '' FROM refport_outbox_leases AS l
            WHERE NOT EXISTS (SELECT 1 FROM refport_outbox_events AS e, json_each(l.keys) AS k
                WHERE e.destination = l.destination AND e.key = k.value))
    SELECT state || key FROM states ORDER BY key";
const POSTGRES: &str = "WITH states AS (
        SELECT 'waiting' AS state, event_id FROM refport_outbox_waiting
        UNION ALL SELECT 'leased', event_id FROM refport_outbox_leased
        UNION ALL SELECT 'delivered', event_id FROM refport_outbox_delivered
        UNION ALL SELECT 'dead', event_id FROM refport_outbox_dead)
    SELECT coalesce(state, 'none') || coalesce(' ' || key, '')
    FROM states FULL JOIN refport_outbox_events ON id = event_id ORDER BY key";

async fn rows(database: &Database) -> Vec<String> {
    let rows = match database.pool {
        Pool::Sqlite(_) => SQLITE,
        Pool::Postgres(_) => POSTGRES,
    };
    database.texts(rows, 0).await
}

pub(crate) async fn an_event_is_in_one_table_at_each_step(database: Database) {
    let (outbox, service) = (database.outbox(), Service::refport());
    let drain = async || {
        let mut worker = build(worker(&outbox, &service).max_attempts(3));
        worker.drain().await.unwrap()
    };
    assert_eq!(outbox.sale(sale("inv_1")).await.unwrap(), Enqueued::New);
    assert_eq!(rows(&database).await, ["waiting sale:inv_1"]);
    assert_eq!(
        outbox.sale(sale("inv_1")).await.unwrap(),
        Enqueued::Duplicate
    );
    assert_eq!(rows(&database).await, ["waiting sale:inv_1"]);

    kill(worker(&outbox, &service), &service).await;
    assert_eq!(rows(&database).await, ["leased sale:inv_1"]);

    database.pass(121 * SECOND);
    service.then([Does::Breaks]);
    assert_eq!(drain().await.retried, 1, "taken over, and tried again");
    assert_eq!(rows(&database).await, ["waiting sale:inv_1"]);

    database.pass(HOUR);
    service.then([Does::Breaks]);
    assert_eq!(drain().await.dead, 1);
    assert_eq!(rows(&database).await, ["dead sale:inv_1"]);

    assert_eq!(outbox.replay(&Selection::All).await.unwrap(), 1);
    assert_eq!(rows(&database).await, ["waiting sale:inv_1"]);

    assert_eq!(drain().await.delivered, 1);
    assert_eq!(rows(&database).await, ["delivered sale:inv_1"]);

    database.pass(SECOND);
    assert_eq!(outbox.purge(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(rows(&database).await, <[&str; 0]>::default());
    assert_eq!(outbox.sale(sale("inv_1")).await.unwrap(), Enqueued::New);
    assert_eq!(rows(&database).await, ["waiting sale:inv_1"]);
}

pub(crate) async fn workers_that_meet_leave_each_event_in_one_table(database: Database) {
    const EVENTS: usize = 500;
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("inv_100", Does::Breaks).with_invoice(
        "inv_200",
        Does::Answers(400, Some("VALIDATION_ERROR"), None),
    );
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("inv_{number:03}")),
    )
    .await;
    // Small claims, so that they meet often; and what others do besides.
    let worker = || build(worker(&outbox, &service).batch(16));
    let (mut one, mut two, mut three) = (worker(), worker(), worker());
    let mend = async {
        for _ in 0..20 {
            outbox.replay(&Selection::All).await.unwrap();
            outbox.counts().await.unwrap();
        }
    };
    let (one, two, three, ()) = tokio::join!(one.drain(), two.drain(), three.drain(), mend);
    let reports = [one.unwrap(), two.unwrap(), three.unwrap()];
    let delivered: u64 = reports.iter().map(|report| report.delivered).sum();
    let lost: u64 = reports.iter().map(|report| report.lost).sum();
    assert_eq!((delivered, lost), (EVENTS as u64 - 2, 0), "{reports:?}");
    let rows = rows(&database).await;
    let count = |state: &str| rows.iter().filter(|row| row.starts_with(state)).count();
    assert_eq!((rows.len(), count("delivered ")), (EVENTS, EVENTS - 2));
    assert_eq!(count("none"), 0, "each is somewhere");
}

/// By a role whose search path leads elsewhere, into tables that only the name of their schema finds.
#[tokio::test]
async fn an_insert_by_a_qualified_name_waits() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    let (outbox, service) = (database.outbox(), Service::refport());
    // The tests' own role has a schema of its own from here on.
    database.execute("CREATE SCHEMA postgres").await;
    outbox.migrate().await.unwrap();
    let role = format!("clerk_of_{}", database.name);
    let insert = format!(
        r#"CREATE ROLE {role};
        CREATE SCHEMA {role} AUTHORIZATION {role};
        GRANT USAGE ON SCHEMA postgres TO {role};
        GRANT INSERT ON postgres.refport_outbox_events, postgres.refport_outbox_waiting TO {role};
        SET ROLE {role};
        INSERT INTO postgres.refport_outbox_events (key, destination, payload, created_at)
        VALUES ('sale:inv_1', 'refport',
            '{{"v":1,"sale":{{"customerExternalId":"user_001","clickId":"clk_1","amount":4900}}}}', 0)
        ON CONFLICT DO NOTHING;
        RESET ROLE;
        DROP OWNED BY {role};
        DROP ROLE {role}"#
    );
    database.execute(&insert).await;
    assert_eq!(rows(&database).await, ["waiting sale:inv_1"]);
    let report = build(worker(&outbox, &service)).drain().await.unwrap();
    assert_eq!((report.delivered, service.calls()), (1, 1));
    let other = "SELECT count(*) FROM public.refport_outbox_events";
    assert_eq!(database.number(other).await, 0);
}

/// On SQLite, what was leased together is deleted together: not with what was written since.
#[tokio::test]
async fn events_between_those_of_a_lease_stay() {
    const EVENTS: usize = 300;
    let database = Database::sqlite().await;
    let (outbox, service) = (database.outbox(), Service::refport());
    let invoice = |number: usize| format!("inv_{number:04}");
    enqueue(&outbox, (0..EVENTS * 2).step_by(2).map(invoice)).await;
    // Of a lease, most of whose events are not marked when others come between them.
    service.with_invoice("inv_0200", Does::Waits);
    let mut worker = build(worker(&outbox, &service).concurrency(64));
    let between = async {
        service.has_calls(EVENTS / 2).await;
        enqueue(&outbox, (1..EVENTS * 2).step_by(50).map(invoice)).await;
        service.let_go(1);
    };
    let (report, ()) = tokio::join!(worker.drain(), between);
    let events = EVENTS + EVENTS * 2 / 50;
    // Some may have come after the first drain had looked for the last time.
    let delivered = report.unwrap().delivered + worker.drain().await.unwrap().delivered;
    assert_eq!(delivered, events as u64);
    assert_eq!(service.counted("invoiceId").len(), events);
    assert_eq!(states(&outbox).await, [(State::Delivered, events as u64)]);
}

/// A driver that is not ours may write any bytes as a text, and JSON does not bring them back.
#[tokio::test]
async fn an_event_whose_key_is_no_text_is_delivered_once() {
    let database = Database::sqlite().await;
    let (outbox, service) = (database.outbox(), Service::refport());
    let insert = |key: &str| {
        format!(
            r#"INSERT INTO refport_outbox_events (key, destination, payload)
            VALUES ({key}, 'refport',
            '{{"v":1,"sale":{{"customerExternalId":"u","clickId":"clk_1","amount":1}}}}')"#
        )
    };
    let keys = ["CAST(x'736bff' AS TEXT)", "'a' || char(0) || 'b'"];
    for key in keys {
        database.execute(&insert(key)).await;
    }
    let _ = outbox.sale(sale("inv_1")).await.unwrap();
    let mut worker = build(worker(&outbox, &service));
    assert_eq!(worker.drain().await.unwrap().delivered, 3);
    // Not known by its own key any more, but by the one that it was given.
    for key in keys {
        database.execute(&insert(key)).await;
    }
    assert_eq!(worker.drain().await.unwrap().delivered, 0);
    assert_eq!(service.calls(), 3);
    assert_eq!(
        rows(&database).await,
        [
            "delivered not-text:610062",
            "delivered not-text:736BFF",
            "delivered sale:inv_1"
        ]
    );
}

/// Another process has its own pool, and knows of leases only what stands in the table.
#[tokio::test]
async fn nobody_takes_what_another_process_has_leased() {
    let database = Database::sqlite().await;
    let (one, other, service) = (database.outbox(), database.outbox(), Service::refport());
    enqueue(&one, (0..40).map(|number| format!("inv_{number:02}"))).await;
    service.always(Does::Waits);
    let mut holder = build(worker(&one, &service).concurrency(1));
    let mut late = build(worker(&other, &service));
    let test = async {
        service.has_calls(1).await;
        let leased = rows(&database).await;
        let leased = leased
            .iter()
            .filter(|row| row.starts_with("leased"))
            .count();
        service.always(Does::Takes);
        let report = late.drain().await.unwrap();
        assert_eq!(report.delivered, 40 - leased as u64);
        assert!(leased > 0);
        service.let_go(1);
    };
    let (report, ()) = tokio::join!(holder.drain(), test);
    let report = report.unwrap();
    assert_eq!((report.lost, report.dead), (0, 0), "{report}");
    assert_eq!(service.counted("invoiceId").len(), 40);
}

/// A key whose row was purged is written again while the lease of its batch lives.
#[tokio::test]
async fn a_purge_leaves_what_a_lease_still_names() {
    let database = Database::sqlite().await;
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(&outbox, (0..40).map(|number| format!("inv_{number:02}"))).await;
    service.with_invoice("inv_39", Does::Waits);
    let mut worker = build(worker(&outbox, &service).concurrency(64));
    let test = async {
        while !rows(&database)
            .await
            .contains(&"delivered sale:inv_38".to_owned())
        {
            tokio::task::yield_now().await;
        }
        database.pass(SECOND);
        outbox.purge(Duration::ZERO).await.unwrap();
        // In one lease with the event that waits.
        let again = outbox.sale(sale("inv_38")).await.unwrap();
        assert_eq!(again, Enqueued::Duplicate);
        service.let_go(1);
    };
    let (report, ()) = tokio::join!(worker.drain(), test);
    assert_eq!(report.unwrap().delivered, 40);
    assert_eq!(service.calls(), 40);
    database.pass(SECOND);
    outbox.purge(Duration::ZERO).await.unwrap();
    assert_eq!(rows(&database).await, <[&str; 0]>::default());
    assert_eq!(outbox.sale(sale("inv_38")).await.unwrap(), Enqueued::New);
}

/// Somebody deletes an event of a lease by hand, and another comes in its place.
#[tokio::test]
async fn an_event_that_is_deleted_by_hand_takes_no_other_with_it() {
    const EVENTS: usize = 400;
    let database = Database::sqlite().await;
    let (outbox, service) = (database.outbox(), Service::refport());
    enqueue(
        &outbox,
        (0..EVENTS).map(|number| format!("inv_{number:04}")),
    )
    .await;
    let mut worker = build(worker(&outbox, &service).concurrency(200));
    let test = async {
        service.has_calls(210).await;
        service.always(Does::Waits);
        service.has_calls(300).await;
        let delete = "DELETE FROM refport_outbox_events WHERE key = 'sale:inv_0390'";
        database.execute(delete).await;
        let _ = outbox.sale(sale("inv_0380x")).await.unwrap();
        service.always(Does::Takes);
        service.let_go(EVENTS);
    };
    let (report, ()) = tokio::join!(worker.drain(), test);
    report.unwrap();
    // It may have come after the first drain had looked for the last time.
    worker.drain().await.unwrap();
    let counted = service.counted("invoiceId");
    assert!(counted.iter().any(|invoice| invoice == "inv_0380x"));
}
