//! The eight steps by which an event becomes a commission, inside one transaction.
//!
//! 1. [`resolve`] the customer or the click to a partner's link
//! 2. [`upsert_customer`], whose first attribution stays
//! 3. [`insert_event`]
//! 4. [`find_reward`]: the partner's group's, else the program's
//! 5. and 6. [`Reward::still_pays`]: once only, or not past its months
//! 7. [`Reward::earn`] and [`insert_commission`], `pending` until the holding days are over
//! 8. [`insert_outgoing`] events for the workspace's webhooks

use refport_core::{Currency, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::{
    Problem, StoreError, WriteError,
    event::{Answer, AnswerLink, AnswerSale, Click, Customer, Event, Lead, Recorded, Report, Sale},
    setup::{REWARD_COLUMNS, read_reward},
};
use crate::{
    attribution::{CLICK_WINDOW_MS, DAY_MS, NoCommission, Reward},
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
    let stored = Stored {
        kind: "sale",
        amount: Some((sale.amount, sale.currency)),
        answer: &answer,
    };
    insert_event(db, report, &attribution, &customer, &stored)?;
    insert_outgoing(
        db,
        report,
        "sale.created",
        &event_data(&attribution, &answer),
    )?;
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
}

/// To whom an event is credited.
struct Attribution {
    click_id: String,
    link: AnswerLink,
    partner_id: String,
    group_id: Option<String>,
    program_currency: String,
    holding_days: i64,
    program_reward_id: Option<String>,
    /// The customer, where they are known already.
    customer_id: Option<String>,
}

impl Attribution {
    fn program_currency(&self) -> Result<Currency> {
        Ok(self
            .program_currency
            .parse()
            .map_err(|_| Problem::Corrupt("currency"))?)
    }
}

enum Resolved {
    To(Box<Attribution>),
    /// The click is known, its link is gone.
    NoLink,
    Unknown,
}

/// Step 1. A customer's first attribution stays; else the click decides, while it is fresh.
fn resolve(db: &Connection, report: &Report) -> Result<Resolved> {
    let click = match &report.click_id {
        Some(click_id) => find_click(db, &report.workspace_id, click_id)?,
        None => None,
    };
    // By the letter of Refport's reference an unknown click is an error, whoever the customer is.
    if report.dialect == Dialect::Refport && click.is_none() {
        return Ok(Resolved::Unknown);
    }
    if let Some((customer_id, click_id, link_id)) = find_customer(db, report)? {
        let attribution = read_attribution(db, click_id, &link_id, Some(customer_id))?;
        return Ok(Resolved::To(Box::new(attribution)));
    }
    match click {
        None => Ok(Resolved::Unknown),
        Some(FoundClick { link_id: None, .. }) => Ok(Resolved::NoLink),
        Some(FoundClick { created_at, .. })
            if report.at.as_millis() - created_at >= CLICK_WINDOW_MS =>
        {
            Ok(Resolved::Unknown)
        }
        Some(FoundClick {
            id,
            link_id: Some(link_id),
            ..
        }) => Ok(Resolved::To(Box::new(read_attribution(
            db, id, &link_id, None,
        )?))),
    }
}

struct FoundClick {
    id: String,
    link_id: Option<String>,
    created_at: i64,
}

fn find_click(db: &Connection, workspace_id: &str, click_id: &str) -> Result<Option<FoundClick>> {
    let sql = "SELECT link_id, created_at FROM click WHERE id = ?1 AND workspace_id = ?2";
    let found = db
        .prepare_cached(sql)?
        .query_row(params![click_id, workspace_id], |row| {
            Ok(FoundClick {
                id: click_id.to_owned(),
                link_id: row.get(0)?,
                created_at: row.get(1)?,
            })
        });
    Ok(found.optional()?)
}

/// By external ID. Partli's leads have none, so where either side lacks it: by click, then by
/// e-mail address, never by name.
fn find_customer(db: &Connection, report: &Report) -> Result<Option<(String, String, String)>> {
    let sql = "SELECT id, click_id, link_id FROM customer
               WHERE workspace_id = ?1
                 AND (external_id = ?2
                      OR ((external_id IS NULL OR ?2 IS NULL) AND (click_id = ?3 OR email = ?4)))
               ORDER BY external_id = ?2 DESC, click_id = ?3 DESC, id LIMIT 1";
    let customer = &report.customer;
    let found = db.prepare_cached(sql)?.query_row(
        params![
            report.workspace_id,
            customer.external_id,
            report.click_id,
            customer.email
        ],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    Ok(found.optional()?)
}

fn read_attribution(
    db: &Connection,
    click_id: String,
    link_id: &str,
    customer_id: Option<String>,
) -> Result<Attribution> {
    let sql = r#"SELECT link.id, link."key", link.destination, program.id, partner.id, partner.group_id,
                        program.currency, program.holding_days, program.sale_reward_id
                 FROM link JOIN partner ON partner.id = link.partner_id
                           JOIN program ON program.id = partner.program_id
                 WHERE link.id = ?1"#;
    Ok(db.prepare_cached(sql)?.query_row([link_id], |row| {
        Ok(Attribution {
            click_id,
            link: AnswerLink {
                id: row.get(0)?,
                key: row.get(1)?,
                destination: row.get(2)?,
                program_id: row.get(3)?,
            },
            partner_id: row.get(4)?,
            group_id: row.get(5)?,
            program_currency: row.get(6)?,
            holding_days: row.get(7)?,
            program_reward_id: row.get(8)?,
            customer_id,
        })
    })?)
}

/// The customer's row after it was written.
struct KnownCustomer {
    id: String,
    external_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
}

/// Step 2. What the report says of the customer is taken over, what it leaves out stays.
fn upsert_customer(
    db: &Connection,
    report: &Report,
    attribution: &Attribution,
) -> Result<KnownCustomer> {
    let Customer {
        external_id,
        email,
        name,
        avatar,
    } = &report.customer;
    let customer_id = match &attribution.customer_id {
        Some(customer_id) => {
            let sql = "UPDATE customer SET external_id = coalesce(external_id, ?2), email = coalesce(?3, email),
                              name = coalesce(?4, name), avatar = coalesce(?5, avatar) WHERE id = ?1";
            db.prepare_cached(sql)?.execute(params![
                customer_id,
                external_id,
                email,
                name,
                avatar
            ])?;
            customer_id.clone()
        }
        None => {
            let customer_id = id::new(Prefix::Customer);
            let sql = "INSERT INTO customer (id, workspace_id, external_id, email, name, avatar,
                                             click_id, link_id, created_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            db.prepare_cached(sql)?.execute(params![
                customer_id,
                report.workspace_id,
                external_id,
                email,
                name,
                avatar,
                attribution.click_id,
                attribution.link.id,
                report.at.as_millis(),
            ])?;
            customer_id
        }
    };
    let sql = "SELECT external_id, email, name FROM customer WHERE id = ?1";
    Ok(db.prepare_cached(sql)?.query_row([&customer_id], |row| {
        Ok(KnownCustomer {
            id: customer_id.clone(),
            external_id: row.get(0)?,
            email: row.get(1)?,
            name: row.get(2)?,
        })
    })?)
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
        report.dedupe_key,
        stored.amount.map(|(amount, _)| amount),
        stored.amount.map(|(_, currency)| String::from(currency)),
        report.metadata,
        serde_json::to_string(stored.answer)?,
        report.at.as_millis(),
    ])?;
    Ok(())
}

