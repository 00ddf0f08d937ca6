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
    sqlite_invoices(pool, "in", events).await
}

/// As [`sqlite_events`], with invoices that begin so.
async fn sqlite_invoices(pool: &SqlitePool, prefix: &str, events: u64) -> anyhow::Result<()> {
    let sql = format!(
        "{NUMBERS} INSERT INTO refport_outbox_events (key, destination, payload)
        SELECT printf('sale:%s_%016d', $3, i), 'refport', replace($2, '#', printf('%016d', i))
        FROM n"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(i64::try_from(events)?)
        .bind(payload()?)
        .bind(prefix)
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

/// So many delivered events in SQLite, and so many that are due: half of them were tried before.
pub(super) async fn sqlite_backlog(
    pool: &SqlitePool,
    delivered: u64,
    waiting: u64,
) -> anyhow::Result<()> {
    let tried = format!(
        "{NUMBERS} INSERT INTO refport_outbox_deliveries
            (key, destination, payload, created_at, due_at, state, attempts, fence, settled_at)
        SELECT printf('sale:in_%016d', i), 'refport', replace($2, '#', printf('%016d', i)),
            i, i, iif(i <= $3, 2, 0), 1, 1, iif(i <= $3, i, NULL) FROM n"
    );
    let (tried_waits, fresh) = (waiting / 2, waiting - waiting / 2);
    sqlx::query(AssertSqlSafe(tried))
        .bind(i64::try_from(delivered + tried_waits)?)
        .bind(payload()?)
        .bind(i64::try_from(delivered)?)
        .execute(pool)
        .await?;
    sqlite_invoices(pool, "new", fresh).await?;
    sqlx::raw_sql("ANALYZE").execute(pool).await?;
    Ok(())
}

/// As [`sqlite_backlog`], in Postgres, where it makes no difference what was tried.
pub(super) async fn postgres_backlog(
    pool: &PgPool,
    delivered: u64,
    waiting: u64,
) -> anyhow::Result<()> {
    const EVENTS: &str = "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
        SELECT 'sale:in_' || lpad(i::text, 16, '0'), 'refport',
            replace($2, '#', lpad(i::text, 16, '0')), i
        FROM generate_series(1, $1) AS n (i)";
    // Their trigger lets all of them wait. These tables are filled anew, so that none has dead rows.
    const WAITING: &str =
        "INSERT INTO refport_outbox_waiting (event_id, destination, created_at, due_at)
        SELECT id, destination, created_at, created_at FROM refport_outbox_events
        WHERE created_at > $1 ORDER BY id";
    const DELIVERED: &str = "INSERT INTO refport_outbox_delivered
            (event_id, destination, attempts, settled_at)
        SELECT id, destination, 1, created_at FROM refport_outbox_events
        WHERE created_at <= $1 ORDER BY id";
    sqlx::query(EVENTS)
        .bind(i64::try_from(delivered + waiting)?)
        .bind(payload()?)
        .execute(pool)
        .await?;
    sqlx::raw_sql("TRUNCATE refport_outbox_waiting")
        .execute(pool)
        .await?;
    for states in [WAITING, DELIVERED] {
        sqlx::query(states)
            .bind(i64::try_from(delivered)?)
            .execute(pool)
            .await?;
    }
    sqlx::raw_sql("VACUUM ANALYZE").execute(pool).await?;
    Ok(())
}
