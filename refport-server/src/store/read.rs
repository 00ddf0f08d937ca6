//! What the API shows and the short link needs, and who calls.

use refport_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{Problem, Result, Store};
use crate::key;

/// A page of a list, newest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    data: Vec<T>,
    /// What to ask for the next page with; `null` on the last one.
    next_cursor: Option<String>,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) limit: u32,
    /// The ID after which to go on.
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommissionRow {
    id: String,
    kind: String,
    amount: i64,
    currency: String,
    status: String,
    payable_at: Timestamp,
    created_at: Timestamp,
    partner_id: String,
    program_id: String,
    event_id: String,
    invoice_id: Option<String>,
    sale_amount: Option<i64>,
    customer_external_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartnerRow {
    id: String,
    enrollment_id: String,
    tenant_id: Option<String>,
    email: String,
    name: Option<String>,
    group: Option<String>,
    created_at: Timestamp,
    links: Vec<LinkRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkRow {
    id: String,
    key: String,
    pub(crate) url: String,
    destination: String,
    pub(super) clicks: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomerView {
    id: String,
    external_id: String,
    email: Option<String>,
    name: Option<String>,
    avatar: Option<String>,
    click_id: String,
    link_id: String,
    partner_id: String,
    created_at: Timestamp,
    events: Vec<EventRow>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventRow {
    id: String,
    kind: String,
    event_name: String,
    amount: Option<i64>,
    currency: Option<String>,
    commission_amount: Option<i64>,
    created_at: Timestamp,
}

/// A short link as the redirect needs it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) destination: String,
    pub(crate) address_salt: Vec<u8>,
}

impl Store {
    /// The workspace of an API key, if the key is right and not revoked.
    pub(crate) async fn authenticate(&self, authorization: Option<&str>) -> Result<Option<Caller>> {
        let Some(presented) = authorization.and_then(key::PresentedKey::from_authorization) else {
            return Ok(None);
        };
        let key_id = presented.id.to_owned();
        let found: Option<(Vec<u8>, String)> = self
            .run(|db| {
                let sql = "SELECT secret_hash, workspace_id FROM api_key WHERE id = ?1 AND revoked_at IS NULL";
                let found = db.prepare_cached(sql)?.query_row([key_id], |row| Ok((row.get(0)?, row.get(1)?)));
                Ok(found.optional()?)
            })
            .await?;
        Ok(found
            .filter(|(secret_hash, _)| presented.matches(secret_hash))
            .map(|(_, workspace_id)| Caller {
                key_id: presented.id.to_owned(),
                workspace_id,
            }))
    }

    pub(crate) async fn find_link(&self, link_key: String) -> Result<Option<Link>> {
        self.run(move |db| {
            let sql = r#"SELECT link.id, workspace.id, link.destination, workspace.address_salt
                         FROM link JOIN partner ON partner.id = link.partner_id
                                   JOIN workspace ON workspace.id = partner.workspace_id
                         WHERE link."key" = ?1"#;
            let found = db.prepare_cached(sql)?.query_row([link_key], |row| {
                Ok(Link {
                    id: row.get(0)?,
                    workspace_id: row.get(1)?,
                    destination: row.get(2)?,
                    address_salt: row.get(3)?,
                })
            });
            Ok(found.optional()?)
        })
        .await
    }

    pub(crate) async fn commissions(
        &self,
        workspace_id: String,
        range: Range,
    ) -> Result<Page<CommissionRow>> {
        self.run(move |db| {
            let sql = "SELECT commission.id, commission.kind, commission.amount, commission.currency,
                              commission.status, commission.payable_at, commission.created_at,
                              commission.partner_id, commission.program_id, commission.event_id,
                              event.answer ->> '$.sale.invoice_id', event.amount, customer.external_id
                       FROM commission JOIN event ON event.id = commission.event_id
                                       JOIN customer ON customer.id = commission.customer_id
                       WHERE commission.workspace_id = ?1 AND commission.id < coalesce(?2, '~')
                       ORDER BY commission.id DESC LIMIT ?3";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map(params![workspace_id, range.cursor, range.limit + 1], |row| {
                Ok(CommissionRow {
                    id: row.get(0)?,
                    kind: row.get(1)?,
                    amount: row.get(2)?,
                    currency: row.get(3)?,
                    status: row.get(4)?,
                    payable_at: instant(row, 5)?,
                    created_at: instant(row, 6)?,
                    partner_id: row.get(7)?,
                    program_id: row.get(8)?,
                    event_id: row.get(9)?,
                    invoice_id: row.get(10)?,
                    sale_amount: row.get(11)?,
                    customer_external_id: row.get(12)?,
                })
            })?;
            Ok(page(rows.collect::<rusqlite::Result<_>>()?, range.limit, |row| &row.id))
        })
        .await
    }

    pub(crate) async fn partners(
        &self,
        workspace_id: String,
        range: Range,
        public_url: String,
    ) -> Result<Page<PartnerRow>> {
        self.run(move |db| {
            let sql = "SELECT partner.id, enrollment_id, tenant_id, email, partner.name, partner_group.name,
                              partner.created_at
                       FROM partner LEFT JOIN partner_group ON partner_group.id = partner.group_id
                       WHERE workspace_id = ?1 AND partner.id < coalesce(?2, '~')
                       ORDER BY partner.id DESC LIMIT ?3";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map(params![workspace_id, range.cursor, range.limit + 1], |row| {
                Ok(PartnerRow {
                    id: row.get(0)?,
                    enrollment_id: row.get(1)?,
                    tenant_id: row.get(2)?,
                    email: row.get(3)?,
                    name: row.get(4)?,
                    group: row.get(5)?,
                    created_at: instant(row, 6)?,
                    links: Vec::new(),
                })
            })?;
            let mut rows: Vec<PartnerRow> = rows.collect::<rusqlite::Result<_>>()?;
            for row in &mut rows {
                row.links = links_of(db, &row.id, &public_url)?;
            }
            Ok(page(rows, range.limit, |row| &row.id))
        })
        .await
    }

    pub(crate) async fn customer(
        &self,
        workspace_id: String,
        external_id: String,
    ) -> Result<Option<CustomerView>> {
        self.run(move |db| {
            let sql = "SELECT customer.id, external_id, email, name, avatar, click_id, link_id, link.partner_id,
                              customer.created_at
                       FROM customer JOIN link ON link.id = customer.link_id
                       WHERE workspace_id = ?1 AND external_id = ?2";
            let found = db.prepare_cached(sql)?.query_row([workspace_id, external_id], |row| {
                Ok(CustomerView {
                    id: row.get(0)?,
                    external_id: row.get(1)?,
                    email: row.get(2)?,
                    name: row.get(3)?,
                    avatar: row.get(4)?,
                    click_id: row.get(5)?,
                    link_id: row.get(6)?,
                    partner_id: row.get(7)?,
                    created_at: instant(row, 8)?,
                    events: Vec::new(),
                })
            });
            let Some(mut customer) = found.optional()? else {
                return Ok(None);
            };
            customer.events = events_of(db, &customer.id)?;
            Ok(Some(customer))
        })
        .await
    }

    /// Whether the database answers, and events are written.
    pub(crate) async fn ping(&self) -> Result<()> {
        self.writer.check()?;
        self.run(|db| Ok(db.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }
}

/// Who calls the API.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) key_id: String,
    pub(crate) workspace_id: String,
}

