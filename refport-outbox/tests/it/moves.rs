//! On Postgres an event is in one table of its state, and moves from one to the other.

use std::time::Duration;

use refport_outbox::{Enqueued, Selection};

use crate::{
    database::{Database, HOUR, SECOND},
    leases::kill,
    scripted::{Does, Service, sale},
    trouble::{build, worker},
};

/// All rows of all states, each with its event.
const ROWS: &str = "WITH states AS (
        SELECT 'waiting' AS state, event_id FROM refport_outbox_waiting
        UNION ALL SELECT 'leased', event_id FROM refport_outbox_leased
        UNION ALL SELECT 'delivered', event_id FROM refport_outbox_delivered
        UNION ALL SELECT 'dead', event_id FROM refport_outbox_dead)
    SELECT coalesce(state, 'none') || coalesce(' ' || key, '')
    FROM states FULL JOIN refport_outbox_events ON id = event_id ORDER BY key";

async fn rows(database: &Database) -> Vec<String> {
    database.texts(ROWS, 0).await
}

#[tokio::test]
async fn an_event_is_in_one_table_at_each_step() {
    let Some(database) = Database::postgres().await else {
        return;
    };
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

#[tokio::test]
async fn workers_that_meet_leave_each_event_in_one_table() {
    const EVENTS: usize = 500;
    let Some(database) = Database::postgres().await else {
        return;
    };
    let (outbox, service) = (database.outbox(), Service::refport());
    service.with_invoice("inv_100", Does::Breaks).with_invoice(
        "inv_200",
        Does::Answers(400, Some("VALIDATION_ERROR"), None),
    );
    for number in 0..EVENTS {
        let _ = outbox
            .sale(sale(&format!("inv_{number:03}")))
            .await
            .unwrap();
    }
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
