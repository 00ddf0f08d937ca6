//! The eight steps by which an event becomes a commission, inside one transaction.
//!
//! 1. [`resolve`]: the customer or the click to a partner's link
//! 2. [`upsert_customer`], whose first attribution stays
//! 3. [`insert_event`]
//! 4. to 6. [`sale_commission`]: the group's reward, else the program's; once only, or not past its
//!    months
//! 7. [`insert_commission`], `pending` until the holding days are over
//! 8. [`insert_outgoing`] events for the workspace's webhooks

mod commission;
mod resolve;

use refport_core::Currency;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use self::{
    commission::{Commission, insert_commission, lead_commission, sale_commission},
    resolve::{Attribution, KnownCustomer, Resolved, resolve, upsert_customer},
};
use super::{
    WriteError,
    event::{Answer, AnswerSale, Click, Event, Lead, Recorded, Report, Sale},
};
use crate::{
    dialect::Dialect,
    id::{self, Prefix},
};

type Result<T, E = WriteError> = std::result::Result<T, E>;

pub(super) fn write(db: &Connection, event: &Event) -> Result<Recorded> {
    match event {
        Event::Click(click) => write_click(db, click),
        Event::Lead(lead) => write_lead(db, lead),
        Event::Sale(sale) => write_sale(db, sale),
    }
}

fn write_click(db: &Connection, click: &Click) -> Result<Recorded> {
    let sql = "INSERT INTO click (id, workspace_id, link_id, address_hash, user_agent, referrer, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    db.prepare_cached(sql)?.execute(params![
        click.id,
        click.workspace_id,
        click.link_id,
        click.address_hash,
        click.user_agent,
        click.referrer,
        click.at.as_millis(),
    ])?;
    let sql = "UPDATE link SET clicks = clicks + 1 WHERE id = ?1";
    db.prepare_cached(sql)?.execute([&click.link_id])?;
    Ok(Recorded::Click)
}

fn write_lead(db: &Connection, lead: &Lead) -> Result<Recorded> {
    let report = &lead.report;
    if let Some(answer) = first_answer(db, report, "lead")? {
        return Ok(Recorded::Answer(Box::new(answer)));
    }
    let attribution = match resolve(db, report)? {
        Resolved::To(attribution) => attribution,
        Resolved::NoLink if report.dialect == Dialect::Refport => return Ok(Recorded::NoLink),
        Resolved::NoLink | Resolved::Unknown => return nobody(report),
    };
    let customer = upsert_customer(db, report, &attribution)?;
    let answer = answer(&attribution, report, &customer, id::new(Prefix::Lead), None);
    let stored = Stored {
        kind: "lead",
        dedupe_key: report.dedupe_key.as_ref(),
        amount: None,
        answer: &answer,
    };
    insert_event(db, report, &attribution, &customer, &stored)?;
    insert_outgoing(
        db,
        report,
        "lead.created",
        &event_data(&attribution, &answer),
    )?;
    if let Ok((reward, earned)) = lead_commission(db, &attribution, &customer)? {
        let commission = Commission {
            kind: "lead",
            reward,
            amount: earned,
            currency: attribution.program_currency()?,
        };
        insert_commission(db, report, &attribution, &customer, &answer, &commission)?;
    }
    Ok(Recorded::Answer(Box::new(answer)))
}

fn write_sale(db: &Connection, sale: &Sale) -> Result<Recorded> {
    let report = &sale.report;
    if let Some(answer) = first_answer(db, report, "sale")? {
        warn_if_changed(sale, &answer);
        return Ok(Recorded::Answer(Box::new(answer)));
    }
    let Resolved::To(attribution) = resolve(db, report)? else {
        return nobody(report);
    };
    let customer = upsert_customer(db, report, &attribution)?;
    let commission = sale_commission(db, sale, &attribution, &customer)?;
    let answer_sale = AnswerSale {
        amount: sale.amount,
        currency: sale.currency,
        commission_amount: commission.as_ref().map_or(0, |(_, earned)| *earned),
        status: if commission.is_ok() {
            "pending"
        } else {
            "none"
        }
        .to_owned(),
        invoice_id: sale.invoice_id.clone(),
        payment_processor: sale.payment_processor.clone(),
    };
    let answer = answer(
        &attribution,
        report,
        &customer,
        id::new(Prefix::Sale),
        Some(answer_sale),
    );
    // A zero amount binds the customer and is no sale: it neither uses up its invoice nor tells
    // the webhooks.
    let counts = sale.amount > 0;
    let stored = Stored {
        kind: "sale",
        dedupe_key: report.dedupe_key.as_ref().filter(|_| counts),
        amount: Some((sale.amount, sale.currency)),
        answer: &answer,
    };
    insert_event(db, report, &attribution, &customer, &stored)?;
    if counts {
        insert_outgoing(
            db,
            report,
            "sale.created",
            &event_data(&attribution, &answer),
        )?;
    }
    match commission {
        Ok((reward, amount)) => {
            let commission = Commission {
                kind: "sale",
                reward,
                amount,
                currency: sale.currency,
            };
            insert_commission(db, report, &attribution, &customer, &answer, &commission)?;
        }
        Err(why) => tracing::info!(sale = answer.event_id, why = why.as_str(), "no commission"),
    }
    Ok(Recorded::Answer(Box::new(answer)))
}

