mod group;

use std::{
    collections::BTreeMap,
    future::{Future, pending},
    pin::Pin,
};

use serde_json::json;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use self::group::Group;
use super::{
    Backend, Claim, Claimed, NewRow, Settle, Turn, Turned, Work,
    migrate::{migrator, run},
    sealed::Connection,
};
use crate::{
    EnqueueError, Enqueued, StoreError,
    enqueue::Prepared,
    look::{Count, DeadLetter, Page, PausedDestination, Selection, State},
};

/// Without them, two that read before they write would fail each other.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// 3.51.3 fixes the loss of committed writes where one meets a checkpoint.
const OLDEST_VERSION: [u32; 3] = [3, 51, 3];

#[derive(Debug)]
pub(super) struct Sqlite {
    pool: SqlitePool,
    group: Group,
}

impl Sqlite {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self {
            group: Group::new(pool.clone()),
            pool,
        }
    }

    /// Whether a turn would find anything. Reading takes no lock from the application.
    async fn is_due(&self, claim: &Claim<'_>) -> Result<bool, StoreError> {
        const DUE: &str = "SELECT EXISTS (SELECT 1 FROM refport_outbox_events)
            OR EXISTS (SELECT 1 FROM refport_outbox_deliveries
                WHERE destination = ?1 AND state = 0 AND due_at <= ?2)";
        if claim.limit == 0 {
            return Ok(false);
        }
        let due: i64 = sqlx::query_scalar(DUE)
            .bind(claim.destination)
            .bind(claim.now)
            .fetch_one(&self.pool)
            .await?;
        Ok(due != 0)
    }
}

