//! A partner's portal, and the embed tokens that open it.

use std::collections::BTreeMap;

use refport_core::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Result, Store,
    read::{LinkRow, instant, links_of},
    setup::{NewPartner, begin, insert_partner, program},
};
use crate::{id, key};

/// A partner's own numbers.
#[derive(Debug)]
pub(crate) struct PortalView {
    pub(crate) partner_name: String,
    pub(crate) links: Vec<LinkRow>,
    pub(crate) clicks: i64,
    pub(crate) leads: i64,
    pub(crate) sales: i64,
    /// By currency, then by status: sums in the smallest unit.
    pub(crate) earnings: BTreeMap<String, BTreeMap<String, i64>>,
    pub(crate) recent: Vec<PortalCommission>,
}

#[derive(Debug)]
pub(crate) struct PortalCommission {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: String,
    pub(crate) created_at: Timestamp,
    pub(crate) payable_at: Timestamp,
}

/// Who an embed token is for.
#[derive(Clone, Debug)]
pub(crate) struct TokenSelector {
    pub(crate) enrollment_id: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) partner: Option<TokenPartner>,
}

#[derive(Clone, Debug)]
pub(crate) struct TokenPartner {
    pub(crate) email: String,
    pub(crate) name: Option<String>,
}

/// Whether an embed token shows a portal.
#[derive(Debug)]
pub(crate) enum Portal {
    Open(Box<PortalView>),
    Expired,
    Unknown,
}

/// How many of a partner's latest commissions the portal lists.
const RECENT: u32 = 10;

impl Store {
    /// Makes a token that is valid until `expires`, `None` where there is no such partner. A
    /// partner who is given by e-mail address is made where there is none.
    pub(crate) async fn create_embed_token(
        &self,
        workspace_id: String,
        selector: TokenSelector,
        expires: Timestamp,
    ) -> Result<Option<String>> {
        self.run(move |db| {
            let db = begin(db)?;
            let Some(partner_id) = select_partner(&db, &workspace_id, selector)? else {
                return Ok(None);
            };
            let token = format!("pt_{}", id::random_text(32));
            let now = Timestamp::now().as_millis();
            db.execute(
                "DELETE FROM embed_token WHERE expires_at < ?1",
                [now - crate::attribution::DAY_MS],
            )?;
            db.execute(
                "INSERT INTO embed_token (token_hash, partner_id, expires_at) VALUES (?1, ?2, ?3)",
                params![key::hash(&token), partner_id, expires.as_millis()],
            )?;
            db.commit()?;
            Ok(Some(token))
        })
        .await
    }

    pub(crate) async fn portal(
        &self,
        token: String,
        now: Timestamp,
        public_url: String,
    ) -> Result<Portal> {
        self.run(move |db| {
            let sql = "SELECT partner_id, expires_at FROM embed_token WHERE token_hash = ?1";
            let found: Option<(String, i64)> = db
                .prepare_cached(sql)?
                .query_row([key::hash(&token)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            match found {
                None => Ok(Portal::Unknown),
                Some((_, expires_at)) if expires_at <= now.as_millis() => Ok(Portal::Expired),
                Some((partner_id, _)) => Ok(Portal::Open(Box::new(portal_view(
                    db,
                    &partner_id,
                    &public_url,
                )?))),
            }
        })
        .await
    }
}

/// Enrollment, then tenant, then e-mail address; with an e-mail address a partner is made where
/// none of them is known.
fn select_partner(
    db: &Connection,
    workspace_id: &str,
    selector: TokenSelector,
) -> Result<Option<String>> {
    let find = |column: &str, value: &str| -> Result<Option<String>> {
        let sql = format!("SELECT id FROM partner WHERE workspace_id = ?1 AND {column} = ?2");
        Ok(db
            .query_row(&sql, [workspace_id, value], |row| row.get(0))
            .optional()?)
    };
    let TokenSelector {
        enrollment_id,
        tenant_id,
        partner,
    } = selector;
    for (column, value) in [("enrollment_id", &enrollment_id), ("tenant_id", &tenant_id)] {
        if let Some(value) = value
            && let Some(found) = find(column, value)?
        {
            return Ok(Some(found));
        }
    }
    let Some(partner) = partner else {
        return Ok(None);
    };
    if let Some(found) = find("email", &partner.email)? {
        return claim_for_tenant(db, found, tenant_id);
    }
    let Some(program) = program(db)? else {
        return Ok(None);
    };
    let new = NewPartner::unnamed(partner.email)
        .name_if_given(partner.name)
        .tenant_id(tenant_id);
    Ok(Some(insert_partner(db, &program, &new)?.partner_id))
}

/// A partner without a tenant becomes this one's; another tenant's stays hidden.
fn claim_for_tenant(
    db: &Connection,
    partner_id: String,
    tenant_id: Option<String>,
) -> Result<Option<String>> {
    let sql = "UPDATE partner SET tenant_id = coalesce(tenant_id, ?2)
               WHERE id = ?1 AND (?2 IS NULL OR tenant_id IS NULL OR tenant_id = ?2)";
    let theirs = db.execute(sql, params![partner_id, tenant_id])? == 1;
    Ok(Some(partner_id).filter(|_| theirs))
}

fn portal_view(db: &Connection, partner_id: &str, public_url: &str) -> Result<PortalView> {
    let partner_name = db.query_row(
        "SELECT coalesce(name, email) FROM partner WHERE id = ?1",
        [partner_id],
        |row| row.get(0),
    )?;
    let links = links_of(db, partner_id, public_url)?;
    let count = |kind: &str| {
        let sql =
            "SELECT count(*) FROM event WHERE partner_id = ?1 AND kind = ?2 AND amount IS NOT 0";
        db.query_row(sql, [partner_id, kind], |row| row.get(0))
    };
    Ok(PortalView {
        partner_name,
        clicks: links.iter().map(|link| link.clicks).sum(),
        leads: count("lead")?,
        sales: count("sale")?,
        earnings: earnings(db, partner_id)?,
        recent: recent(db, partner_id)?,
        links,
    })
}

fn earnings(db: &Connection, partner_id: &str) -> Result<BTreeMap<String, BTreeMap<String, i64>>> {
    let sql = "SELECT currency, status, sum(amount) FROM commission WHERE partner_id = ?1 GROUP BY currency, status";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([partner_id], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let mut earnings: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for row in rows {
        let (currency, status, sum): (String, String, i64) = row?;
        earnings.entry(currency).or_default().insert(status, sum);
    }
    Ok(earnings)
}

fn recent(db: &Connection, partner_id: &str) -> Result<Vec<PortalCommission>> {
    let sql = "SELECT amount, currency, status, created_at, payable_at FROM commission
               WHERE partner_id = ?1 ORDER BY id DESC LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![partner_id, RECENT], |row| {
        Ok(PortalCommission {
            amount: row.get(0)?,
            currency: row.get(1)?,
            status: row.get(2)?,
            created_at: instant(row, 3)?,
            payable_at: instant(row, 4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
