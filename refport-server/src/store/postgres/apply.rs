//! The rows of a batch, by a statement for each table. Inside the transaction that loaded its facts.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::addresses::Addresses;
use crate::{
    domain::{CustomerChange, DAY_MS, NewClick, Refusal},
    store::{
        Result,
        decided::Rows,
        retention::{MOST_REFUSALS, PURGE},
    },
};

/// One column of the rows, as an array.
macro_rules! column {
    ($rows:expr, |$row:ident| $value:expr) => {
        $rows.iter().map(|$row| $value).collect::<Vec<_>>()
    };
}

/// Whether the facts still held. Where they did not, nothing may be committed.
pub(super) async fn apply(
    db: &mut PgConnection,
    rows: &Rows,
    addresses: &Addresses,
) -> Result<bool> {
    apply_clicks(db, &rows.clicks).await?;
    if !addresses.claim(db, &rows.new_customers).await? {
        return Ok(false);
    }
    insert_customers(db, rows).await?;
    if !change_customers(db, &rows.customer_changes).await? {
        return Ok(false);
    }
    insert_events(db, rows).await?;
    insert_commissions(db, rows).await?;
    note_other_amounts(db, rows).await?;
    apply_refusals(db, &rows.refusals).await?;
    announce(db, rows).await?;
    Ok(true)
}

