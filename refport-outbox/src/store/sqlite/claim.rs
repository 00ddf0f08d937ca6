//! Claiming what is due: what was tried before, and what was not.

use std::{
    str::{self, FromStr},
    sync::Arc,
};

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    count,
    held::{Held, Round},
};
use crate::{
    StoreError,
    store::{Claim, Claimed, Fence, Order, event, read_all},
};

/// What is leased, as the database gives it. The events in it are read after the transaction, which
/// nobody should wait for.
#[derive(Default)]
pub(super) struct Leased {
    tried: Vec<SqliteRow>,
    first: Vec<Pack>,
}

/// Events of one lease on the first table.
struct Pack {
    row: SqliteRow,
    lease: i64,
    keys: Vec<Arc<str>>,
    events: usize,
}

/// Claims what is due, some of each kind. After the commit, [`Leased::hold`] makes it markable.
pub(super) async fn claim_all(
    connection: &mut SqliteConnection,
    held: &Held,
    wanted: &Claim<'_>,
) -> Result<Leased, StoreError> {
    if wanted.order != Order::Due {
        return claim_healthy(connection, held, wanted).await;
    }
    // Neither kind waits for a backlog of the other: of few, they take turns.
    let fresh = match wanted.limit / 4 {
        0 if held.is_turn_of_first(wanted.destination) => wanted.limit,
        share => share,
    };
    let mut leased = Leased::default();
    let tried = claim_tried(connection, wanted, wanted.limit - fresh).await?;
    let room = wanted.limit - tried.len();
    let is_full = tried.len() == wanted.limit - fresh;
    leased.tried = tried;
    leased.first = claim_first(connection, held, wanted, room).await?;
    let room = wanted.limit - leased.len();
    if is_full && room > 0 {
        let mut more = claim_tried(connection, wanted, room).await?;
        leased.tried.append(&mut more);
    }
    Ok(leased)
}

/// Claims what was never tried, and then what did not fail.
async fn claim_healthy(
    connection: &mut SqliteConnection,
    held: &Held,
    wanted: &Claim<'_>,
) -> Result<Leased, StoreError> {
    let mut leased = Leased::default();
    if wanted.order == Order::Probe {
        let sales = Round {
            after: SALES.into(),
            began: wanted.now,
        };
        // After these keys come no others of ours.
        let pack = lease(connection, wanted, OLDEST, &sales, wanted.limit).await?;
        leased.first.extend(pack);
        let room = wanted.limit - leased.len();
        leased.tried = claim_tried_healthy(connection, wanted, room, SALES).await?;
    }
    let room = wanted.limit - leased.len();
    let packs = claim_first(connection, held, wanted, room).await?;
    leased.first.extend(packs);
    let room = wanted.limit - leased.len();
    let mut tried = claim_tried_healthy(connection, wanted, room, ALL).await?;
    leased.tried.append(&mut tried);
    Ok(leased)
}

/// The beginnings of the keys that are meant.
const SALES: &str = "sale:";
const ALL: &str = "";

/// It looks at the first of what is due, which are more than fail before a destination is held.
async fn claim_tried_healthy(
    connection: &mut SqliteConnection,
    claim: &Claim<'_>,
    limit: usize,
    keys: &'static str,
) -> Result<Vec<SqliteRow>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    Ok(sqlx::query(include_str!("claim_healthy.sql"))
        .bind(claim.destination)
        .bind(claim.now)
        .bind(count(limit))
        .bind(claim.lease_until)
        .bind(keys)
        .fetch_all(connection)
        .await?)
}

/// Its plan is tested: it must not look at what is delivered. SQLite looks at the value of a bare
/// parameter in a `LIMIT`, and would plan the statement anew each time.
const CLAIM: &str = include_str!("claim_tried.sql");

async fn claim_tried(
    connection: &mut SqliteConnection,
    claim: &Claim<'_>,
    limit: usize,
) -> Result<Vec<SqliteRow>, StoreError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    Ok(sqlx::query(CLAIM)
        .bind(claim.destination)
        .bind(claim.now)
        .bind(count(limit))
        .bind(claim.lease_until)
        .fetch_all(connection)
        .await?)
}

