//! Steps 4 to 7: what an event earns.

use refport_core::{Currency, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::{
    Result, insert_outgoing,
    resolve::{Attribution, KnownCustomer},
};
use crate::{
    Amount,
    attribution::{DAY_MS, NoCommission, Reward},
    id::{self, Prefix},
    store::{
        Problem, StoreError,
        event::{Answer, Report, Sale},
        setup::{REWARD_COLUMNS, read_reward},
    },
};

pub(super) type Earned = std::result::Result<(FoundReward, i64), NoCommission>;

/// Steps 4 to 7 of a sale: what it earns, or why it earns nothing.
pub(super) fn sale_commission(
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
pub(super) fn lead_commission(
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
        Amount::Flat(amount) => Ok(Ok((found, amount))),
        Amount::BasisPoints(_) => Ok(Err(NoCommission::NothingEarned)),
    }
}

pub(super) struct FoundReward {
    pub(super) id: String,
    pub(super) reward: Reward,
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

pub(super) struct Commission {
    pub(super) kind: &'static str,
    pub(super) reward: FoundReward,
    pub(super) amount: i64,
    pub(super) currency: Currency,
}

/// Step 7.
pub(super) fn insert_commission(
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
