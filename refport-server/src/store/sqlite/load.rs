//! The facts of a batch. SQLite is in the process, so a statement for each row costs what a set would;
//! links, which hardly change, are kept between batches.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::{
    domain::{Click, Event, Facts, Kind, KnownCustomer, Link, text},
    store::{
        Problem, Result,
        rows::{self, LinkRow, RecordedRow, RewardRow},
    },
};

/// Links as they were at a state of the database.
#[derive(Debug, Default)]
pub(super) struct Links {
    data_version: i64,
    by_id: HashMap<String, Arc<Link>>,
    by_number: HashMap<(String, i64), Arc<Link>>,
}

/// So many links are kept at most.
const MOST_LINKS: usize = 10_000;

/// Loads what the events touch. Inside the transaction that will write.
pub(super) fn load(db: &Connection, links: &mut Links, events: &[Event]) -> Result<Facts> {
    links.refresh(db)?;
    let mut facts = Facts::default();
    for event in events {
        load_event(db, links, &mut facts, event)?;
    }
    Ok(facts)
}

fn load_event(db: &Connection, links: &mut Links, facts: &mut Facts, event: &Event) -> Result<()> {
    let report = event.report();
    let workspace_id = &report.workspace_id;
    if let Some(key) = event.key() {
        let sql = rows::RECORDED_BY_KEY;
        let values = params![workspace_id, event.kind().as_str(), key];
        let row = db
            .prepare_cached(sql)?
            .query_row(values, read_recorded)
            .optional()?;
        if let Some(row) = row {
            // A repeat needs nothing else.
            facts.add_recorded(Arc::new(row.read()?));
            return Ok(());
        }
    }
    if let Some(claimed) = &report.click {
        let row = |row: &Row<'_>| {
            Ok(Click {
                id: row.get(0)?,
                workspace_id: row.get(1)?,
                link_id: row.get(2)?,
                created_at: row.get(3)?,
            })
        };
        let found = db
            .prepare_cached(CLICK)?
            .query_row([&claimed.id], row)
            .optional()?;
        match (found, claimed.standing) {
            (Some(click), _) => {
                if let Some(link_id) = &click.link_id {
                    links.load_by_id(db, facts, link_id)?;
                }
                facts.add_click(click);
            }
            (None, Some(standing)) => {
                links.load_by_number(db, facts, workspace_id, standing.link_number)?;
            }
            (None, None) => {}
        }
    }
    let mut customers = Vec::new();
    let said = &report.customer;
    if let Some(external_id) = &said.external_id {
        let identity = crate::domain::identity_of_external_id(external_id);
        customers = find_customers(db, CUSTOMER_BY_IDENTITY, &[workspace_id, &identity])?;
    }
    if customers.is_empty() {
        if let Some(email) = &said.email {
            let email = text::email_key(email);
            customers = find_customers(db, CUSTOMERS_BY_EMAIL, &[workspace_id, &email])?;
        }
        if let (Kind::Sale, Some(click)) = (event.kind(), &report.click) {
            customers.extend(find_customers(db, CUSTOMERS_BY_CLICK, &[&click.id])?);
        }
    }
    for customer in customers {
        links.load_by_id(db, facts, &customer.link_id)?;
        load_first_commissions(db, facts, &customer.id)?;
        facts.add_customer(customer);
    }
    Ok(())
}

const CLICK: &str = "SELECT id, workspace_id, link_id, created_at FROM click WHERE id = ?1";
const CUSTOMER_BY_IDENTITY: &str = "SELECT id, workspace_id, identity, external_id, email, email_key,
    name, avatar, click_id, link_id, version FROM customer WHERE workspace_id = ?1 AND identity = ?2";
// Two people may share a click or an address; a hundred are a mistake that shall not cost a scan. Rows
// of one index entry are in the order of their rowids, which is the oldest first, without a sort.
const CUSTOMERS_BY_EMAIL: &str = "SELECT id, workspace_id, identity, external_id, email, email_key,
    name, avatar, click_id, link_id, version FROM customer
    WHERE workspace_id = ?1 AND email_key = ?2 ORDER BY rowid LIMIT 100";
const CUSTOMERS_BY_CLICK: &str = "SELECT id, workspace_id, identity, external_id, email, email_key,
    name, avatar, click_id, link_id, version FROM customer WHERE click_id = ?1 ORDER BY rowid LIMIT 100";
const FIRST_COMMISSIONS: &str = "SELECT program_id, kind, min(occurred_at) FROM commission
    WHERE customer_id = ?1 AND status <> 'voided' GROUP BY program_id, kind";