type Earned = std::result::Result<(FoundReward, i64), NoCommission>;

/// Steps 4 to 7 of a sale: what it earns, or why it earns nothing.
fn sale_commission(
    db: &Connection,
    sale: &Sale,
    attribution: &Attribution,
    customer: &KnownCustomer,
) -> Result<Earned> {
    let Some(found) = find_reward(db, attribution)? else {
        return Ok(Err(NoCommission::NoReward));
    };
    let first = first_commission(db, attribution, customer, "sale")?;
    let pays = found.reward.still_pays(first, sale.report.at.as_millis());
    let program_currency = attribution.program_currency()?;
    let earned = pays.and_then(|()| {
        found
            .reward
            .earn(sale.amount, sale.currency, program_currency)
    });
    Ok(earned.map(|earned| (found, earned)))
}

/// A lead earns what the partner's group pays for one, once a customer. Programs have no such
/// reward of their own (Partli, lead tracking).
fn lead_commission(
    db: &Connection,
    attribution: &Attribution,
    customer: &KnownCustomer,
) -> Result<Earned> {
    let reward = group_reward(db, attribution, "lead_reward_id")?;
    let Some(found) = reward else {
        return Ok(Err(NoCommission::NoReward));
    };
    if first_commission(db, attribution, customer, "lead")?.is_some() {
        return Ok(Err(NoCommission::OnlyOnce));
    }
    match found.reward.amount() {
        crate::Amount::Flat(amount) => Ok(Ok((found, amount))),
        crate::Amount::BasisPoints(_) => Ok(Err(NoCommission::NothingEarned)),
    }
}