/// Nobody is to be paid: Refport calls that an error, Partli an answer.
fn nobody(report: &Report) -> Result<Recorded> {
    match report.dialect {
        Dialect::Refport => Err(WriteError::InvalidClick),
        Dialect::Partli => Ok(Recorded::NotAttributed),
    }
}

fn first_answer(db: &Connection, report: &Report, kind: &str) -> Result<Option<Answer>> {
    let Some(key) = &report.dedupe_key else {
        return Ok(None);
    };
    let sql = "SELECT answer FROM event WHERE workspace_id = ?1 AND kind = ?2 AND dedupe_key = ?3";
    let found: Option<String> = db
        .prepare_cached(sql)?
        .query_row(params![report.workspace_id, kind, key], |row| row.get(0))
        .optional()?;
    Ok(found.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// A repeat changes nothing; that it says something else is worth a look.
fn warn_if_changed(sale: &Sale, answer: &Answer) {
    let first = answer
        .sale
        .as_ref()
        .map(|sale| (sale.amount, sale.currency));
    if first != Some((sale.amount, sale.currency)) {
        tracing::warn!(
            sale = answer.event_id,
            "a repeat with another amount or currency, the first one stands"
        );
    }
    if answer.customer_external_id != sale.report.customer.external_id {
        tracing::warn!(
            sale = answer.event_id,
            "a repeat for another customer, the first one stands"
        );
    }
}

fn answer(
    attribution: &Attribution,
    report: &Report,
    customer: &KnownCustomer,
    event_id: String,
    sale: Option<AnswerSale>,
) -> Answer {
    Answer {
        event_id,
        event_name: report.event_name.clone(),
        click_id: attribution.click_id.clone(),
        link: attribution.link.clone(),
        customer_external_id: customer.external_id.clone(),
        customer_email: customer.email.clone(),
        customer_name: customer.name.clone(),
        sale,
    }
}

struct Stored<'a> {
    kind: &'a str,
    dedupe_key: Option<&'a String>,
    amount: Option<(i64, Currency)>,
    answer: &'a Answer,
}

/// Step 3.
fn insert_event(
    db: &Connection,
    report: &Report,
    attribution: &Attribution,
    customer: &KnownCustomer,
    stored: &Stored<'_>,
) -> Result<()> {
    let sql = "INSERT INTO event (id, workspace_id, program_id, partner_id, link_id, customer_id, click_id,
                                  kind, dedupe_key, amount, currency, metadata, answer, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    db.prepare_cached(sql)?.execute(params![
        stored.answer.event_id,
        report.workspace_id,
        attribution.link.program_id,
        attribution.partner_id,
        attribution.link.id,
        customer.id,
        attribution.click_id,
        stored.kind,
        stored.dedupe_key,
        stored.amount.map(|(amount, _)| amount),
        stored.amount.map(|(_, currency)| String::from(currency)),
        report.metadata,
        serde_json::to_string(stored.answer)?,
        report.at.as_millis(),
    ])?;
    Ok(())
}

fn event_data(attribution: &Attribution, answer: &Answer) -> Value {
    let sale = answer.sale.as_ref();
    json!({
        "id": answer.event_id,
        "eventName": answer.event_name,
        "clickId": answer.click_id,
        "linkId": answer.link.id,
        "partnerId": attribution.partner_id,
        "programId": answer.link.program_id,
        "customer": { "externalId": answer.customer_external_id },
        "amount": sale.map(|sale| sale.amount),
        "currency": sale.map(|sale| sale.currency),
        "invoiceId": sale.and_then(|sale| sale.invoice_id.as_ref()),
    })
}

/// Step 8.
fn insert_outgoing(db: &Connection, report: &Report, kind: &str, data: &Value) -> Result<()> {
    let payload = json!({ "type": kind, "timestamp": report.at, "data": data });
    let sql = "INSERT INTO outgoing_event (id, workspace_id, type, payload, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    db.prepare_cached(sql)?.execute(params![
        id::new(Prefix::OutgoingEvent),
        report.workspace_id,
        kind,
        payload.to_string(),
        report.at.as_millis(),
    ])?;
    Ok(())
}
