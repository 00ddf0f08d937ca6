//! The facts of a batch, by a statement for each kind of fact.
//!
//! Customers come before their commissions: what another server commits between the two changes the
//! customer's version, which is compared before anything is written.

use std::{collections::BTreeSet, sync::Arc};

use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::addresses::Addresses;
use crate::{
    domain::{Click, Event, Facts, Kind, KnownCustomer, identity_of_external_id, text},
    store::{
        Problem, Result,
        rows::{self, LinkRow, RecordedRow, RewardRow},
    },
};

/// What was read, and by which versions it is known to hold still.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) facts: Facts,
    pub(super) addresses: Addresses,
}

/// Loads what the events touch. With `repeats_ids`, events that were recorded under the very ID are
/// found too: a commit whose answer was lost has perhaps written them.
pub(super) async fn load(
    db: &mut PgConnection,
    events: &[&Event],
    repeats_ids: bool,
) -> Result<Loaded> {
    let mut facts = Facts::default();
    let addresses = Addresses::load(db, events).await?;
    load_recorded(db, &mut facts, events).await?;
    if repeats_ids {
        load_recorded_by_id(db, &mut facts, events).await?;
    }
    let clicks = load_clicks(db, events).await?;
    let customers = load_customers(db, events).await?;
    load_links(db, &mut facts, events, &clicks, &customers).await?;
    load_first_commissions(db, &mut facts, &customers).await?;
    for click in clicks {
        facts.add_click(click);
    }
    for customer in customers {
        facts.add_customer(customer);
    }
    Ok(Loaded { facts, addresses })
}

async fn load_recorded(db: &mut PgConnection, facts: &mut Facts, events: &[&Event]) -> Result<()> {
    let keyed = || {
        events
            .iter()
            .filter_map(|event| Some((event, event.key()?)))
    };
    let workspaces: Vec<&str> = keyed()
        .map(|(event, _)| &*event.report().workspace_id)
        .collect();
    if workspaces.is_empty() {
        return Ok(());
    }
    let kinds: Vec<&str> = keyed().map(|(event, _)| event.kind().as_str()).collect();
    let keys: Vec<&str> = keyed().map(|(_, key)| key).collect();
    let rows: Vec<RecordedRow> = sqlx::query_as(rows::RECORDED_BY_KEYS)
        .bind(workspaces)
        .bind(kinds)
        .bind(keys)
        .fetch_all(&mut *db)
        .await?;
    for row in rows {
        facts.add_recorded(Arc::new(row.read()?));
    }
    Ok(())
}

async fn load_recorded_by_id(
    db: &mut PgConnection,
    facts: &mut Facts,
    events: &[&Event],
) -> Result<()> {
    let ids: Vec<&str> = events
        .iter()
        .map(|event| &*event.report().ids.event)
        .collect();
    let rows: Vec<RecordedRow> = sqlx::query_as(rows::RECORDED_BY_IDS)
        .bind(ids)
        .fetch_all(&mut *db)
        .await?;
    for row in rows {
        facts.add_recorded_as_itself(Arc::new(row.read()?));
    }
    Ok(())
}

async fn load_clicks(db: &mut PgConnection, events: &[&Event]) -> Result<Vec<Click>> {
    let ids: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| Some(&*event.report().click.as_ref()?.id))
        .collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT id, workspace_id, link_id, created_at FROM click WHERE id = ANY($1)";
    let ids: Vec<&str> = ids.into_iter().collect();
    let rows: Vec<(String, String, Option<String>, i64)> =
        sqlx::query_as(sql).bind(ids).fetch_all(&mut *db).await?;
    let click = |(id, workspace_id, link_id, created_at)| Click {
        id,
        workspace_id,
        link_id,
        created_at,
    };
    Ok(rows.into_iter().map(click).collect())
}

macro_rules! customers {
    () => {
        "SELECT id, workspace_id, identity, external_id, email, email_key, name, avatar, click_id,
                link_id, version FROM customer "
    };
}

// `OFFSET 0` keeps the planner from turning the lookups round, into walks over the table.
const CUSTOMERS: &str = concat!(
    "SELECT found.* FROM UNNEST($1::text[], $2::text[]) AS wanted (workspace_id, identity)
     CROSS JOIN LATERAL (",
    customers!(),
    "WHERE customer.workspace_id = wanted.workspace_id AND customer.identity = wanted.identity
     OFFSET 0) found
     UNION SELECT found.* FROM UNNEST($3::text[], $4::text[]) AS wanted (workspace_id, email_key)
     CROSS JOIN LATERAL (",
    customers!(),
    "WHERE customer.workspace_id = wanted.workspace_id AND customer.email_key = wanted.email_key
     OFFSET 0) found
     UNION ",
    customers!(),
    "WHERE click_id = ANY($5)"
);