struct FoundReward {
    id: String,
    reward: Reward,
}

/// Step 4.
fn find_reward(db: &Connection, attribution: &Attribution) -> Result<Option<FoundReward>> {
    if let Some(found) = group_reward(db, attribution, "sale_reward_id")? {
        return Ok(Some(found));
    }
    match &attribution.program_reward_id {
        Some(id) => load_reward(
            db,
            &format!("SELECT {REWARD_COLUMNS} FROM reward WHERE id = ?1"),
            id,
        ),
        None => Ok(None),
    }
}

fn group_reward(
    db: &Connection,
    attribution: &Attribution,
    column: &str,
) -> Result<Option<FoundReward>> {
    let Some(group_id) = &attribution.group_id else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT {REWARD_COLUMNS} FROM reward
         WHERE id = (SELECT {column} FROM partner_group WHERE partner_group.id = ?1)"
    );
    load_reward(db, &sql, group_id)
}

fn load_reward(db: &Connection, sql: &str, id: &str) -> Result<Option<FoundReward>> {
    let found = db
        .prepare_cached(sql)?
        .query_row([id], read_reward)
        .optional()?;
    match found {
        None => Ok(None),
        Some((id, Some(reward))) => Ok(Some(FoundReward { id, reward })),
        Some((_, None)) => Err(StoreError(Problem::Corrupt("reward")).into()),
    }
}

/// Steps 5 and 6 ask when this customer's first commission was made, whoever the partner is.
/// Voided ones do not count.
fn first_commission(
    db: &Connection,
    attribution: &Attribution,
    customer: &KnownCustomer,
    kind: &str,
) -> Result<Option<i64>> {
    let sql = "SELECT min(created_at) FROM commission
               WHERE customer_id = ?1 AND kind = ?2 AND program_id = ?3 AND status <> 'voided'";
    let key = params![customer.id, kind, attribution.link.program_id];
    Ok(db.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
}

struct Commission {
    kind: &'static str,
    reward: FoundReward,
    amount: i64,
    currency: Currency,
}

/// Step 7.
fn insert_commission(
    db: &Connection,
    report: &Report,
    attribution: &Attribution,
    customer: &KnownCustomer,
    answer: &Answer,
    commission: &Commission,
) -> Result<()> {
    let commission_id = id::new(Prefix::Commission);
    let made_at = report.at.as_millis();
    let payable_at = made_at + attribution.holding_days * DAY_MS;
    let sql = "INSERT INTO commission (id, workspace_id, program_id, partner_id, customer_id, event_id, reward_id,
                                       kind, amount, currency, status, payable_at, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'pending', ?11, ?12)";
    db.prepare_cached(sql)?.execute(params![
        commission_id,
        report.workspace_id,
        attribution.link.program_id,
        attribution.partner_id,
        customer.id,
        answer.event_id,
        commission.reward.id,
        commission.kind,
        commission.amount,
        String::from(commission.currency),
        payable_at,
        made_at,
    ])?;
    let data = json!({
        "id": commission_id,
        "eventId": answer.event_id,
        "partnerId": attribution.partner_id,
        "programId": attribution.link.program_id,
        "amount": commission.amount,
        "currency": commission.currency,
        "status": "pending",
        "payableAt": Timestamp::from_millis(payable_at).map_err(|_| Problem::Corrupt("holding period"))?,
    });
    insert_outgoing(db, report, "commission.created", &data)
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
