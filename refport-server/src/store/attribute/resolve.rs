//! Steps 1 and 2: whose customer it is, and what is known of them.

use refport_core::Currency;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::Result;
use crate::{
    attribution::CLICK_WINDOW_MS,
    dialect::Dialect,
    id::{self, Prefix},
    store::{
        Problem,
        event::{AnswerLink, Customer, Report},
    },
};

/// To whom an event is credited.
pub(super) struct Attribution {
    pub(super) click_id: String,
    pub(super) link: AnswerLink,
    pub(super) partner_id: String,
    pub(super) group_id: Option<String>,
    pub(super) program_currency: String,
    pub(super) holding_days: i64,
    pub(super) program_reward_id: Option<String>,
    /// The customer, where they are known already.
    pub(super) customer_id: Option<String>,
}

impl Attribution {
    pub(super) fn program_currency(&self) -> Result<Currency> {
        Ok(self
            .program_currency
            .parse()
            .map_err(|_| Problem::Corrupt("currency"))?)
    }
}

pub(super) enum Resolved {
    To(Box<Attribution>),
    /// The click is known, its link is gone.
    NoLink,
    Unknown,
}

/// Step 1. A customer's first attribution stays; else the click decides, while it is fresh.
pub(super) fn resolve(db: &Connection, report: &Report) -> Result<Resolved> {
    let click = match &report.click_id {
        Some(click_id) => find_click(db, &report.workspace_id, click_id)?,
        None => None,
    };
    // By the letter of Refport's reference an unknown click is an error, whoever the customer is.
    if report.dialect == Dialect::Refport && click.is_none() {
        return Ok(Resolved::Unknown);
    }
    if let Some((customer_id, click_id, link_id)) = find_customer(db, report)? {
        let attribution = read_attribution(db, report, click_id, &link_id, Some(customer_id))?;
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
            db, report, id, &link_id, None,
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

/// A known customer: their ID, and the click and link of their first attribution.
type FoundCustomer = (String, String, String);

/// By external ID. Partli's leads have none, so where either side lacks it: by click, unless the
/// e-mail addresses show two people who share one, then by e-mail address, never by name.
fn find_customer(db: &Connection, report: &Report) -> Result<Option<FoundCustomer>> {
    let Customer {
        external_id, email, ..
    } = &report.customer;
    let workspace_id = &report.workspace_id;
    let named = external_id.is_some();
    let by_id = one_customer(
        db,
        CUSTOMER_BY_EXTERNAL_ID,
        params![workspace_id, external_id],
    )?;
    if by_id.is_some() {
        return Ok(by_id);
    }
    let by_click = one_customer(
        db,
        CUSTOMER_BY_CLICK,
        params![workspace_id, report.click_id, named, email],
    )?;
    if by_click.is_some() {
        return Ok(by_click);
    }
    one_customer(db, CUSTOMER_BY_EMAIL, params![workspace_id, email, named])
}

fn one_customer(
    db: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> Result<Option<FoundCustomer>> {
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    Ok(db.prepare_cached(sql)?.query_row(values, row).optional()?)
}

// A key that is NULL matches nothing. The unary plus keeps SQLite away from the index of a column
// that narrows nothing: these run inside the one write transaction, whatever the number of customers.
const CUSTOMER_BY_EXTERNAL_ID: &str = "SELECT id, click_id, link_id FROM customer
    WHERE workspace_id = ?1 AND external_id = ?2";
const CUSTOMER_BY_CLICK: &str = "SELECT id, click_id, link_id FROM customer
    WHERE click_id = ?2 AND +workspace_id = ?1 AND (+external_id IS NULL OR NOT ?3)
      AND (+email IS NULL OR ?4 IS NULL OR +email = ?4 COLLATE NOCASE)
    ORDER BY id LIMIT 1";
const CUSTOMER_BY_EMAIL: &str = "SELECT id, click_id, link_id FROM customer
    WHERE workspace_id = ?1 AND email = ?2 AND (+external_id IS NULL OR NOT ?3)
    ORDER BY id LIMIT 1";

fn read_attribution(
    db: &Connection,
    report: &Report,
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
                domain: report.domain.clone(),
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
pub(super) struct KnownCustomer {
    pub(super) id: String,
    pub(super) external_id: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
}

/// Step 2. What the report says of the customer is taken over, what it leaves out stays.
pub(super) fn upsert_customer(
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

#[cfg(test)]
mod tests {
    use super::*;

    /// These run inside the one write transaction, so none may walk a table.
    #[test]
    fn customers_are_found_by_index() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("../migrations/0001_spine.sql"))
            .unwrap();
        for (sql, index) in [
            (
                CUSTOMER_BY_EXTERNAL_ID,
                "(workspace_id=? AND external_id=?)",
            ),
            (CUSTOMER_BY_CLICK, "customer_click (click_id=?)"),
            (
                CUSTOMER_BY_EMAIL,
                "customer_email (workspace_id=? AND email=?)",
            ),
        ] {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = plan.raw_query();
            let mut steps = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get::<_, String>(3).unwrap());
            }
            assert!(steps[0].contains(index), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("SCAN")), "{steps:?}");
        }
    }
}
