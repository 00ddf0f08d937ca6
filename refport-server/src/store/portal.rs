//! A partner's portal, and the embed tokens that open it.

use std::{collections::BTreeMap, sync::Arc};

use refport_core::Timestamp;
use sqlx::FromRow;
use subtle::ConstantTimeEq;

use super::{
    Result, Store,
    admin::{NewPartner, Program, insert_partner},
    pool::{Pool, Tx, args},
    query::{Caller, Instant, LinkRow, key_ring, links_of},
};
use crate::domain::{click_id::SigningKey, id};

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

#[derive(Debug, FromRow)]
pub(crate) struct PortalCommission {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: String,
    #[sqlx(try_from = "i64")]
    pub(crate) created_at: Instant,
    #[sqlx(try_from = "i64")]
    pub(crate) payable_at: Instant,
}

/// Who an embed token is for.
#[derive(Clone)]
pub(crate) struct TokenSelector {
    pub(crate) enrollment_id: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) partner: Option<TokenPartner>,
}

#[derive(Clone)]
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
const RECENT: i64 = 10;

/// What is signed, before the partner, the time and the key.
const TOKEN_CONTEXT: &[u8] = b"refport embed token\0";

/// A token stands by itself: `pt_`, the partner's ID without its prefix, `_`, and in letters and digits
/// the time until which it is valid, the number of the workspace's key and half a MAC. Making one writes
/// nothing.
fn sign_token(key: &SigningKey, partner_id: &str, expires: i64) -> String {
    let suffix = partner_id.trim_start_matches("prt_");
    let seconds = (expires / 1000).to_be_bytes();
    let head = [
        seconds[3], seconds[4], seconds[5], seconds[6], seconds[7], key.number,
    ];
    let mac = key.sign(&[TOKEN_CONTEXT, partner_id.as_bytes(), &head]);
    let head = id::base62(&head, 9);
    format!(
        "pt_{suffix}_{head}{}{}",
        id::base62(&mac[..8], 11),
        id::base62(&mac[8..16], 11)
    )
}

/// A token that has the form of one, not checked yet.
struct PresentedToken {
    partner_id: String,
    expires: i64,
    key_number: u8,
    text: String,
}

impl PresentedToken {
    fn read(token: &str) -> Option<Self> {
        let (suffix, rest) = token.strip_prefix("pt_")?.split_once('_')?;
        let mut head = [0; 6];
        id::from_base62(rest.get(..9)?, &mut head)?;
        let seconds = head[..5]
            .iter()
            .fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        Some(Self {
            partner_id: format!("prt_{suffix}"),
            expires: seconds * 1000,
            key_number: head[5],
            text: token.to_owned(),
        })
    }

    fn is_signed_by(&self, key: &SigningKey) -> bool {
        let right = sign_token(key, &self.partner_id, self.expires);
        right.as_bytes().ct_eq(self.text.as_bytes()).into()
    }
}

impl Store {
    /// Makes a token that is valid until `expires`, `None` where there is no such partner. A
    /// partner who is given by e-mail address is made where there is none, in the caller's program.
    pub(crate) async fn create_embed_token(
        &self,
        caller: Arc<Caller>,
        selector: TokenSelector,
        expires: Timestamp,
    ) -> Result<Option<String>> {
        let pool = self.0.pool.clone();
        self.run(async move {
            let Some(partner_id) = select_partner(&pool, &caller, selector).await? else {
                return Ok(None);
            };
            let key = caller.keys.newest().cloned();
            let key = key.ok_or(super::Problem::Corrupt("set of signing keys"))?;
            Ok(Some(sign_token(&key, &partner_id, expires.as_millis())))
        })
        .await
    }

    pub(crate) async fn portal(
        &self,
        token: String,
        now: Timestamp,
        public_url: String,
    ) -> Result<Portal> {
        let pool = self.0.pool.clone();
        self.run(async move {
            let Some(token) = PresentedToken::read(&token) else {
                return Ok(Portal::Unknown);
            };
            let sql = "SELECT workspace_id, coalesce(name, email) FROM partner WHERE id = $1";
            let found: Option<(String, String)> =
                pool.fetch_optional(sql, args![&token.partner_id]).await?;
            let Some((workspace_id, partner_name)) = found else {
                return Ok(Portal::Unknown);
            };
            let keys = key_ring(&pool, &workspace_id).await?;
            let key = keys.numbered(token.key_number);
            if !key.is_some_and(|key| token.is_signed_by(key)) {
                return Ok(Portal::Unknown);
            }
            if token.expires <= now.as_millis() {
                return Ok(Portal::Expired);
            }
            let view = portal_view(&pool, &token.partner_id, partner_name, &public_url).await?;
            Ok(Portal::Open(Box::new(view)))
        })
        .await
    }
}