/// One row more than the limit was asked for, to see whether there is a next page.
fn page<T>(mut rows: Vec<T>, limit: u32, id: impl Fn(&T) -> &String) -> Page<T> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| id(row).clone());
    Page {
        data: rows,
        next_cursor,
    }
}

pub(super) fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let millis = row.get(column)?;
    Timestamp::from_millis(millis)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, millis))
}

pub(super) fn links_of(
    db: &Connection,
    partner_id: &str,
    public_url: &str,
) -> Result<Vec<LinkRow>> {
    let sql = r#"SELECT id, "key", destination, clicks
                 FROM link WHERE partner_id = ?1 ORDER BY id"#;
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([partner_id], |row| {
        let key: String = row.get(1)?;
        Ok(LinkRow {
            id: row.get(0)?,
            url: format!("{public_url}/r/{key}"),
            key,
            destination: row.get(2)?,
            clicks: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn events_of(db: &Connection, customer_id: &str) -> Result<Vec<EventRow>> {
    let sql = "SELECT event.id, event.kind, event.answer ->> '$.event_name', event.amount, event.currency,
                      commission.amount, event.created_at
               FROM event LEFT JOIN commission ON commission.event_id = event.id
               WHERE event.customer_id = ?1 ORDER BY event.created_at, event.id";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([customer_id], |row| {
        Ok(EventRow {
            id: row.get(0)?,
            kind: row.get(1)?,
            event_name: row.get(2)?,
            amount: row.get(3)?,
            currency: row.get(4)?,
            commission_amount: row.get(5)?,
            created_at: instant(row, 6)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl From<refport_core::ParseTimestampError> for Problem {
    fn from(_: refport_core::ParseTimestampError) -> Self {
        Self::Corrupt("time")
    }
}