/// A sale may have made a click's row already; then what the visitor's browser said is filled in.
pub(super) async fn apply_clicks(db: &mut PgConnection, clicks: &[NewClick]) -> Result<()> {
    if clicks.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO click (id, workspace_id, link_id, verdict, address_hash, user_agent, referrer, created_at)
               SELECT new.id, new.workspace_id, link.id, new.verdict, new.address_hash, new.user_agent,
                      new.referrer, new.created_at
               FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                           $7::text[], $8::bigint[])
                    AS new (id, workspace_id, link_id, verdict, address_hash, user_agent, referrer, created_at)
               CROSS JOIN LATERAL (SELECT id FROM link WHERE link.id = new.link_id OFFSET 0) link
               ORDER BY new.id
               ON CONFLICT (id) DO NOTHING RETURNING link_id, created_at, verdict";
    let inserted: Vec<(String, i64, String)> = sqlx::query_as(sql)
        .bind(column!(clicks, |click| &*click.id))
        .bind(column!(clicks, |click| &*click.workspace_id))
        .bind(column!(clicks, |click| &*click.link_id))
        .bind(column!(clicks, |click| click.verdict))
        .bind(column!(clicks, |click| click
            .address_hash
            .map(|hash| hash.to_vec())))
        .bind(column!(clicks, |click| click.user_agent.as_deref()))
        .bind(column!(clicks, |click| click.referrer.as_deref()))
        .bind(column!(clicks, |click| click.created_at))
        .fetch_all(&mut *db)
        .await?;
    if inserted.len() < clicks.len() {
        fill_in(db, clicks).await?;
    }
    let mut counts: BTreeMap<(String, i64, String), i64> = BTreeMap::new();
    for (link_id, created_at, verdict) in inserted {
        let day = created_at.div_euclid(DAY_MS) * DAY_MS;
        *counts.entry((link_id, day, verdict)).or_default() += 1;
    }
    let counts: Vec<_> = counts.into_iter().collect();
    let sql = "INSERT INTO click_count (link_id, day, verdict, clicks)
               SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::text[], $4::bigint[])
               ON CONFLICT (link_id, day, verdict)
               DO UPDATE SET clicks = click_count.clicks + excluded.clicks";
    sqlx::query(sql)
        .bind(column!(counts, |count| &*count.0.0))
        .bind(column!(counts, |count| count.0.1))
        .bind(column!(counts, |count| &*count.0.2))
        .bind(column!(counts, |count| count.1))
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn fill_in(db: &mut PgConnection, clicks: &[NewClick]) -> Result<()> {
    let sql = "UPDATE click SET address_hash = new.address_hash, user_agent = new.user_agent,
                      referrer = new.referrer
               FROM UNNEST($1::text[], $2::bytea[], $3::text[], $4::text[])
                    AS new (id, address_hash, user_agent, referrer)
               WHERE click.id = new.id AND click.user_agent IS NULL AND click.address_hash IS NULL";
    sqlx::query(sql)
        .bind(column!(clicks, |click| &*click.id))
        .bind(column!(clicks, |click| click
            .address_hash
            .map(|hash| hash.to_vec())))
        .bind(column!(clicks, |click| click.user_agent.as_deref()))
        .bind(column!(clicks, |click| click.referrer.as_deref()))
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn insert_customers(db: &mut PgConnection, rows: &Rows) -> Result<()> {
    let new = &rows.new_customers;
    if new.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO customer (id, workspace_id, identity, external_id, email, email_key, name, avatar,
                                     click_id, link_id, version, created_at)
               SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                    $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[],
                                    $12::bigint[])";
    sqlx::query(sql)
        .bind(column!(new, |row| &*row.id))
        .bind(column!(new, |row| &*row.workspace_id))
        .bind(column!(new, |row| &*row.identity))
        .bind(column!(new, |row| row.external_id.as_deref()))
        .bind(column!(new, |row| row.email.as_deref()))
        .bind(column!(new, |row| row.email_key.as_deref()))
        .bind(column!(new, |row| row.name.as_deref()))
        .bind(column!(new, |row| row.avatar.as_deref()))
        .bind(column!(new, |row| &*row.click_id))
        .bind(column!(new, |row| &*row.link_id))
        .bind(column!(new, |row| row.version))
        .bind(column!(new, |row| row.created_at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// Whether each customer is still the one that was read. Their rows are locked in one order first, so
/// that two servers do not wait for each other in a circle; and not more than needed, since each event
/// refers to its customer, and waits for a row whose key may change.
async fn change_customers(db: &mut PgConnection, changes: &[CustomerChange]) -> Result<bool> {
    if changes.is_empty() {
        return Ok(true);
    }
    let ids = column!(changes, |row| &*row.id);
    let sql = "SELECT id FROM customer WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
    sqlx::query(sql).bind(&ids).execute(&mut *db).await?;
    let sql = "UPDATE customer SET version = new.version, identity = new.identity,
                      external_id = new.external_id, email = new.email, email_key = new.email_key,
                      name = new.name, avatar = new.avatar
               FROM UNNEST($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                           $7::text[], $8::text[], $9::text[])
                    AS new (id, read_version, version, identity, external_id, email, email_key, name, avatar)
               WHERE customer.id = new.id AND customer.version = new.read_version";
    let changed = sqlx::query(sql)
        .bind(&ids)
        .bind(column!(changes, |row| row.read_version))
        .bind(column!(changes, |row| row.version))
        .bind(column!(changes, |row| &*row.identity))
        .bind(column!(changes, |row| row.external_id.as_deref()))
        .bind(column!(changes, |row| row.email.as_deref()))
        .bind(column!(changes, |row| row.email_key.as_deref()))
        .bind(column!(changes, |row| row.name.as_deref()))
        .bind(column!(changes, |row| row.avatar.as_deref()))
        .execute(&mut *db)
        .await?;
    Ok(changed.rows_affected() == changes.len() as u64)
}

async fn insert_events(db: &mut PgConnection, rows: &Rows) -> Result<()> {
    let events = &rows.events;
    if events.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO event (id, workspace_id, program_id, partner_id, link_id, customer_id, click_id,
                                  named_click_id, kind, dedupe_key, event_name, invoice_id,
                                  payment_processor, amount, currency, commission_amount, customer_email,
                                  customer_name, link_domain, link_key, link_destination, metadata, reason,
                                  self_referral, occurred_at, received_at)
               SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                    $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
                                    $12::text[], $13::text[], $14::bigint[], $15::text[], $16::bigint[],
                                    $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
                                    $22::text[], $23::text[], $24::bigint[], $25::bigint[], $26::bigint[])";
    sqlx::query(sql)
        .bind(column!(events, |row| &*row.id))
        .bind(column!(events, |row| &*row.workspace_id))
        .bind(column!(events, |row| &*row.program_id))
        .bind(column!(events, |row| &*row.partner_id))
        .bind(column!(events, |row| &*row.link_id))
        .bind(column!(events, |row| &*row.customer_id))
        .bind(column!(events, |row| &*row.click_id))
        .bind(column!(events, |row| row.named_click_id.as_deref()))
        .bind(column!(events, |row| row.kind.as_str()))
        .bind(column!(events, |row| row.key.as_deref()))
        .bind(column!(events, |row| &*row.event_name))
        .bind(column!(events, |row| row
            .sale
            .as_ref()?
            .invoice_id
            .as_deref()))
        .bind(column!(events, |row| Some(
            &*row.sale.as_ref()?.payment_processor
        )))
        .bind(column!(events, |row| Some(row.sale.as_ref()?.amount)))
        .bind(column!(events, |row| Some(String::from(
            row.sale.as_ref()?.currency
        ))))
        .bind(column!(events, |row| Some(
            row.sale.as_ref()?.commission_amount
        )))
        .bind(column!(events, |row| row.customer_email.as_deref()))
        .bind(column!(events, |row| row.customer_name.as_deref()))
        .bind(column!(events, |row| Some(&*row.link.as_ref()?.domain)))
        .bind(column!(events, |row| Some(&*row.link.as_ref()?.key)))
        .bind(column!(events, |row| Some(
            &*row.link.as_ref()?.destination
        )))
        .bind(column!(events, |row| row.metadata.as_deref()))
        .bind(column!(events, |row| row.reason.as_str()))
        .bind(column!(events, |row| i64::from(row.self_referral)))
        .bind(column!(events, |row| row.occurred_at))
        .bind(column!(events, |row| row.received_at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn insert_commissions(db: &mut PgConnection, rows: &Rows) -> Result<()> {
    let commissions = &rows.commissions;
    if commissions.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO commission (id, workspace_id, program_id, partner_id, customer_id, event_id,
                                       reward_id, kind, amount, currency, status, payable_at, occurred_at,
                                       created_at)
               SELECT id, workspace_id, program_id, partner_id, customer_id, event_id, reward_id, kind,
                      amount, currency, 'pending', payable_at, occurred_at, created_at
               FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                           $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bigint[],
                           $12::bigint[], $13::bigint[])
                    AS new (id, workspace_id, program_id, partner_id, customer_id, event_id, reward_id,
                            kind, amount, currency, payable_at, occurred_at, created_at)";
    sqlx::query(sql)
        .bind(column!(commissions, |row| &*row.id))
        .bind(column!(commissions, |row| &*row.workspace_id))
        .bind(column!(commissions, |row| &*row.program_id))
        .bind(column!(commissions, |row| &*row.partner_id))
        .bind(column!(commissions, |row| &*row.customer_id))
        .bind(column!(commissions, |row| &*row.event_id))
        .bind(column!(commissions, |row| &*row.reward_id))
        .bind(column!(commissions, |row| row.kind.as_str()))
        .bind(column!(commissions, |row| row.amount))
        .bind(column!(commissions, |row| String::from(row.currency)))
        .bind(column!(commissions, |row| row.payable_at))
        .bind(column!(commissions, |row| row.occurred_at))
        .bind(column!(commissions, |row| row.created_at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn note_other_amounts(db: &mut PgConnection, rows: &Rows) -> Result<()> {
    let others = &rows.other_amounts;
    if others.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE event SET other_amount = new.amount, other_currency = new.currency
               FROM UNNEST($1::text[], $2::bigint[], $3::text[]) AS new (id, amount, currency)
               WHERE event.id = new.id";
    sqlx::query(sql)
        .bind(column!(others, |row| &*row.event_id))
        .bind(column!(others, |row| row.amount))
        .bind(column!(others, |row| String::from(row.currency)))
        .execute(&mut *db)
        .await?;
    Ok(())
}

pub(super) async fn apply_refusals(db: &mut PgConnection, refusals: &[Refusal]) -> Result<()> {
    if refusals.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO refusal (id, workspace_id, kind, reason, detail, click_id, customer_external_id,
                                    invoice_id, event_name, amount, currency, occurred_at, received_at)
               SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                    $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[],
                                    $12::bigint[], $13::bigint[])
               ON CONFLICT (id) DO NOTHING";
    sqlx::query(sql)
        .bind(column!(refusals, |row| &*row.id))
        .bind(column!(refusals, |row| &*row.workspace_id))
        .bind(column!(refusals, |row| row.kind.as_str()))
        .bind(column!(refusals, |row| row.reason.as_str()))
        .bind(column!(refusals, |row| row.detail.as_deref()))
        .bind(column!(refusals, |row| row.click_id.as_deref()))
        .bind(column!(refusals, |row| row.customer_external_id.as_deref()))
        .bind(column!(refusals, |row| row.invoice_id.as_deref()))
        .bind(column!(refusals, |row| row.event_name.as_deref()))
        .bind(column!(refusals, |row| row.amount))
        .bind(column!(refusals, |row| row.currency.as_deref()))
        .bind(column!(refusals, |row| row.occurred_at))
        .bind(column!(refusals, |row| row.received_at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn announce(db: &mut PgConnection, rows: &Rows) -> Result<()> {
    let said = &rows.announcements;
    if said.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO outgoing_event (id, workspace_id, type, payload, created_at)
               SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])";
    sqlx::query(sql)
        .bind(column!(said, |row| &*row.id))
        .bind(column!(said, |row| &*row.workspace_id))
        .bind(column!(said, |row| row.kind))
        .bind(column!(said, |row| &*row.payload))
        .bind(column!(said, |row| row.created_at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// Lets the oldest refused reports go: those before `before`, and those above the bound. Whether
/// there may be more.
pub(super) async fn purge_refusals(db: &mut PgConnection, before: i64) -> Result<bool> {
    let sql = "DELETE FROM refusal WHERE id IN
               (SELECT id FROM refusal WHERE received_at < $1 ORDER BY received_at LIMIT $2)";
    let old = sqlx::query(sql)
        .bind(before)
        .bind(PURGE)
        .execute(&mut *db)
        .await?;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM refusal")
        .fetch_one(&mut *db)
        .await?;
    let surplus = (kept - MOST_REFUSALS).clamp(0, PURGE);
    let sql = "DELETE FROM refusal WHERE id IN
               (SELECT id FROM refusal ORDER BY received_at LIMIT $1)";
    sqlx::query(sql).bind(surplus).execute(&mut *db).await?;
    Ok(old.rows_affected() > 0 || surplus > 0)
}
