//! What the API shows and the short link needs, and who calls.

use std::{collections::HashMap, sync::Arc};

use refport_core::Timestamp;
use serde::Serialize;
use sqlx::FromRow;

use super::{Problem, Result, Store, pool::args};
use crate::{
    api_key::PresentedKey,
    domain::click_id::{KeyRing, SigningKey},
};

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

impl Range {
    /// One row more than asked for tells whether there is another page.
    fn limit_and_one(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// IDs sort below it: they are ASCII, and compared by their bytes on both databases.
    fn before(&self) -> String {
        self.cursor.clone().unwrap_or_else(|| "~".to_owned())
    }

    fn page<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        let limit = self.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        Page {
            next_cursor: last.map(|row| id(row).to_owned()),
            data: rows,
        }
    }
}

/// A point in time as it is stored and as it is shown.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl TryFrom<i64> for Instant {
    type Error = super::StoreError;

    fn try_from(millis: i64) -> Result<Self> {
        Timestamp::from_millis(millis)
            .map(Self)
            .map_err(|_| Problem::Corrupt("time").into())
    }
}

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommissionRow {
    id: String,
    kind: String,
    amount: i64,
    currency: String,
    status: String,
    #[sqlx(try_from = "i64")]
    payable_at: Instant,
    #[sqlx(try_from = "i64")]
    created_at: Instant,
    #[sqlx(try_from = "i64")]
    occurred_at: Instant,
    partner_id: String,
    program_id: String,
    event_id: String,
    invoice_id: Option<String>,
    sale_amount: Option<i64>,
    customer_external_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartnerView {
    #[serde(flatten)]
    row: PartnerRow,
    links: Vec<LinkRow>,
}

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
struct PartnerRow {
    id: String,
    /// In the program of the key that asks; `null` where the partner is in others only.
    enrollment_id: Option<String>,
    tenant_id: Option<String>,
    email: String,
    name: Option<String>,
    group: Option<String>,
    #[sqlx(try_from = "i64")]
    created_at: Instant,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkRow {
    id: String,
    key: String,
    pub(crate) url: String,
    destination: String,
    program_id: String,
    /// Of people.
    pub(super) clicks: i64,
    /// Of crawlers and link previewers.
    pub(super) bot_clicks: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomerView {
    #[serde(flatten)]
    row: CustomerRow,
    events: Vec<EventRow>,
}

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomerRow {
    id: String,
    external_id: Option<String>,
    email: Option<String>,
    name: Option<String>,
    avatar: Option<String>,
    click_id: String,
    link_id: String,
    partner_id: String,
    #[sqlx(try_from = "i64")]
    created_at: Instant,
}

#[derive(Debug, FromRow, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventRow {
    id: String,
    kind: String,
    event_name: String,
    amount: Option<i64>,
    currency: Option<String>,
    commission_amount: Option<i64>,
    invoice_id: Option<String>,
    reason: String,
    #[sqlx(try_from = "i64")]
    occurred_at: Instant,
    #[sqlx(try_from = "i64")]
    created_at: Instant,
}

/// So many of a customer's events are shown with them, the latest ones.
const MOST_EVENTS: i64 = 1_000;

/// A short link as the redirect needs it.
#[derive(Debug)]
pub(crate) struct ShortLink {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) number: i64,
    pub(crate) destination: String,
    pub(crate) address_salt: Vec<u8>,
    pub(crate) keys: KeyRing,
}

/// Who calls: an API key's workspace and program.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) key_id: String,
    pub(crate) workspace_id: String,
    pub(crate) program_id: String,
    pub(crate) keys: KeyRing,
    secret_hash: Vec<u8>,
}

impl Store {
    /// Whose an API key is, if it is right and not revoked.
    pub(crate) async fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Option<Arc<Caller>>> {
        let Some(presented) = authorization.and_then(PresentedKey::from_authorization) else {
            return Ok(None);
        };
        let cached = self.0.cache.callers.get(presented.id);
        let caller = match cached {
            Some(caller) => Some(caller),
            None => self.load_caller(presented.id).await?,
        };
        Ok(caller.filter(|caller| presented.matches(&caller.secret_hash)))
    }

    /// The caller as they are now: another process may have made a signing key since.
    pub(crate) async fn refreshed(&self, caller: &Caller) -> Result<Option<Arc<Caller>>> {
        self.load_caller(&caller.key_id).await
    }

