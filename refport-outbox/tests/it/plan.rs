//! How the databases find what is due, among a hundred thousand that wait and more that do not.

use crate::database::{Database, START};

const WAITING: usize = 20_000;
const DELIVERED: usize = 100_000;

/// Tables as of a shop in its second year, in the middle of an outage: half of what waits was tried.
async fn fill_sqlite(database: &Database) {
    let numbers = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})",
        WAITING + DELIVERED
    );
    let tried = WAITING / 2;
    let deliveries = format!(
        "{numbers} INSERT INTO refport_outbox_deliveries (key, destination, payload, created_at,
            due_at, attempts, fence, state, settled_at)
         SELECT 'sale:inv_' || i, 'refport', '{{}}', {START}, {START} + i, 1, 1,
            iif(i <= {tried}, 0, 2), iif(i <= {tried}, NULL, i)
         FROM n WHERE i <= {tried} OR i > {WAITING}"
    );
    let events = format!(
        "{numbers} INSERT INTO refport_outbox_events (key, destination, payload, created_at)
         SELECT 'sale:inv_' || i, 'refport', '{{}}', {START} + i
         FROM n WHERE i > {tried} AND i <= {WAITING}"
    );
    for sql in [&deliveries, &events, "ANALYZE"] {
        database.execute(sql).await;
    }
}

async fn sqlite_plan(database: &Database, statement: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let plan = database.texts(&explain, 3).await;
    println!("{}\n", plan.join("\n"));
    plan
}

#[tokio::test]
async fn sqlite_claims_by_the_index_of_what_waits() {
    let database = Database::sqlite().await;
    fill_sqlite(&database).await;
    let claim = include_str!("../../src/store/sqlite/claim_tried.sql");
    let plan = sqlite_plan(&database, claim).await;
    let has = |part: &str| plan.iter().any(|step| step.contains(part));
    assert!(has("INDEX refport_outbox_waiting"), "{plan:?}");
    assert!(!has("SCAN"), "{plan:?}");
    assert!(!has("TEMP B-TREE"), "nothing is sorted: {plan:?}");
}

#[tokio::test]
async fn sqlite_claims_what_was_never_tried_by_its_key() {
    let database = Database::sqlite().await;
    fill_sqlite(&database).await;
    let claim = include_str!("../../src/store/sqlite/claim_next.sql");
    let plan = sqlite_plan(&database, claim).await;
    let has = |part: &str| plan.iter().any(|step| step.contains(part));
    assert!(
        has("SEARCH refport_outbox_events USING PRIMARY KEY (destination=? AND key>?)"),
        "{plan:?}"
    );
    assert!(!has("SCAN refport_outbox"), "{plan:?}");
    assert!(!has("TEMP B-TREE"), "nothing is sorted: {plan:?}");
}

#[tokio::test]
async fn sqlite_looks_for_what_did_not_fail_among_the_first_that_are_due() {
    let database = Database::sqlite().await;
    fill_sqlite(&database).await;
    let claim = include_str!("../../src/store/sqlite/claim_healthy.sql");
    let plan = sqlite_plan(&database, claim).await;
    let has = |part: &str| plan.iter().any(|step| step.contains(part));
    assert!(has("INDEX refport_outbox_waiting"), "{plan:?}");
    assert!(!has("SCAN refport_outbox"), "{plan:?}");
}

/// The same on Postgres, where what is delivered is in a table of its own.
async fn fill_postgres(database: &Database) {
    let events = format!(
        "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
         SELECT 'sale:inv_' || i, 'refport', '{{}}', {START} + i
         FROM generate_series(1, {}) AS n (i)",
        WAITING + DELIVERED
    );
    let deliver = format!(
        "WITH done AS (DELETE FROM refport_outbox_waiting WHERE event_id > {WAITING}
            RETURNING event_id, destination, due_at)
         INSERT INTO refport_outbox_delivered (event_id, destination, attempts, settled_at)
         SELECT event_id, destination, 1, due_at FROM done"
    );
    database.execute(&events).await;
    database.execute(&deliver).await;
}

#[tokio::test]
async fn postgres_claims_by_the_index_of_what_waits() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    fill_postgres(&database).await;
    let mut claim = include_str!("../../src/store/postgres/claim.sql").to_owned();
    let due = (START + 1_000_000).to_string();
    for (name, value) in [
        ("$1", "'refport'"),
        ("$2", &due),
        ("$3", "256"),
        ("$4", "0"),
    ] {
        claim = claim.replace(name, value);
    }
    // Before the planner knows of the rows, and after.
    for analyze in ["", "ANALYZE"] {
        database.execute(analyze).await;
        let plan = database.texts(&format!("EXPLAIN {claim}"), 0).await;
        println!("{}", plan.join("\n"));
        let uses = |step: &str| plan.iter().any(|line| line.contains(step));
        assert!(uses("Index Scan using refport_outbox_due"), "{plan:?}");
        assert!(uses("Tid Scan on refport_outbox_waiting"), "{plan:?}");
        assert!(
            uses("Index Scan using refport_outbox_events_pkey"),
            "{plan:?}"
        );
        assert!(!uses("Seq Scan"), "{plan:?}");
        assert!(!uses("Sort"), "{plan:?}");
    }
}

#[tokio::test]
async fn postgres_looks_for_what_did_not_fail_among_the_first_that_are_due() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    fill_postgres(&database).await;
    let mut claim = include_str!("../../src/store/postgres/claim_healthy.sql").to_owned();
    let due = (START + 1_000_000).to_string();
    for (name, value) in [
        ("$1", "'refport'"),
        ("$2", &due),
        ("$3", "1"),
        ("$4", "0"),
        ("$5", "true"),
    ] {
        claim = claim.replace(name, value);
    }
    for analyze in ["", "ANALYZE"] {
        database.execute(analyze).await;
        let plan = database.texts(&format!("EXPLAIN {claim}"), 0).await;
        println!("{}", plan.join("\n"));
        let uses = |step: &str| plan.iter().any(|line| line.contains(step));
        assert!(uses("Index Scan using refport_outbox_due"), "{plan:?}");
        assert!(!uses("Seq Scan"), "{plan:?}");
    }
}