fn find_customers(db: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<KnownCustomer>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(KnownCustomer {
            id: row.get(0)?,
            workspace_id: row.get(1)?,
            identity: row.get(2)?,
            external_id: row.get(3)?,
            email: row.get(4)?,
            email_key: row.get(5)?,
            name: row.get(6)?,
            avatar: row.get(7)?,
            click_id: row.get(8)?,
            link_id: row.get(9)?,
            version: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn load_first_commissions(db: &Connection, facts: &mut Facts, customer_id: &str) -> Result<()> {
    let mut statement = db.prepare_cached(FIRST_COMMISSIONS)?;
    let mut found = statement.query([customer_id])?;
    while let Some(row) = found.next()? {
        let kind: String = row.get(1)?;
        let kind = Kind::parse(&kind).ok_or(Problem::Corrupt("kind of a commission"))?;
        facts.add_first_commission(customer_id.to_owned(), row.get(0)?, kind, row.get(2)?);
    }
    Ok(())
}

impl Links {
    /// Forgets all where another connection has written.
    fn refresh(&mut self, db: &Connection) -> Result<()> {
        let sql = "PRAGMA data_version";
        let data_version = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        if data_version != self.data_version || self.by_id.len() > MOST_LINKS {
            self.data_version = data_version;
            self.by_id.clear();
            self.by_number.clear();
        }
        Ok(())
    }

    fn load_by_id(&mut self, db: &Connection, facts: &mut Facts, id: &str) -> Result<()> {
        if facts.has_link(id) {
            return Ok(());
        }
        if let Some(link) = self.by_id.get(id) {
            facts.add_link(Arc::clone(link));
            return Ok(());
        }
        self.read(db, facts, rows::LINK_BY_ID, &[&id])
    }

    fn load_by_number(
        &mut self,
        db: &Connection,
        facts: &mut Facts,
        workspace_id: &str,
        number: i64,
    ) -> Result<()> {
        if facts.has_link_number(workspace_id, number) {
            return Ok(());
        }
        if let Some(link) = self.by_number.get(&(workspace_id.to_owned(), number)) {
            facts.add_link(Arc::clone(link));
            return Ok(());
        }
        self.read(db, facts, rows::LINK_BY_NUMBER, &[&workspace_id, &number])
    }

    fn read(
        &mut self,
        db: &Connection,
        facts: &mut Facts,
        sql: &str,
        values: &[&dyn ToSql],
    ) -> Result<()> {
        let found = db
            .prepare_cached(sql)?
            .query_row(values, read_link)
            .optional()?;
        if let Some(row) = found {
            let link = Arc::new(row.read()?);
            self.by_id.insert(link.id.clone(), Arc::clone(&link));
            let number = (link.workspace_id.clone(), link.number);
            self.by_number.insert(number, Arc::clone(&link));
            facts.add_link(link);
        }
        Ok(())
    }
}

fn read_link(row: &Row<'_>) -> rusqlite::Result<LinkRow> {
    let reward = |first: usize| -> rusqlite::Result<RewardRow> {
        Ok(RewardRow {
            id: row.get(first)?,
            basis_points: row.get(first + 1)?,
            flat_amount: row.get(first + 2)?,
            duration: row.get(first + 3)?,
            months: row.get(first + 4)?,
        })
    };
    Ok(LinkRow {
        id: row.get(0)?,
        workspace_id: row.get(1)?,
        number: row.get(2)?,
        key: row.get(3)?,
        destination: row.get(4)?,
        partner_id: row.get(5)?,
        partner_email_key: row.get(6)?,
        program_id: row.get(7)?,
        program_currency: row.get(8)?,
        other_currencies: row.get(9)?,
        holding_days: row.get(10)?,
        program_sale: reward(11)?,
        group_sale: reward(16)?,
        group_lead: reward(21)?,
    })
}

fn read_recorded(row: &Row<'_>) -> rusqlite::Result<RecordedRow> {
    Ok(RecordedRow {
        id: row.get(0)?,
        workspace_id: row.get(1)?,
        kind: row.get(2)?,
        dedupe_key: row.get(3)?,
        program_id: row.get(4)?,
        partner_id: row.get(5)?,
        link_id: row.get(6)?,
        customer_id: row.get(7)?,
        click_id: row.get(8)?,
        named_click_id: row.get(9)?,
        event_name: row.get(10)?,
        customer_external_id: row.get(11)?,
        customer_email: row.get(12)?,
        customer_name: row.get(13)?,
        link_domain: row.get(14)?,
        link_key: row.get(15)?,
        link_destination: row.get(16)?,
        amount: row.get(17)?,
        currency: row.get(18)?,
        commission_amount: row.get(19)?,
        invoice_id: row.get(20)?,
        payment_processor: row.get(21)?,
        metadata: row.get(22)?,
        reason: row.get(23)?,
        self_referral: row.get(24)?,
        occurred_at: row.get(25)?,
        received_at: row.get(26)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These run inside the one write transaction, so none may walk a table, or sort.
    #[test]
    fn facts_are_found_by_index() {
        let db = Connection::open_in_memory().unwrap();
        let tables = include_str!("../../../migrations/sqlite/0001_tables.sql");
        db.execute_batch(tables).unwrap();
        for sql in [
            rows::RECORDED_BY_KEY,
            rows::LINK_BY_ID,
            rows::LINK_BY_NUMBER,
            CLICK,
            CUSTOMER_BY_IDENTITY,
            CUSTOMERS_BY_EMAIL,
            CUSTOMERS_BY_CLICK,
            FIRST_COMMISSIONS,
        ] {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut steps = Vec::new();
            let mut rows = plan.raw_query();
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get::<_, String>(3).unwrap());
            }
            assert!(!steps.is_empty());
            let costs = |step: &String| step.contains("SCAN") || step.contains("TEMP B-TREE");
            assert!(!steps.iter().any(costs), "{steps:?}");
        }
    }
}