async fn load_customers(db: &mut PgConnection, events: &[&Event]) -> Result<Vec<KnownCustomer>> {
    let (mut identities, mut emails, mut clicks) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        let report = event.report();
        let workspace_id = report.workspace_id.clone();
        if let Some(external_id) = &report.customer.external_id {
            identities.push((workspace_id.clone(), identity_of_external_id(external_id)));
        }
        if let Some(email) = &report.customer.email {
            emails.push((workspace_id, text::email_key(email)));
        }
        if let (Kind::Sale, Some(click)) = (event.kind(), &report.click) {
            clicks.push(click.id.clone());
        }
    }
    let (identity_workspaces, identities): (Vec<_>, Vec<_>) = identities.into_iter().unzip();
    let (email_workspaces, emails): (Vec<_>, Vec<_>) = emails.into_iter().unzip();
    let rows = sqlx::query(CUSTOMERS)
        .bind(identity_workspaces)
        .bind(identities)
        .bind(email_workspaces)
        .bind(emails)
        .bind(clicks)
        .fetch_all(&mut *db)
        .await?;
    rows.iter().map(read_customer).collect()
}

fn read_customer(row: &PgRow) -> Result<KnownCustomer> {
    Ok(KnownCustomer {
        id: row.try_get(0)?,
        workspace_id: row.try_get(1)?,
        identity: row.try_get(2)?,
        external_id: row.try_get(3)?,
        email: row.try_get(4)?,
        email_key: row.try_get(5)?,
        name: row.try_get(6)?,
        avatar: row.try_get(7)?,
        click_id: row.try_get(8)?,
        link_id: row.try_get(9)?,
        version: row.try_get(10)?,
    })
}

async fn load_links(
    db: &mut PgConnection,
    facts: &mut Facts,
    events: &[&Event],
    clicks: &[Click],
    customers: &[KnownCustomer],
) -> Result<()> {
    let of_clicks = clicks.iter().filter_map(|click| click.link_id.as_deref());
    let ids: BTreeSet<&str> = customers
        .iter()
        .map(|customer| &*customer.link_id)
        .chain(of_clicks)
        .collect();
    let numbered: BTreeSet<(&str, i64)> = events
        .iter()
        .filter_map(|event| {
            let report = event.report();
            let standing = report.click.as_ref()?.standing?;
            Some((&*report.workspace_id, standing.link_number))
        })
        .collect();
    let (workspaces, numbers): (Vec<&str>, Vec<i64>) = numbered.into_iter().unzip();
    let rows = sqlx::query(rows::LINKS)
        .bind(ids.into_iter().collect::<Vec<_>>())
        .bind(workspaces)
        .bind(numbers)
        .fetch_all(&mut *db)
        .await?;
    for row in rows {
        facts.add_link(Arc::new(read_link(&row)?.read()?));
    }
    Ok(())
}

fn read_link(row: &PgRow) -> Result<LinkRow> {
    let reward = |first: usize| -> Result<RewardRow> {
        Ok(RewardRow {
            id: row.try_get(first)?,
            basis_points: row.try_get(first + 1)?,
            flat_amount: row.try_get(first + 2)?,
            duration: row.try_get(first + 3)?,
            months: row.try_get(first + 4)?,
        })
    };
    Ok(LinkRow {
        id: row.try_get(0)?,
        workspace_id: row.try_get(1)?,
        number: row.try_get(2)?,
        key: row.try_get(3)?,
        destination: row.try_get(4)?,
        partner_id: row.try_get(5)?,
        partner_email_key: row.try_get(6)?,
        program_id: row.try_get(7)?,
        program_currency: row.try_get(8)?,
        other_currencies: row.try_get(9)?,
        holding_days: row.try_get(10)?,
        program_sale: reward(11)?,
        group_sale: reward(16)?,
        group_lead: reward(21)?,
    })
}

async fn load_first_commissions(
    db: &mut PgConnection,
    facts: &mut Facts,
    customers: &[KnownCustomer],
) -> Result<()> {
    #[derive(FromRow)]
    struct First {
        customer_id: String,
        program_id: String,
        kind: String,
        first: i64,
    }
    if customers.is_empty() {
        return Ok(());
    }
    let sql = "SELECT customer_id, program_id, kind, min(occurred_at) AS first FROM commission
               WHERE customer_id = ANY($1) AND status <> 'voided'
               GROUP BY customer_id, program_id, kind";
    let ids: Vec<&str> = customers.iter().map(|customer| &*customer.id).collect();
    let rows: Vec<First> = sqlx::query_as(sql).bind(ids).fetch_all(&mut *db).await?;
    for row in rows {
        let kind = Kind::parse(&row.kind).ok_or(Problem::Corrupt("kind of a commission"))?;
        facts.add_first_commission(row.customer_id, row.program_id, kind, row.first);
    }
    Ok(())
}