    async fn load_caller(&self, key_id: &str) -> Result<Option<Arc<Caller>>> {
        let (pool, id) = (self.0.pool.clone(), key_id.to_owned());
        let found = self.run(async move {
            let sql = "SELECT workspace_id, program_id, secret_hash FROM api_key
                       WHERE id = $1 AND revoked_at IS NULL";
            let found: Option<(String, String, Vec<u8>)> =
                pool.fetch_optional(sql, args![&id]).await?;
            let Some((workspace_id, program_id, secret_hash)) = found else {
                return Ok(None);
            };
            Ok(Some(Arc::new(Caller {
                keys: key_ring(&pool, &workspace_id).await?,
                key_id: id,
                workspace_id,
                program_id,
                secret_hash,
            })))
        });
        let found = found.await?;
        if let Some(caller) = &found {
            let cache = &self.0.cache.callers;
            cache.insert(key_id.to_owned(), Arc::clone(caller));
        }
        Ok(found)
    }

    pub(crate) async fn find_link(&self, link_key: &str) -> Result<Option<Arc<ShortLink>>> {
        if let Some(link) = self.0.cache.links.get(link_key) {
            return Ok(Some(link));
        }
        let (pool, key) = (self.0.pool.clone(), link_key.to_owned());
        let found = self.run(async move {
            let sql = r#"SELECT link.id, link.workspace_id, link.number, link.destination,
                                workspace.address_salt
                         FROM link JOIN workspace ON workspace.id = link.workspace_id
                         WHERE link."key" = $1"#;
            let found: Option<(String, String, i64, String, Vec<u8>)> =
                pool.fetch_optional(sql, args![key]).await?;
            let Some((id, workspace_id, number, destination, address_salt)) = found else {
                return Ok(None);
            };
            Ok(Some(Arc::new(ShortLink {
                keys: key_ring(&pool, &workspace_id).await?,
                id,
                workspace_id,
                number,
                destination,
                address_salt,
            })))
        });
        let found = found.await?;
        if let Some(link) = &found {
            let cache = &self.0.cache.links;
            cache.insert(link_key.to_owned(), Arc::clone(link));
        }
        Ok(found)
    }

    pub(crate) async fn commissions(
        &self,
        workspace_id: String,
        range: Range,
    ) -> Result<Page<CommissionRow>> {
        let pool = self.0.pool.clone();
        self.run(async move {
            let sql =
                "SELECT commission.id, commission.kind, commission.amount, commission.currency,
                              commission.status, commission.payable_at, commission.created_at,
                              commission.occurred_at, commission.partner_id, commission.program_id,
                              commission.event_id, event.invoice_id, event.amount AS sale_amount,
                              customer.external_id AS customer_external_id
                       FROM commission JOIN event ON event.id = commission.event_id
                                       JOIN customer ON customer.id = commission.customer_id
                       WHERE commission.workspace_id = $1 AND commission.id < $2
                       ORDER BY commission.id DESC LIMIT $3";
            let values = args![workspace_id, range.before(), range.limit_and_one()];
            let rows: Vec<CommissionRow> = pool.fetch_all(sql, values).await?;
            Ok(range.page(rows, |row| &row.id))
        })
        .await
    }

    pub(crate) async fn partners(
        &self,
        caller: Arc<Caller>,
        range: Range,
        public_url: String,
    ) -> Result<Page<PartnerView>> {
        let pool = self.0.pool.clone();
        self.run(async move {
            let sql = r#"SELECT partner.id, enrollment.id AS enrollment_id, partner.tenant_id,
                                partner.email, partner.name, partner_group.name AS "group",
                                partner.created_at
                         FROM partner
                         LEFT JOIN enrollment ON enrollment.partner_id = partner.id
                                             AND enrollment.program_id = $1
                         LEFT JOIN partner_group ON partner_group.id = enrollment.group_id
                         WHERE partner.workspace_id = $2 AND partner.id < $3
                         ORDER BY partner.id DESC LIMIT $4"#;
            let values = args![
                &caller.program_id,
                &caller.workspace_id,
                range.before(),
                range.limit_and_one(),
            ];
            let rows: Vec<PartnerRow> = pool.fetch_all(sql, values).await?;
            let page = range.page(rows, |row| &row.id);
            let mut data = Vec::with_capacity(page.data.len());
            for row in page.data {
                let links = links_of(&pool, &row.id, &public_url).await?;
                data.push(PartnerView { row, links });
            }
            Ok(Page {
                data,
                next_cursor: page.next_cursor,
            })
        })
        .await
    }