/// Enrollment, then tenant, then e-mail address; with an e-mail address a partner is made where
/// none of them is known.
async fn select_partner(
    pool: &Pool,
    caller: &Caller,
    selector: TokenSelector,
) -> Result<Option<String>> {
    let TokenSelector {
        enrollment_id,
        tenant_id,
        partner,
    } = selector;
    let workspace_id = &caller.workspace_id;
    if let Some(enrollment_id) = enrollment_id {
        let sql = "SELECT partner_id FROM enrollment WHERE workspace_id = $1 AND id = $2";
        if let Some((found,)) = pool
            .fetch_optional(sql, args![workspace_id, enrollment_id])
            .await?
        {
            return Ok(Some(found));
        }
    }
    if let Some(tenant_id) = &tenant_id {
        let sql = "SELECT id FROM partner WHERE workspace_id = $1 AND tenant_id = $2";
        if let Some((found,)) = pool
            .fetch_optional(sql, args![workspace_id, tenant_id])
            .await?
        {
            return Ok(Some(found));
        }
    }
    let Some(partner) = partner else {
        return Ok(None);
    };
    let email_key = crate::domain::text::email_key(&partner.email);
    let sql = "SELECT id, tenant_id FROM partner WHERE workspace_id = $1 AND email_key = $2";
    let found: Option<(String, Option<String>)> = pool
        .fetch_optional(sql, args![workspace_id, email_key])
        .await?;
    match (found, &tenant_id) {
        (Some((id, _)), None) => return Ok(Some(id)),
        (Some((id, Some(theirs))), Some(tenant_id)) => {
            return Ok((theirs == *tenant_id).then_some(id));
        }
        (Some((id, None)), Some(tenant_id)) => {
            let mut tx = pool.begin().await?;
            let theirs = claim_for_tenant(&mut tx, &id, tenant_id).await?;
            tx.commit().await?;
            return Ok(theirs.then_some(id));
        }
        (None, _) => {}
    }
    let program = Program {
        id: caller.program_id.clone(),
        workspace_id: workspace_id.clone(),
    };
    let new = NewPartner::unnamed(partner.email)
        .name_if_given(partner.name)
        .tenant_id(tenant_id);
    let mut tx = pool.begin().await?;
    let made = insert_partner(&mut tx, &program, &new).await?;
    tx.commit().await?;
    Ok(Some(made.partner_id))
}

/// A partner without a tenant becomes this one's; another tenant's stays hidden.
async fn claim_for_tenant(tx: &mut Tx, partner_id: &str, tenant_id: &str) -> Result<bool> {
    let sql = "UPDATE partner SET tenant_id = $1 WHERE id = $2 AND tenant_id IS NULL";
    Ok(tx.execute(sql, args![tenant_id, partner_id]).await? == 1)
}

async fn portal_view(
    pool: &Pool,
    partner_id: &str,
    partner_name: String,
    public_url: &str,
) -> Result<PortalView> {
    let links = links_of(pool, partner_id, public_url).await?;
    let sql = "SELECT kind, count(*) FROM event WHERE partner_id = $1 AND coalesce(amount, 1) <> 0
               GROUP BY kind";
    let counts: Vec<(String, i64)> = pool.fetch_all(sql, args![partner_id]).await?;
    let count = |kind: &str| {
        let found = counts.iter().find(|(counted, _)| counted == kind);
        found.map_or(0, |(_, count)| *count)
    };
    let sql = "SELECT amount, currency, status, created_at, payable_at FROM commission
               WHERE partner_id = $1 ORDER BY id DESC LIMIT $2";
    Ok(PortalView {
        partner_name,
        clicks: links.iter().map(|link| link.clicks).sum(),
        leads: count("lead"),
        sales: count("sale"),
        earnings: earnings(pool, partner_id).await?,
        recent: pool.fetch_all(sql, args![partner_id, RECENT]).await?,
        links,
    })
}

async fn earnings(
    pool: &Pool,
    partner_id: &str,
) -> Result<BTreeMap<String, BTreeMap<String, i64>>> {
    let sql = "SELECT currency, status, CAST(SUM(amount) AS BIGINT) FROM commission
               WHERE partner_id = $1 GROUP BY currency, status";
    let rows: Vec<(String, String, i64)> = pool.fetch_all(sql, args![partner_id]).await?;
    let mut earnings: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for (currency, status, sum) in rows {
        earnings.entry(currency).or_default().insert(status, sum);
    }
    Ok(earnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_by_its_key_alone() {
        let key = |secret| SigningKey {
            number: 3,
            secret: [secret; 32],
        };
        let partner_id = id::new(id::Prefix::Partner);
        let text = sign_token(&key(1), &partner_id, 1_800_000_000_000);
        let token = PresentedToken::read(&text).unwrap();
        assert_eq!(token.partner_id, partner_id);
        assert_eq!((token.expires, token.key_number), (1_800_000_000_000, 3));
        assert!(token.is_signed_by(&key(1)));
        assert!(!token.is_signed_by(&key(2)));
        for position in 3..text.len() {
            let mut other = text.clone();
            let letter = if &other[position..=position] == "a" {
                "b"
            } else {
                "a"
            };
            other.replace_range(position..=position, letter);
            let taken =
                PresentedToken::read(&other).is_some_and(|token| token.is_signed_by(&key(1)));
            assert!(!taken, "{other}");
        }
        for other in ["", "pt_", "pt_x", "pt_x_", "pt_x_short"] {
            assert!(PresentedToken::read(other).is_none(), "{other}");
        }
    }
}
