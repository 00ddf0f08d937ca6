//! Tables as they stand after years, by SQL.

use std::path::Path;

use anyhow::Context;
use refport_bench::site::Site;
use sqlx::{
    AssertSqlSafe, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

/// Sales of each customer.
const OF_EACH: u64 = 10;

/// How many customers have made so many events.
pub(super) const fn customers(events: u64) -> u64 {
    events / OF_EACH
}

/// What the statements below read: a row for each link, numbered, with all that hangs on it.
const LINKS: &str = "CREATE TEMP TABLE of AS
    SELECT row_number() OVER (ORDER BY link.id) - 1 AS n, link.id AS link_id, link.workspace_id,
           enrollment.partner_id, enrollment.program_id, program.sale_reward_id AS reward_id,
           (SELECT max(created_at) FROM link) - 30 * 86400000 AS since
    FROM link JOIN enrollment ON enrollment.id = link.enrollment_id
              JOIN program ON program.id = enrollment.program_id;
    CREATE UNIQUE INDEX temp.of_n ON of (n);";

const NUMBERS: &str = "WITH RECURSIVE n (i) AS (
    SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)";

/// By number of the customer.
const OF_CUSTOMERS: [&str; 2] = [
    "INSERT INTO click (id, workspace_id, link_id, verdict, created_at)
     SELECT printf('clk_%026d', i), workspace_id, link_id, 'person', since FROM n JOIN of ON of.n = i % 100",
    "INSERT INTO customer (id, workspace_id, identity, external_id, click_id, link_id, version, created_at)
     SELECT printf('cus_%026d', i), workspace_id, printf('ext:user_%010d', i), printf('user_%010d', i),
            printf('clk_%026d', i), link_id, 10, since FROM n JOIN of ON of.n = i % 100",
];

/// By number of the event. Invoices are scattered.
const OF_EVENTS: [&str; 3] = [
    "INSERT INTO event (id, workspace_id, program_id, partner_id, link_id, customer_id, click_id, kind,
                        dedupe_key, event_name, invoice_id, payment_processor, amount, currency,
                        commission_amount, reason, self_referral, occurred_at, received_at)
     SELECT printf('sale_%026d', i), workspace_id, program_id, partner_id, link_id,
            printf('cus_%026d', i / 10), printf('clk_%026d', i / 10), 'sale',
            printf('inv:in_%08x%08x', (i * 2654435761) & 4294967295, i), 'Purchase',
            printf('in_%08x%08x', (i * 2654435761) & 4294967295, i), 'stripe', 4900, 'usd', 490,
            'earned', 0, since + i / 10, since + i / 10
     FROM n JOIN of ON of.n = (i / 10) % 100",
    "INSERT INTO commission (id, workspace_id, program_id, partner_id, customer_id, event_id, reward_id,
                             kind, amount, currency, status, payable_at, occurred_at, created_at)
     SELECT printf('com_%026d', i), workspace_id, program_id, partner_id, printf('cus_%026d', i / 10),
            printf('sale_%026d', i), reward_id, 'sale', 490, 'usd', 'pending',
            since + i / 10 + 30 * 86400000, since + i / 10, since + i / 10
     FROM n JOIN of ON of.n = (i / 10) % 100",
    "INSERT INTO outgoing_event (id, workspace_id, type, payload, created_at)
     SELECT printf('evt_%025d', i) || half, workspace_id,
            CASE half WHEN 0 THEN 'sale.created' ELSE 'commission.created' END,
            printf('{\"type\":\"sale.created\",\"data\":{\"id\":\"sale_%026d\",\"rest\":\"%0240d\"}}', i, i),
            since + i / 10
     FROM n JOIN (SELECT 0 AS half UNION ALL SELECT 1) JOIN of ON of.n = (i / 10) % 100",
];

/// Makes a file with so many events, each with its commission and what is told of it.
pub(super) async fn sqlite(file: &Path, events: u64) -> anyhow::Result<()> {
    // Makes the tables, the partners and their links.
    let site = Site::with_clicks(&format!("sqlite://{}", file.display()), 1).await?;
    site.store.close(std::time::Duration::from_secs(10)).await;
    drop(site);
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false)
        .pragma("cache_size", "-4000000")
        .busy_timeout(std::time::Duration::from_secs(10));
    let mut db = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(LINKS).execute(&mut db).await?;
    // They are sorted at once afterwards, which is quicker than row by row.
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
               AND tbl_name IN ('event', 'commission', 'customer', 'click')";
    let indexes: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut db).await?;
    for (name, _) in &indexes {
        let drop = AssertSqlSafe(format!("DROP INDEX {name}"));
        sqlx::raw_sql(drop).execute(&mut db).await?;
    }
    for (statements, rows) in [
        (&OF_CUSTOMERS[..], customers(events)),
        (&OF_EVENTS[..], events),
    ] {
        for statement in statements {
            let sql = statement.replacen("SELECT", &format!("{NUMBERS} SELECT"), 1);
            let query = sqlx::query(AssertSqlSafe(sql)).bind(i64::try_from(rows)?);
            query
                .execute(&mut db)
                .await
                .with_context(|| (*statement).to_owned())?;
        }
    }
    for (_, make) in indexes {
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut db).await?;
    }
    db.close().await?;
    Ok(())
}
