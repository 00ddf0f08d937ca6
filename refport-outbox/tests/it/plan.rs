//! How the databases find what is due, among a hundred thousand that wait and more that do not.

use crate::database::{Database, START};

const WAITING: usize = 20_000;
const DELIVERED: usize = 100_000;

fn rows(table: &str, states: &str) -> String {
    format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
         INSERT INTO {table} (key, destination, payload, created_at, due_at, {states})",
        WAITING + DELIVERED
    )
}

/// A table as of a shop in its second year, in the middle of an outage.
async fn fill(database: &Database, table: &str) {
    let select = format!(
        "SELECT 'sale:inv_' || i, 'refport', '{{}}', {START}, {START} + i,
            CASE WHEN i <= {WAITING} THEN 0 ELSE 2 END, CASE WHEN i <= {WAITING} THEN NULL ELSE i END
         FROM n"
    );
    let insert = rows(table, "state, settled_at");
    database.execute(&format!("{insert} {select}")).await;
    database.execute("ANALYZE").await;
}

#[tokio::test]
async fn sqlite_claims_by_the_index_of_what_waits() {
    let database = Database::sqlite().await;
    fill(&database, "refport_outbox_deliveries").await;
    let claim = include_str!("../../src/store/sqlite/claim.sql");
    let plan = database
        .texts(&format!("EXPLAIN QUERY PLAN {claim}"), 3)
        .await;
    println!("{}", plan.join("\n"));
    assert!(
        plan.iter()
            .any(|step| step.contains("INDEX refport_outbox_waiting")),
        "{plan:?}"
    );
    assert!(
        !plan.iter().any(|step| step.starts_with("SCAN")),
        "{plan:?}"
    );
    assert!(
        !plan.iter().any(|step| step.contains("TEMP B-TREE")),
        "nothing is sorted: {plan:?}"
    );
}

#[tokio::test]
async fn postgres_claims_by_the_index_of_what_waits() {
    let Some(database) = Database::postgres().await else {
        return;
    };
    fill(&database, "refport_outbox_events").await;
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
    let plan = database.texts(&format!("EXPLAIN {claim}"), 0).await;
    println!("{}", plan.join("\n"));
    let uses = |index: &str| plan.iter().any(|step| step.contains(index));
    assert!(uses("Index Scan using refport_outbox_waiting"), "{plan:?}");
    assert!(!uses("Seq Scan"), "{plan:?}");
    assert!(!uses("Sort"), "{plan:?}");
}
