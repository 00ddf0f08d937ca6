//! Many rows at once, by SQL: as the application or another driver writes them, and as they stand
//! after years.

use refport_outbox::Event;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use super::shop;

/// The payload of the crate's front page, with `#` for the number of the invoice.
fn payload() -> anyhow::Result<String> {
    let mut sale = serde_json::to_value(shop::sale(0, String::new()))?;
    sale["invoiceId"] = json!("in_#");
    let payload = json!({ "v": 1, "sale": sale }).to_string();
    Event::from_payload(&payload)?;
    Ok(payload)
}

/// The numbers from 1 on, in both databases.
const NUMBERS: &str = "WITH RECURSIVE n (i) AS (
    SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)";

/// Events that wait, by the statement of the crate's front page.
pub(super) async fn sqlite_events(pool: &SqlitePool, events: u64) -> anyhow::Result<()> {
    let sql = format!(
        "{NUMBERS} INSERT INTO refport_outbox_events (key, destination, payload)
        SELECT printf('sale:in_%016d', i), 'refport', replace($2, '#', printf('%016d', i)) FROM n"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(i64::try_from(events)?)
        .bind(payload()?)
        .execute(pool)
        .await?;
    Ok(())
}

/// As [`sqlite_events`].
pub(super) async fn postgres_events(pool: &PgPool, events: u64) -> anyhow::Result<()> {
    const SQL: &str = "INSERT INTO refport_outbox_events (key, destination, payload)
        SELECT 'sale:in_' || lpad(i::text, 16, '0'), 'refport',
            replace($2, '#', lpad(i::text, 16, '0')) FROM generate_series(1, $1) AS n (i)";
    sqlx::query(SQL)
        .bind(i64::try_from(events)?)
        .bind(payload()?)
        .execute(pool)
        .await?;
    Ok(())
}

/// Rows of the workers' table in SQLite: so many delivered, and so many that are due.
pub(super) async fn sqlite_deliveries(
    pool: &SqlitePool,
    delivered: u64,
    waiting: u64,
) -> anyhow::Result<()> {
    let sql = format!(
        "{NUMBERS} INSERT INTO refport_outbox_deliveries
            (key, destination, payload, created_at, due_at, state, attempts, fence, settled_at)
        SELECT printf('sale:in_%016d', i), 'refport', replace($2, '#', printf('%016d', i)),
            i, i, iif(i <= $3, 2, 0), i <= $3, i <= $3, iif(i <= $3, i, NULL) FROM n"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(i64::try_from(delivered + waiting)?)
        .bind(payload()?)
        .bind(i64::try_from(delivered)?)
        .execute(pool)
        .await?;
    sqlx::raw_sql("ANALYZE").execute(pool).await?;
    Ok(())
}

/// As [`sqlite_deliveries`], in Postgres.
pub(super) async fn postgres_deliveries(
    pool: &PgPool,
    delivered: u64,
    waiting: u64,
) -> anyhow::Result<()> {
    const SQL: &str = "INSERT INTO refport_outbox_events
            (key, destination, payload, created_at, due_at, state, attempts, fence, settled_at)
        SELECT 'sale:in_' || lpad(i::text, 16, '0'), 'refport',
            replace($2, '#', lpad(i::text, 16, '0')), i, i,
            CASE WHEN i <= $3 THEN 2 ELSE 0 END, (i <= $3)::int, (i <= $3)::int,
            CASE WHEN i <= $3 THEN i END
        FROM generate_series(1, $1) AS n (i)";
    sqlx::query(SQL)
        .bind(i64::try_from(delivered + waiting)?)
        .bind(payload()?)
        .bind(i64::try_from(delivered)?)
        .execute(pool)
        .await?;
    sqlx::raw_sql("VACUUM ANALYZE refport_outbox_events")
        .execute(pool)
        .await?;
    Ok(())
}