impl Backend for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn migrate(&self) -> Work<'_, ()> {
        Box::pin(async { self.pool.acquire().await?.migrate().await })
    }

    fn check(&self) -> Work<'_, ()> {
        Box::pin(async {
            let mut connection = self.pool.acquire().await?;
            check_version(&mut connection).await?;
            sqlx::query("SELECT 1 FROM refport_outbox_pauses LIMIT 1")
                .fetch_optional(&mut *connection)
                .await?;
            Ok(())
        })
    }

    fn add(&self, entry: Prepared) -> Work<'_, Result<Enqueued, EnqueueError>> {
        Box::pin(self.group.add(entry))
    }

    fn turn<'a>(&'a self, turn: &'a Turn<'a>) -> Work<'a, Turned> {
        Box::pin(async {
            if turn.settles.is_empty() && !self.is_due(&turn.claim).await? {
                return Ok(Turned::default());
            }
            let mut transaction = self.pool.begin_with(BEGIN).await?;
            let marked = settle(&mut transaction, turn.settles, turn.claim.now).await?;
            let (claimed, more) = match turn.claim.limit {
                0 => (Vec::new(), false),
                _ => claim_all(&mut transaction, &turn.claim).await?,
            };
            transaction.commit().await?;
            Ok(Turned {
                marked,
                claimed,
                more,
            })
        })
    }

    fn take_over<'a>(&'a self, claim: Claim<'a>) -> Work<'a, Vec<Claimed>> {
        const LOST: &str = "SELECT EXISTS (SELECT 1 FROM refport_outbox_deliveries
            WHERE destination = ?1 AND state = 1 AND lease_until <= ?2)";
        const TAKE: &str = "UPDATE refport_outbox_deliveries
            SET attempts = attempts + 1, fence = fence + 1, lease_until = ?4
            WHERE id IN (SELECT id FROM refport_outbox_deliveries
                WHERE destination = ?1 AND state = 1 AND lease_until <= ?2
                ORDER BY lease_until LIMIT ?3)
            RETURNING id, fence, payload, attempts, due_at";
        Box::pin(async move {
            let lost: i64 = sqlx::query_scalar(LOST)
                .bind(claim.destination)
                .bind(claim.now)
                .fetch_one(&self.pool)
                .await?;
            if lost == 0 {
                return Ok(Vec::new());
            }
            let rows = sqlx::query(TAKE)
                .bind(claim.destination)
                .bind(claim.now)
                .bind(count(claim.limit))
                .bind(claim.lease_until)
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(|row| claimed(row, true)).collect()
        })
    }

    fn heal<'a>(
        &'a self,
        destination: &'a str,
        now: i64,
        horizon: i64,
        longest_lease: i64,
    ) -> Work<'a, u64> {
        const ODD: &str = "SELECT EXISTS (SELECT 1 FROM refport_outbox_deliveries
                WHERE destination = ?1 AND state = 0 AND due_at > ?2)
            OR EXISTS (SELECT 1 FROM refport_outbox_deliveries
                WHERE destination = ?1 AND state = 1 AND lease_until > ?3)";
        const WAITING: &str = "UPDATE refport_outbox_deliveries SET due_at = ?2
            WHERE destination = ?1 AND state = 0 AND due_at > ?3";
        const LEASED: &str = "UPDATE refport_outbox_deliveries SET lease_until = ?2
            WHERE destination = ?1 AND state = 1 AND lease_until > ?2";
        Box::pin(async move {
            let odd: i64 = sqlx::query_scalar(ODD)
                .bind(destination)
                .bind(horizon)
                .bind(longest_lease)
                .fetch_one(&self.pool)
                .await?;
            if odd == 0 {
                return Ok(0);
            }
            let waiting = sqlx::query(WAITING)
                .bind(destination)
                .bind(now)
                .bind(horizon)
                .execute(&self.pool)
                .await?;
            let leased = sqlx::query(LEASED)
                .bind(destination)
                .bind(longest_lease)
                .execute(&self.pool)
                .await?;
            Ok(waiting.rows_affected() + leased.rows_affected())
        })
    }

    fn hint(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }

    fn set_pause<'a>(
        &'a self,
        destination: &'a str,
        pause: Option<&'a PausedDestination>,
    ) -> Work<'a, ()> {
        const SET: &str = "INSERT INTO refport_outbox_pauses
                (destination, since, until, reason, status, code, message)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (destination) DO UPDATE SET since = ?2, until = ?3, reason = ?4,
                status = ?5, code = ?6, message = ?7";
        Box::pin(async move {
            let query = match pause {
                None => sqlx::query("DELETE FROM refport_outbox_pauses WHERE destination = ?1")
                    .bind(destination),
                Some(pause) => sqlx::query(SET)
                    .bind(destination)
                    .bind(pause.since.as_millis())
                    .bind(pause.until.as_millis())
                    .bind(pause.reason.as_str())
                    .bind(pause.status)
                    .bind(pause.code.as_deref())
                    .bind(pause.message.as_deref()),
            };
            query.execute(&self.pool).await?;
            Ok(())
        })
    }

    fn pauses(&self) -> Work<'_, Vec<PausedDestination>> {
        const PAUSES: &str = "SELECT destination, since, until, reason, status, code, message
            FROM refport_outbox_pauses ORDER BY destination";
        Box::pin(async {
            let rows = sqlx::query(PAUSES).fetch_all(&self.pool).await?;
            rows.iter().map(PausedDestination::read).collect()
        })
    }

    fn counts(&self) -> Work<'_, Vec<Count>> {
        const COUNTS: &str = "SELECT destination, state, sum(n), min(oldest) FROM (
                SELECT destination, 0 AS state, count(*) AS n, min(created_at) AS oldest
                    FROM refport_outbox_events GROUP BY destination
                UNION ALL SELECT destination, 0, count(*), min(created_at)
                    FROM refport_outbox_deliveries WHERE state = 0 GROUP BY destination
                UNION ALL SELECT destination, 1, count(*), min(created_at)
                    FROM refport_outbox_deliveries WHERE state = 1 GROUP BY destination
                UNION ALL SELECT destination, 2, count(*), NULL
                    FROM refport_outbox_deliveries WHERE state = 2 GROUP BY destination
                UNION ALL SELECT destination, 3, count(*), min(created_at)
                    FROM refport_outbox_deliveries WHERE state = 3 GROUP BY destination
            ) GROUP BY destination, state ORDER BY destination, state";
        Box::pin(async {
            let rows = sqlx::query(COUNTS).fetch_all(&self.pool).await?;
            rows.iter()
                .map(|row| {
                    let state = State::of(row.try_get(1)?);
                    Ok(Count::new(
                        row.try_get(0)?,
                        state,
                        row.try_get(2)?,
                        row.try_get(3)?,
                    ))
                })
                .collect()
        })
    }

    fn dead_letters<'a>(&'a self, page: &'a Page) -> Work<'a, Vec<DeadLetter>> {
        const DEAD: &str = "SELECT id, key, destination, payload, created_at, settled_at, attempts,
                reason, status, code, message
            FROM refport_outbox_deliveries
            WHERE state = 3 AND (?1 IS NULL OR destination = ?1) AND id > ?2
            ORDER BY id LIMIT ?3";
        Box::pin(async {
            let rows = sqlx::query(DEAD)
                .bind(page.destination.as_deref())
                .bind(page.after)
                .bind(count(page.limit))
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(DeadLetter::read).collect()
        })
    }

    fn dead_letter(&self, id: i64) -> Work<'_, Option<DeadLetter>> {
        const ONE: &str = "SELECT id, key, destination, payload, created_at, settled_at, attempts,
                reason, status, code, message
            FROM refport_outbox_deliveries WHERE id = ?1 AND state = 3";
        Box::pin(async move {
            let row = sqlx::query(ONE).bind(id).fetch_optional(&self.pool).await?;
            row.as_ref().map(DeadLetter::read).transpose()
        })
    }

    fn replay<'a>(&'a self, selection: &'a Selection, now: i64) -> Work<'a, u64> {
        const REPLAY: &str = "UPDATE refport_outbox_deliveries
            SET state = 0, due_at = ?3, attempts = 0, settled_at = NULL
            WHERE state = 3 AND (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR destination = ?2)";
        Box::pin(async move {
            let (id, destination) = selection.parts();
            let done = sqlx::query(REPLAY)
                .bind(id)
                .bind(destination)
                .bind(now)
                .execute(&self.pool)
                .await?;
            Ok(done.rows_affected())
        })
    }

    fn purge(&self, before: i64, limit: i64) -> Work<'_, u64> {
        // The first part jumps from one destination to the next within the index.
        const PURGE: &str = "WITH RECURSIVE known (name) AS (
                SELECT min(destination) FROM refport_outbox_deliveries WHERE state = 2
                UNION ALL SELECT (SELECT min(destination) FROM refport_outbox_deliveries
                    WHERE state = 2 AND destination > known.name)
                FROM known WHERE known.name IS NOT NULL)
            DELETE FROM refport_outbox_deliveries WHERE id IN (
                SELECT id FROM known CROSS JOIN refport_outbox_deliveries
                WHERE state = 2 AND destination = name AND settled_at < ?1 LIMIT ?2)";
        Box::pin(async move {
            let done = sqlx::query(PURGE)
                .bind(before)
                .bind(limit)
                .execute(&self.pool)
                .await?;
            Ok(done.rows_affected())
        })
    }
}

