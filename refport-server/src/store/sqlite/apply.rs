//! The rows of a batch. Inside the transaction that loaded its facts.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::{
    domain::{Commission, CustomerChange, DAY_MS, NewClick, NewCustomer, Recorded, Refusal},
    store::{
        Result,
        decided::Rows,
        retention::{MOST_REFUSALS, PURGE},
    },
};

pub(super) fn apply(db: &Connection, rows: &Rows) -> Result<()> {
    apply_clicks(db, &rows.clicks)?;
    for new in &rows.new_customers {
        insert_customer(db, new)?;
    }
    for change in &rows.customer_changes {
        change_customer(db, change)?;
    }
    for event in &rows.events {
        insert_event(db, event)?;
    }
    for commission in &rows.commissions {
        insert_commission(db, commission)?;
    }
    for other in &rows.other_amounts {
        let sql = "UPDATE event SET other_amount = ?2, other_currency = ?3 WHERE id = ?1";
        let currency = String::from(other.currency);
        let values = params![other.event_id, other.amount, currency];
        db.prepare_cached(sql)?.execute(values)?;
    }
    apply_refusals(db, &rows.refusals)?;
    for said in &rows.announcements {
        let sql = "INSERT INTO outgoing_event (id, workspace_id, type, payload, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        db.prepare_cached(sql)?.execute(params![
            said.id,
            said.workspace_id,
            said.kind,
            said.payload,
            said.created_at
        ])?;
    }
    Ok(())
}

pub(super) fn apply_clicks(db: &Connection, clicks: &[NewClick]) -> Result<()> {
    let mut counts = Counts::default();
    for click in clicks {
        insert_click(db, click, &mut counts)?;
    }
    counts.write(db)
}

pub(super) fn apply_refusals(db: &Connection, refusals: &[Refusal]) -> Result<()> {
    for refusal in refusals {
        insert_refusal(db, refusal)?;
    }
    Ok(())
}

/// New clicks of a batch, by link, day and verdict.
#[derive(Debug, Default)]
struct Counts(BTreeMap<(String, i64, &'static str), i64>);

impl Counts {
    fn write(self, db: &Connection) -> Result<()> {
        let sql = "INSERT INTO click_count (link_id, day, verdict, clicks) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (link_id, day, verdict) DO UPDATE SET clicks = clicks + excluded.clicks";
        for ((link_id, day, verdict), clicks) in self.0 {
            let values = params![link_id, day, verdict, clicks];
            db.prepare_cached(sql)?.execute(values)?;
        }
        Ok(())
    }
}

/// A sale may have made the row already; then what the visitor's browser said is filled in.
fn insert_click(db: &Connection, click: &NewClick, counts: &mut Counts) -> Result<()> {
    let sql = "INSERT INTO click (id, workspace_id, link_id, verdict, address_hash, user_agent, referrer, created_at)
               SELECT ?1, ?2, link.id, ?4, ?5, ?6, ?7, ?8 FROM link WHERE link.id = ?3
               ON CONFLICT (id) DO NOTHING";
    let is_new = db.prepare_cached(sql)?.execute(params![
        click.id,
        click.workspace_id,
        click.link_id,
        click.verdict,
        click.address_hash,
        click.user_agent,
        click.referrer,
        click.created_at,
    ])? == 1;
    if is_new {
        let day = click.created_at.div_euclid(DAY_MS) * DAY_MS;
        let key = (click.link_id.clone(), day, click.verdict);
        *counts.0.entry(key).or_default() += 1;
    } else if click.user_agent.is_some() || click.address_hash.is_some() {
        let sql = "UPDATE click SET address_hash = ?2, user_agent = ?3, referrer = ?4
                   WHERE id = ?1 AND user_agent IS NULL AND address_hash IS NULL";
        db.prepare_cached(sql)?.execute(params![
            click.id,
            click.address_hash,
            click.user_agent,
            click.referrer
        ])?;
    }
    Ok(())
}

fn insert_customer(db: &Connection, new: &NewCustomer) -> Result<()> {
    let sql =
        "INSERT INTO customer (id, workspace_id, identity, external_id, email, email_key, name,
                                     avatar, click_id, link_id, version, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    db.prepare_cached(sql)?.execute(params![
        new.id,
        new.workspace_id,
        new.identity,
        new.external_id,
        new.email,
        new.email_key,
        new.name,
        new.avatar,
        new.click_id,
        new.link_id,
        new.version,
        new.created_at,
    ])?;
    Ok(())
}

fn change_customer(db: &Connection, change: &CustomerChange) -> Result<()> {
    let sql = "UPDATE customer SET version = ?2, identity = ?3, external_id = ?4, email = ?5,
                      email_key = ?6, name = ?7, avatar = ?8 WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![
        change.id,
        change.version,
        change.identity,
        change.external_id,
        change.email,
        change.email_key,
        change.name,
        change.avatar,
    ])?;
    Ok(())
}

fn insert_event(db: &Connection, event: &Recorded) -> Result<()> {
    let sql = "INSERT INTO event (id, workspace_id, program_id, partner_id, link_id, customer_id, click_id,
                                  named_click_id, kind, dedupe_key, event_name, invoice_id, payment_processor, amount,
                                  currency, commission_amount, customer_email, customer_name, link_domain,
                                  link_key, link_destination, metadata, reason, self_referral,
                                  occurred_at, received_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                       ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)";
    let (sale, link) = (event.sale.as_ref(), event.link.as_ref());
    db.prepare_cached(sql)?.execute(params![
        event.id,
        event.workspace_id,
        event.program_id,
        event.partner_id,
        event.link_id,
        event.customer_id,
        event.click_id,
        event.named_click_id,
        event.kind.as_str(),
        event.key,
        event.event_name,
        sale.and_then(|sale| sale.invoice_id.as_ref()),
        sale.map(|sale| &sale.payment_processor),
        sale.map(|sale| sale.amount),
        sale.map(|sale| String::from(sale.currency)),
        sale.map(|sale| sale.commission_amount),
        event.customer_email,
        event.customer_name,
        link.map(|link| &link.domain),
        link.map(|link| &link.key),
        link.map(|link| &link.destination),
        event.metadata,
        event.reason.as_str(),
        event.self_referral,
        event.occurred_at,
        event.received_at,
    ])?;
    Ok(())
}