/// Claims of fewer events take the oldest of twice as many; in larger ones it does not matter which of
/// them is first.
const LARGE: usize = 32;

/// Takes leases on events that were never tried, in the order of their keys: round and round, so that
/// none stays behind.
async fn claim_first(
    connection: &mut SqliteConnection,
    held: &Held,
    wanted: &Claim<'_>,
    limit: usize,
) -> Result<Vec<Pack>, StoreError> {
    let mut packs = Vec::new();
    if limit == 0 {
        return Ok(packs);
    }
    let statement = if limit < LARGE { OLDEST } else { NEXT };
    let mut room = limit;
    let mut round = held.round(wanted.destination);
    while room > 0 {
        let is_new = round.is_none();
        let from = round.unwrap_or_else(|| Round::new(wanted.now));
        let pack = lease(connection, wanted, statement, &from, room).await?;
        let last = pack
            .as_ref()
            .and_then(|pack| pack.keys.iter().max().cloned());
        room -= pack.as_ref().map_or(0, |pack| pack.events);
        round = last
            .filter(|_| room == 0)
            .map(|after| Round { after, ..from });
        packs.extend(pack);
        if is_new {
            break;
        }
    }
    held.set_round(wanted.destination, round);
    Ok(packs)
}

/// All columns in one row: sqlx hands each row from one thread to another, which costs more than the
/// row. Lengths are in bytes.
const NEXT: &str = include_str!("claim_next.sql");
const OLDEST: &str = include_str!("claim_oldest.sql");

async fn lease(
    connection: &mut SqliteConnection,
    wanted: &Claim<'_>,
    statement: &'static str,
    round: &Round,
    limit: usize,
) -> Result<Option<Pack>, StoreError> {
    const LEASE: &str = "INSERT INTO refport_outbox_leases
            (id, destination, lease_until, keys, last_key)
        SELECT coalesce(max(seq), 0) + ?1, ?2, ?3, ?4, ?5
        FROM sqlite_sequence WHERE name = 'refport_outbox_leases'";
    let (row, keys) = loop {
        let row = sqlx::query(statement)
            .bind(wanted.destination)
            .bind(&*round.after)
            .bind(count(limit))
            .bind(round.began)
            .bind(wanted.now)
            .fetch_one(&mut *connection)
            .await?;
        let keys = || -> sqlx::Result<_> { Ok(Pieces::new(row.try_get(0)?, row.try_get(1)?)) };
        let texts: Option<Vec<Arc<str>>> = keys()?.map(|key| text(key).map(Arc::from)).collect();
        if let Some(texts) = texts {
            break (row, texts);
        }
        for key in keys()?.filter(|key| text(key).is_none()) {
            mend(connection, wanted.destination, key).await?;
        }
    };
    let Some(last) = keys.iter().max() else {
        return Ok(None);
    };
    let done = sqlx::query(LEASE)
        .bind(count(keys.len()))
        .bind(wanted.destination)
        .bind(wanted.lease_until)
        .bind(array(&keys)?)
        .bind(&**last)
        .execute(connection)
        .await?;
    let lease = done.last_insert_rowid();
    Ok(Some(Pack {
        row,
        lease,
        events: keys.len(),
        keys,
    }))
}

fn array(keys: &[Arc<str>]) -> serde_json::Result<String> {
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    serde_json::to_string(&keys)
}

/// A key that comes back from JSON as it went in: SQLite ends a text there at a NUL.
fn text(key: &[u8]) -> Option<&str> {
    let key = str::from_utf8(key).ok()?;
    (!key.contains('\0')).then_some(key)
}