impl Connection for SqliteConnection {
    async fn insert(&mut self, rows: &[&NewRow], _: bool) -> Result<Vec<bool>, StoreError> {
        // Events that workers have taken in already are in the other table.
        const ONE: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM refport_outbox_deliveries
                WHERE key = ?1 AND destination = ?2)
            ON CONFLICT DO NOTHING";
        const MANY: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            SELECT v.value ->> 0, v.value ->> 1, v.value ->> 2, v.value ->> 3
            FROM json_each(?1) AS v
            WHERE NOT EXISTS (SELECT 1 FROM refport_outbox_deliveries AS d
                WHERE d.key = v.value ->> 0 AND d.destination = v.value ->> 1)
            ON CONFLICT DO NOTHING RETURNING key, destination";
        if let [row] = rows {
            let done = sqlx::query(ONE)
                .bind(row.key.as_str())
                .bind(&*row.destination)
                .bind(row.payload.as_str())
                .bind(row.created_at)
                .execute(self)
                .await?;
            return Ok(vec![done.rows_affected() == 1]);
        }
        let values: Vec<_> = rows
            .iter()
            .map(|row| (&row.key, &*row.destination, &row.payload, row.created_at))
            .collect();
        let written = sqlx::query(MANY)
            .bind(serde_json::to_string(&values)?)
            .fetch_all(self)
            .await?;
        super::fresh(rows, &written, |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    async fn find(&mut self, key: &str, destination: &str) -> Result<Option<String>, StoreError> {
        const FIND: &str = "SELECT payload FROM refport_outbox_events
                WHERE key = ?1 AND destination = ?2
            UNION ALL SELECT payload FROM refport_outbox_deliveries
                WHERE key = ?1 AND destination = ?2";
        Ok(sqlx::query_scalar(FIND)
            .bind(key)
            .bind(destination)
            .fetch_optional(self)
            .await?)
    }

    async fn take_back(&mut self, row: &NewRow) -> Result<(), StoreError> {
        const TAKE: &str = "DELETE FROM refport_outbox_events WHERE key = ?1 AND destination = ?2";
        sqlx::query(TAKE)
            .bind(row.key.as_str())
            .bind(&*row.destination)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn migrate(&mut self) -> Result<(), StoreError> {
        check_version(self).await?;
        let migrator = migrator(&[(
            1,
            "outbox",
            include_str!("../../../migrations/sqlite/0001_outbox.sql"),
        )]);
        // SQLite has no lock for migrations; this way the second of two processes waits.
        let mut transaction = sqlx::Connection::begin_with(self, BEGIN).await?;
        run(&migrator, &mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(connection)
        .await?;
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = [(); 3].map(|()| numbers.next().unwrap_or(0_u32));
    if found < OLDEST_VERSION {
        return Err(StoreError::old_sqlite(version));
    }
    Ok(())
}

async fn settle(
    connection: &mut SqliteConnection,
    settles: &[Settle],
    now: i64,
) -> Result<u64, StoreError> {
    // What most rows need, without the rest.
    const DELIVERED: &str = "UPDATE refport_outbox_deliveries AS d
        SET state = 2, settled_at = ?2, lease_until = NULL,
            reason = NULL, status = NULL, code = NULL, message = NULL
        FROM json_each(?1) AS v
        WHERE d.id = CAST(v.key AS INTEGER) AND d.fence = v.value
            AND d.state = 1 AND d.lease_until > ?2";
    const OTHER: &str = "UPDATE refport_outbox_deliveries AS d
        SET state = v.value ->> 2, due_at = coalesce(v.value ->> 3, due_at),
            attempts = attempts + (v.value ->> 4),
            settled_at = CASE WHEN v.value ->> 2 = 0 THEN NULL ELSE ?2 END, lease_until = NULL,
            reason = v.value ->> 5, status = v.value ->> 6,
            code = v.value ->> 7, message = v.value ->> 8
        FROM json_each(?1) AS v
        WHERE d.id = v.value ->> 0 AND d.fence = v.value ->> 1
            AND d.state = 1 AND d.lease_until > ?2";
    // A lease is settled once, so that no row is named twice.
    let (mut delivered, mut other) = (BTreeMap::new(), Vec::new());
    for Settle { id, fence, mark } in settles {
        if let super::Mark::Delivered(None) = mark {
            delivered.insert(*id, *fence);
            continue;
        }
        let failure = mark.failure();
        other.push(json!([
            id,
            fence,
            mark.state(),
            mark.due_at(),
            mark.attempts(),
            mark.reason(),
            failure.and_then(|failure| failure.status),
            failure.and_then(|failure| failure.code.as_deref()),
            failure.and_then(|failure| failure.message.as_deref()),
        ]));
    }
    let mut marked = 0;
    for (statement, values) in [
        (
            DELIVERED,
            (!delivered.is_empty()).then(|| serde_json::to_string(&delivered)),
        ),
        (
            OTHER,
            (!other.is_empty()).then(|| serde_json::to_string(&other)),
        ),
    ] {
        if let Some(values) = values {
            let done = sqlx::query(statement)
                .bind(values?)
                .bind(now)
                .execute(&mut *connection)
                .await?;
            marked += done.rows_affected();
        }
    }
    Ok(marked)
}

/// Claims of fewer events find the oldest of twice as many; in larger ones it does not matter which
/// of them is first, and each is written once.
const LARGE: usize = 32;

/// Claims what waits, and what applications have written since. Says whether nothing was found
/// though there may be more: a look takes in so many events and no more.
async fn claim_all(
    connection: &mut SqliteConnection,
    wanted: &Claim<'_>,
) -> Result<(Vec<Claimed>, bool), StoreError> {
    let twice = wanted.limit.saturating_mul(2);
    let is_full = |taken_in: u64, limit: usize| taken_in == count(limit).unsigned_abs();
    if wanted.limit < LARGE {
        let (taken_in, _) = take_in(connection, wanted, None, twice).await?;
        let claimed = claim(connection, wanted).await?;
        let more = claimed.is_empty() && is_full(taken_in, twice);
        return Ok((claimed, more));
    }
    let mut claimed = claim(connection, wanted).await?;
    let mut more = false;
    let room = wanted.limit.saturating_sub(claimed.len());
    if room > 0 {
        let own = Some(wanted.destination);
        let (taken_in, mut fresh) = take_in(connection, wanted, own, room).await?;
        claimed.append(&mut fresh);
        if claimed.len() < wanted.limit && is_full(taken_in, room) {
            // Events of other destinations are in the way.
            let (taken_in, _) = take_in(connection, wanted, None, twice).await?;
            let rest = Claim {
                limit: wanted.limit - claimed.len(),
                ..*wanted
            };
            claimed.append(&mut claim(connection, &rest).await?);
            more = claimed.is_empty() && is_full(taken_in, twice);
        }
    } else {
        // So that none stays behind. Few, so that the next claim has room for fresh ones.
        take_in(connection, wanted, None, wanted.limit / 4).await?;
    }
    in_order(&mut claimed);
    Ok((claimed, more))
}

fn in_order(claimed: &mut [Claimed]) {
    claimed.sort_unstable_by_key(|row| (row.due_at, row.id));
}

/// Moves what applications wrote into the workers' table, up to `limit` rows. Those for `own` are
/// leased at once, so that they are written once. What is known there already is a repeat. Says how
/// many were moved, and gives those that are leased.
async fn take_in(
    connection: &mut SqliteConnection,
    claim: &Claim<'_>,
    own: Option<&str>,
    limit: usize,
) -> Result<(u64, Vec<Claimed>), StoreError> {
    const COPY: &str = "INSERT INTO refport_outbox_deliveries
            (key, destination, payload, created_at, due_at, state, attempts, fence, lease_until)
        SELECT key, destination, payload, created_at, min(created_at, ?1),
            destination IS ?2, destination IS ?2, destination IS ?2,
            iif(destination IS ?2, ?3, NULL)
        FROM refport_outbox_events WHERE true ORDER BY key, destination LIMIT ?4 + 0
        ON CONFLICT DO NOTHING
        RETURNING id, fence, iif(state, payload, NULL), attempts, due_at, state";
    const DELETE: &str = "DELETE FROM refport_outbox_events WHERE (key, destination) IN (
        SELECT key, destination FROM refport_outbox_events
        ORDER BY key, destination LIMIT ?1 + 0)";
    let rows = sqlx::query(COPY)
        .bind(claim.now)
        .bind(own)
        .bind(claim.lease_until)
        .bind(count(limit))
        .fetch_all(&mut *connection)
        .await?;
    let deleted = sqlx::query(DELETE)
        .bind(count(limit))
        .execute(&mut *connection)
        .await?;
    let mut leased = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<i64, _>(5)? != 0 {
            leased.push(claimed(row, false)?);
        }
    }
    Ok((deleted.rows_affected(), leased))
}

async fn claim(
    connection: &mut SqliteConnection,
    claim: &Claim<'_>,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query(CLAIM)
        .bind(claim.destination)
        .bind(claim.now)
        .bind(count(claim.limit))
        .bind(claim.lease_until)
        .fetch_all(connection)
        .await?;
    let mut rows: Vec<_> = rows
        .iter()
        .map(|row| claimed(row, false))
        .collect::<Result<_, _>>()?;
    in_order(&mut rows);
    Ok(rows)
}

/// Its plan is tested: it must not look at what is delivered. SQLite looks at the value of a bare
/// parameter in a `LIMIT`, and would plan the statement anew each time.
const CLAIM: &str = include_str!("claim.sql");

fn claimed(row: &SqliteRow, taken_over: bool) -> Result<Claimed, StoreError> {
    Ok(Claimed {
        id: row.try_get(0)?,
        fence: row.try_get(1)?,
        payload: row.try_get(2)?,
        attempts: row.try_get(3)?,
        due_at: row.try_get(4)?,
        taken_over,
    })
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