    pub(crate) async fn customer(
        &self,
        workspace_id: String,
        external_id: &str,
    ) -> Result<Option<CustomerView>> {
        let pool = self.0.pool.clone();
        let identity = crate::domain::identity_of_external_id(external_id);
        self.run(async move {
            let sql = "SELECT customer.id, customer.external_id, customer.email, customer.name,
                              customer.avatar, customer.click_id, customer.link_id,
                              enrollment.partner_id, customer.created_at
                       FROM customer JOIN link ON link.id = customer.link_id
                                     JOIN enrollment ON enrollment.id = link.enrollment_id
                       WHERE customer.workspace_id = $1 AND customer.identity = $2";
            let values = args![workspace_id, identity];
            let Some(row) = pool.fetch_optional::<CustomerRow>(sql, values).await? else {
                return Ok(None);
            };
            let sql = "SELECT event.id, event.kind, event.event_name, event.amount, event.currency,
                              commission.amount AS commission_amount, event.invoice_id, event.reason,
                              event.occurred_at, event.received_at AS created_at
                       FROM event LEFT JOIN commission ON commission.event_id = event.id
                       WHERE event.customer_id = $1 ORDER BY event.id DESC LIMIT $2";
            let mut events: Vec<EventRow> =
                pool.fetch_all(sql, args![&row.id, MOST_EVENTS]).await?;
            events.reverse();
            Ok(Some(CustomerView { row, events }))
        })
        .await
    }

    /// Fails where the database cannot be read or nothing writes any more.
    pub(crate) async fn ping(&self) -> Result<()> {
        let pool = self.0.pool.clone();
        self.run(async move {
            // Postgres would call a bare 1 an INT4.
            let sql = "SELECT count(*) FROM workspace";
            pool.fetch_optional::<(i64,)>(sql, args![]).await?;
            Ok(())
        })
        .await?;
        if self.0.queue.is_closed() {
            return Err(Problem::Busy.into());
        }
        Ok(())
    }
}

/// The workspace's signing keys, oldest first.
pub(super) async fn key_ring(pool: &super::pool::Pool, workspace_id: &str) -> Result<KeyRing> {
    let sql = "SELECT number, secret FROM signing_key WHERE workspace_id = $1
               ORDER BY created_at, number";
    let rows: Vec<(i64, Vec<u8>)> = pool.fetch_all(sql, args![workspace_id]).await?;
    let keys = rows.into_iter().map(|(number, secret)| {
        let number = u8::try_from(number).ok();
        let key = number.zip(secret.try_into().ok());
        let key = key.map(|(number, secret)| SigningKey { number, secret });
        key.ok_or_else(|| Problem::Corrupt("signing key").into())
    });
    Ok(KeyRing::new(keys.collect::<Result<_>>()?))
}

/// A partner's links in all programs, with their clicks.
pub(super) async fn links_of(
    pool: &super::pool::Pool,
    partner_id: &str,
    public_url: &str,
) -> Result<Vec<LinkRow>> {
    let sql = r#"SELECT link.id, link."key", link.destination, enrollment.program_id
                 FROM link JOIN enrollment ON enrollment.id = link.enrollment_id
                 WHERE enrollment.partner_id = $1 ORDER BY link.id"#;
    let links: Vec<(String, String, String, String)> =
        pool.fetch_all(sql, args![partner_id]).await?;
    let sql = "SELECT link.id, click_count.verdict, CAST(SUM(click_count.clicks) AS BIGINT)
               FROM click_count JOIN link ON link.id = click_count.link_id
                                JOIN enrollment ON enrollment.id = link.enrollment_id
               WHERE enrollment.partner_id = $1 GROUP BY link.id, click_count.verdict";
    let counted: Vec<(String, String, i64)> = pool.fetch_all(sql, args![partner_id]).await?;
    let mut clicks: HashMap<String, (i64, i64)> = HashMap::new();
    for (link_id, verdict, count) in counted {
        let (people, bots) = clicks.entry(link_id).or_default();
        *(if verdict == "person" { people } else { bots }) += count;
    }
    let row = |(id, key, destination, program_id): (String, String, String, String)| {
        let (people, bots) = clicks.get(&id).copied().unwrap_or_default();
        LinkRow {
            url: format!("{public_url}/r/{key}"),
            id,
            key,
            destination,
            program_id,
            clicks: people,
            bot_clicks: bots,
        }
    };
    Ok(links.into_iter().map(row).collect())
}