/// Gives an event another key whose own is no such text: a driver that is not ours may have written
/// any bytes. Where it has done so before, the event is known.
async fn mend(
    connection: &mut SqliteConnection,
    destination: &str,
    key: &[u8],
) -> Result<(), StoreError> {
    const DROP_KNOWN: &str = "DELETE FROM refport_outbox_events
        WHERE destination = ?1 AND key = CAST(?2 AS TEXT) AND EXISTS (
            SELECT 1 FROM refport_outbox_events
                WHERE destination = ?1 AND key = 'not-text:' || hex(?2)
            UNION ALL SELECT 1 FROM refport_outbox_deliveries
                WHERE destination = ?1 AND key = 'not-text:' || hex(?2))";
    const MEND: &str = "UPDATE refport_outbox_events SET key = 'not-text:' || hex(?2)
        WHERE destination = ?1 AND key = CAST(?2 AS TEXT)";
    for statement in [DROP_KNOWN, MEND] {
        sqlx::query(statement)
            .bind(destination)
            .bind(key)
            .execute(&mut *connection)
            .await?;
    }
    tracing::warn!(
        destination,
        "the key of an event is no text, it is kept in hexadecimal"
    );
    Ok(())
}

impl Leased {
    pub(super) fn len(&self) -> usize {
        self.tried.len() + self.first.iter().map(|pack| pack.events).sum::<usize>()
    }

    /// The transaction is committed: what was leased can be marked.
    pub(super) fn hold(&mut self, held: &Held, claim: &Claim<'_>) {
        for pack in &mut self.first {
            let (first, keys) = (pack.number(), std::mem::take(&mut pack.keys));
            held.add(pack.lease, first, keys, claim.lease_until, claim.now);
        }
    }

    /// The events.
    pub(super) async fn read(self, taken_over: bool) -> Result<Vec<Claimed>, StoreError> {
        let events = self.len();
        read_all(events, move || {
            let mut claimed = Vec::with_capacity(events);
            for row in &self.tried {
                claimed.push(tried(row, taken_over)?);
            }
            for pack in &self.first {
                pack.read(&mut claimed)?;
            }
            Ok(claimed)
        })
        .await
    }
}

impl From<Vec<SqliteRow>> for Leased {
    fn from(tried: Vec<SqliteRow>) -> Self {
        let first = Vec::new();
        Self { tried, first }
    }
}

fn tried(row: &SqliteRow, taken_over: bool) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        id: row.try_get(0)?,
        fence: Fence::Row(row.try_get(1)?),
        event: event(row.try_get(2)?),
        attempts: row.try_get(3)?,
        due_at: row.try_get(4)?,
        created_at: row.try_get(5)?,
        taken_over,
    })
}

impl Pack {
    /// The number of its first event.
    fn number(&self) -> i64 {
        self.lease - count(self.events) + 1
    }

    fn read(&self, claimed: &mut Vec<Claimed>) -> Result<(), StoreError> {
        let created: &str = self.row.try_get(2)?;
        let payloads = Pieces::new(self.row.try_get(3)?, self.row.try_get(4)?);
        for (id, (created_at, payload)) in (self.number()..).zip(numbers(created).zip(payloads)) {
            claimed.push(Claimed {
                id,
                fence: Fence::Lease(self.lease),
                event: event(payload),
                attempts: 1,
                due_at: created_at,
                created_at,
                taken_over: false,
            });
        }
        Ok(())
    }
}

/// Texts that stand one after another.
struct Pieces<'a, L> {
    lengths: L,
    bytes: &'a [u8],
}

impl<'a> Pieces<'a, ()> {
    fn new(
        lengths: Option<&'a str>,
        bytes: Option<&'a [u8]>,
    ) -> Pieces<'a, impl Iterator<Item = usize>> {
        Pieces {
            lengths: numbers(lengths.unwrap_or_default()),
            bytes: bytes.unwrap_or_default(),
        }
    }
}

impl<'a, L: Iterator<Item = usize>> Iterator for Pieces<'a, L> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.lengths.next()?;
        let (piece, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(piece)
    }
}

/// Whole numbers, as `group_concat` writes them.
fn numbers<N: FromStr>(list: &str) -> impl Iterator<Item = N> {
    list.split(',').filter_map(|number| number.parse().ok())
}
