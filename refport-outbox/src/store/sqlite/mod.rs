mod busy;
mod claim;
mod enqueue;
mod group;
mod held;
mod settle;

use std::{
    future::{Future, pending},
    pin::Pin,
};

use sqlx::{Connection as _, Row, SqlitePool};

use self::{
    busy::Busy,
    claim::{Leased, claim_all},
    enqueue::check_database,
    group::Group,
    held::Held,
    settle::settle,
};
use super::{Backend, Claim, Claimed, Turn, Turned, Work, sealed::Connection};
use crate::{
    EnqueueError, Enqueued, StoreError,
    enqueue::Prepared,
    look::{Count, DeadLetter, Page, PausedDestination, Selection, State},
};

/// Without them, two that read before they write would fail each other.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

#[derive(Debug)]
pub(super) struct Sqlite {
    pool: SqlitePool,
    group: Group,
    held: Held,
    busy: Busy,
}

impl Sqlite {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self {
            group: Group::new(pool.clone()),
            held: Held::default(),
            busy: Busy::default(),
            pool,
        }
    }

    /// Whether a turn would find anything. Reading takes no lock from the application.
    async fn is_due(&self, claim: &Claim<'_>) -> Result<bool, StoreError> {
        const DUE: &str = "SELECT EXISTS (SELECT 1 FROM refport_outbox_events
                WHERE destination = ?1 AND key NOT IN (SELECT k.value
                    FROM refport_outbox_leases AS l, json_each(l.keys) AS k
                    WHERE l.destination = ?1))
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
            check_database(&mut connection).await?;
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
            let mut connection = self.busy.acquire(&self.pool).await?;
            let mut transaction = connection.begin_with(BEGIN).await?;
            let Turn { settles, claim } = turn;
            let (marked, marks) = settle(
                &mut transaction,
                &self.held,
                claim.destination,
                settles,
                claim.now,
            )
            .await?;
            let mut leased = match claim.limit {
                0 => Leased::default(),
                _ => claim_all(&mut transaction, &self.held, claim).await?,
            };
            transaction.commit().await?;
            self.busy.keep(&self.pool, connection);
            self.held.settled(&marks);
            leased.hold(&self.held, claim);
            Ok(Turned {
                marked,
                claimed: leased.read(false).await?,
            })
        })
    }

    fn rest(&self) {
        self.busy.release();
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pool.close_event())
    }

    fn take_over<'a>(&'a self, claim: Claim<'a>) -> Work<'a, Vec<Claimed>> {
        const LOST: &str = "SELECT EXISTS (SELECT 1 FROM refport_outbox_leases
                WHERE destination = ?1 AND lease_until <= ?2)
            OR EXISTS (SELECT 1 FROM refport_outbox_deliveries
                WHERE destination = ?1 AND state = 1 AND lease_until <= ?2)";
        // From the first table to that of what was tried, by the lost lease and with its numbers.
        const MOVE: &str = "INSERT INTO refport_outbox_deliveries (id, key, destination, payload,
                created_at, state, due_at, attempts, fence, lease_until)
            SELECT l.id - json_array_length(l.keys) + 1 + k.key, e.key, e.destination, e.payload,
                e.created_at, 1, e.created_at, 1, 1, l.lease_until
            FROM refport_outbox_leases AS l CROSS JOIN json_each(l.keys) AS k
            CROSS JOIN refport_outbox_events AS e
            WHERE l.destination = ?1 AND l.lease_until <= ?2
                AND e.destination = l.destination AND e.key = k.value
            ON CONFLICT (key, destination) DO NOTHING";
        const MOVED: &str = "DELETE FROM refport_outbox_events
            WHERE destination = ?1 AND key IN (SELECT k.value
                FROM refport_outbox_leases AS l, json_each(l.keys) AS k
                WHERE l.destination = ?1 AND l.lease_until <= ?2)";
        const END: &str = "DELETE FROM refport_outbox_leases
            WHERE destination = ?1 AND lease_until <= ?2";
        const TAKE: &str = "UPDATE refport_outbox_deliveries
            SET attempts = attempts + 1, fence = fence + 1, lease_until = ?4
            WHERE id IN (SELECT id FROM refport_outbox_deliveries
                WHERE destination = ?1 AND state = 1 AND lease_until <= ?2
                ORDER BY lease_until LIMIT ?3)
            RETURNING id, fence, payload, attempts, due_at, created_at";
        Box::pin(async move {
            let lost: i64 = sqlx::query_scalar(LOST)
                .bind(claim.destination)
                .bind(claim.now)
                .fetch_one(&self.pool)
                .await?;
            if lost == 0 {
                return Ok(Vec::new());
            }
            let mut transaction = self.pool.begin_with(BEGIN).await?;
            for statement in [MOVE, MOVED, END] {
                sqlx::query(statement)
                    .bind(claim.destination)
                    .bind(claim.now)
                    .execute(&mut *transaction)
                    .await?;
            }
            let rows = sqlx::query(TAKE)
                .bind(claim.destination)
                .bind(claim.now)
                .bind(count(claim.limit))
                .bind(claim.lease_until)
                .fetch_all(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Leased::from(rows).read(true).await
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
                WHERE destination = ?1 AND state = 1 AND lease_until > ?3)
            OR EXISTS (SELECT 1 FROM refport_outbox_leases
                WHERE destination = ?1 AND lease_until > ?3)";
        const WAITING: &str = "UPDATE refport_outbox_deliveries SET due_at = ?2
            WHERE destination = ?1 AND state = 0 AND due_at > ?3";
        const LEASED: &str = "UPDATE refport_outbox_deliveries SET lease_until = ?2
            WHERE destination = ?1 AND state = 1 AND lease_until > ?2";
        const LEASES: &str = "UPDATE refport_outbox_leases SET lease_until = ?2
            WHERE destination = ?1 AND lease_until > ?2";
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
            let mut healed = waiting.rows_affected();
            for statement in [LEASED, LEASES] {
                let leases = sqlx::query(statement)
                    .bind(destination)
                    .bind(longest_lease)
                    .execute(&self.pool)
                    .await?;
                healed += leases.rows_affected();
            }
            Ok(healed)
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

    fn make_due<'a>(&'a self, destination: &'a str, now: i64) -> Work<'a, ()> {
        const DUE: &str = "UPDATE refport_outbox_deliveries SET due_at = ?2
            WHERE destination = ?1 AND state = 0 AND due_at > ?2";
        Box::pin(async move {
            let query = sqlx::query(DUE).bind(destination).bind(now);
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
        const COUNTS: &str = "WITH held AS MATERIALIZED (
                SELECT l.destination, k.value AS key
                FROM refport_outbox_leases AS l, json_each(l.keys) AS k)
            SELECT destination, state, sum(n), min(oldest) FROM (
                SELECT destination, (destination, key) IN held AS state, count(*) AS n,
                    min(created_at) AS oldest
                    FROM refport_outbox_events GROUP BY destination, state
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
            SET state = 0, due_at = ?3, attempts = 0, settled_at = NULL, reason = NULL
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
        // A lease that lives still names the keys of what it had delivered.
        const PURGE: &str = "WITH RECURSIVE held (first, last) AS MATERIALIZED (
                SELECT id - json_array_length(keys) + 1, id FROM refport_outbox_leases),
            known (name) AS (
                SELECT min(destination) FROM refport_outbox_deliveries WHERE state = 2
                UNION ALL SELECT (SELECT min(destination) FROM refport_outbox_deliveries
                    WHERE state = 2 AND destination > known.name)
                FROM known WHERE known.name IS NOT NULL)
            DELETE FROM refport_outbox_deliveries WHERE id IN (
                SELECT id FROM known CROSS JOIN refport_outbox_deliveries
                WHERE state = 2 AND destination = name AND settled_at < ?1
                    AND NOT EXISTS (SELECT 1 FROM held WHERE id BETWEEN first AND last)
                LIMIT ?2)";
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

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