fn insert_commission(db: &Connection, commission: &Commission) -> Result<()> {
    let sql =
        "INSERT INTO commission (id, workspace_id, program_id, partner_id, customer_id, event_id,
                                       reward_id, kind, amount, currency, status, payable_at,
                                       occurred_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'pending', ?11, ?12, ?13)";
    db.prepare_cached(sql)?.execute(params![
        commission.id,
        commission.workspace_id,
        commission.program_id,
        commission.partner_id,
        commission.customer_id,
        commission.event_id,
        commission.reward_id,
        commission.kind.as_str(),
        commission.amount,
        String::from(commission.currency),
        commission.payable_at,
        commission.occurred_at,
        commission.created_at,
    ])?;
    Ok(())
}

fn insert_refusal(db: &Connection, refusal: &Refusal) -> Result<()> {
    let sql = "INSERT INTO refusal (id, workspace_id, kind, reason, detail, click_id, customer_external_id,
                                    invoice_id, event_name, amount, currency, occurred_at, received_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    db.prepare_cached(sql)?.execute(params![
        refusal.id,
        refusal.workspace_id,
        refusal.kind.as_str(),
        refusal.reason.as_str(),
        refusal.detail,
        refusal.click_id,
        refusal.customer_external_id,
        refusal.invoice_id,
        refusal.event_name,
        refusal.amount,
        refusal.currency,
        refusal.occurred_at,
        refusal.received_at,
    ])?;
    Ok(())
}

/// Lets the oldest refused reports go: those before `before`, and those above the bound. Whether
/// there may be more.
pub(super) fn purge_refusals(db: &Connection, before: i64) -> Result<bool> {
    let sql = "DELETE FROM refusal WHERE id IN
               (SELECT id FROM refusal WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)";
    let old = db.prepare_cached(sql)?.execute([before, PURGE])?;
    let count = "SELECT count(*) FROM refusal";
    let kept: i64 = db.prepare_cached(count)?.query_row([], |row| row.get(0))?;
    let surplus = (kept - MOST_REFUSALS).clamp(0, PURGE);
    let sql = "DELETE FROM refusal WHERE id IN
               (SELECT id FROM refusal ORDER BY received_at LIMIT ?1)";
    db.prepare_cached(sql)?.execute([surplus])?;
    Ok(old > 0 || surplus > 0)
}
