mod enqueue;
mod hint;
mod turn;

use std::{future::Future, pin::Pin};

use sqlx::{PgPool, Row, postgres::PgRow};

use self::{
    hint::Listener,
    turn::{claim, settle},
};
use super::{
    Backend, Claim, Claimed, Fence, Turn, Turned, Work, event, read_all, sealed::Connection,
};
use crate::{
    EnqueueError, Enqueued, StoreError,
    enqueue::{Prepared, write_one},
    look::{Count, DeadLetter, Page, PausedDestination, Selection, State},
};

#[derive(Debug)]
pub(super) struct Postgres {
    pool: PgPool,
    listener: Listener,
}

impl Postgres {
    pub(super) fn new(pool: PgPool) -> Self {
        Self {
            listener: Listener::new(pool.clone()),
            pool,
        }
    }
}

impl Backend for Postgres {
    fn name(&self) -> &'static str {
        "Postgres"
    }

    fn migrate(&self) -> Work<'_, ()> {
        Box::pin(async { self.pool.acquire().await?.migrate().await })
    }

    fn check(&self) -> Work<'_, ()> {
        Box::pin(async {
            sqlx::query("SELECT 1 FROM refport_outbox_pauses LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn add(&self, entry: Prepared) -> Work<'_, Result<Enqueued, EnqueueError>> {
        Box::pin(async move {
            let mut transaction = self.pool.begin().await?;
            let outcome = write_one(&mut *transaction, entry, true).await?;
            transaction.commit().await?;
            Ok(outcome)
        })
    }

    fn turn<'a>(&'a self, turn: &'a Turn<'a>) -> Work<'a, Turned> {
        Box::pin(async {
            if turn.settles.is_empty() {
                let mut connection = self.pool.acquire().await?;
                let rows = claim(&mut connection, &turn.claim).await?;
                drop(connection);
                return Ok(Turned {
                    claimed: read(rows, false).await?,
                    ..Turned::default()
                });
            }
            let mut transaction = self.pool.begin().await?;
            let marked = settle(&mut transaction, turn.settles, turn.claim.now).await?;
            let rows = claim(&mut transaction, &turn.claim).await?;
            transaction.commit().await?;
            Ok(Turned {
                marked,
                claimed: read(rows, false).await?,
            })
        })
    }

    fn take_over<'a>(&'a self, claim: Claim<'a>) -> Work<'a, Vec<Claimed>> {
        const TAKE: &str = "WITH lost AS (SELECT event_id AS id FROM refport_outbox_leased
                WHERE destination = $1 AND lease_until <= $2
                ORDER BY lease_until LIMIT $3 FOR UPDATE SKIP LOCKED),
            taken AS (UPDATE refport_outbox_leased AS l
                SET attempts = attempts + 1, fence = (SELECT nextval('refport_outbox_fences')),
                    lease_until = $4
                FROM lost WHERE event_id = lost.id
                RETURNING event_id, fence, attempts, due_at)
            SELECT event_id, fence, payload, attempts, due_at, created_at
            FROM taken JOIN refport_outbox_events ON id = event_id";
        Box::pin(async move {
            let rows = sqlx::query(TAKE)
                .bind(claim.destination)
                .bind(claim.now)
                .bind(count(claim.limit))
                .bind(claim.lease_until)
                .fetch_all(&self.pool)
                .await?;
            read(rows, true).await
        })
    }

    fn heal<'a>(
        &'a self,
        destination: &'a str,
        now: i64,
        horizon: i64,
        longest_lease: i64,
    ) -> Work<'a, u64> {
        const WAITING: &str = "UPDATE refport_outbox_waiting SET due_at = $2
            WHERE destination = $1 AND due_at > $3";
        const LEASED: &str = "UPDATE refport_outbox_leased SET lease_until = $2
            WHERE destination = $1 AND lease_until > $2";
        Box::pin(async move {
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
        Box::pin(self.listener.hint())
    }

    fn set_pause<'a>(
        &'a self,
        destination: &'a str,
        pause: Option<&'a PausedDestination>,
    ) -> Work<'a, ()> {
        const SET: &str = "INSERT INTO refport_outbox_pauses
                (destination, since, until, reason, status, code, message)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (destination) DO UPDATE SET since = $2, until = $3, reason = $4,
                status = $5, code = $6, message = $7";
        Box::pin(async move {
            let query = match pause {
                None => sqlx::query("DELETE FROM refport_outbox_pauses WHERE destination = $1")
                    .bind(destination),
                Some(pause) => sqlx::query(SET)
                    .bind(destination)
                    .bind(pause.since.as_millis())
                    .bind(pause.until.as_millis())
                    .bind(pause.reason.as_str())
                    .bind(pause.status.map(i64::from))
                    .bind(pause.code.as_deref())
                    .bind(pause.message.as_deref()),
            };
            query.execute(&self.pool).await?;
            Ok(())
        })
    }

    fn make_due<'a>(&'a self, destination: &'a str, now: i64) -> Work<'a, ()> {
        const DUE: &str = "UPDATE refport_outbox_waiting SET due_at = $2
            WHERE destination = $1 AND due_at > $2";
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
        const COUNTS: &str = "SELECT destination, 0::bigint AS state, count(*), min(created_at)
                FROM refport_outbox_waiting GROUP BY destination
            UNION ALL SELECT destination, 1, count(*), min(created_at)
                FROM refport_outbox_leased GROUP BY destination
            UNION ALL SELECT destination, 2, count(*), NULL
                FROM refport_outbox_delivered GROUP BY destination
            UNION ALL SELECT destination, 3, count(*), min(created_at)
                FROM refport_outbox_dead GROUP BY destination
            ORDER BY destination, state";
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
        const DEAD: &str = "SELECT id, key, d.destination, payload, d.created_at, settled_at,
                attempts, reason, status, code, message
            FROM refport_outbox_dead AS d JOIN refport_outbox_events ON id = event_id
            WHERE ($1::text IS NULL OR d.destination = $1) AND event_id > $2
            ORDER BY event_id LIMIT $3";
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
        const ONE: &str = "SELECT id, key, d.destination, payload, d.created_at, settled_at,
                attempts, reason, status, code, message
            FROM refport_outbox_dead AS d JOIN refport_outbox_events ON id = event_id
            WHERE event_id = $1";
        Box::pin(async move {
            let row = sqlx::query(ONE).bind(id).fetch_optional(&self.pool).await?;
            row.as_ref().map(DeadLetter::read).transpose()
        })
    }

    fn replay<'a>(&'a self, selection: &'a Selection, now: i64) -> Work<'a, u64> {
        const REPLAY: &str = "WITH replayed AS (DELETE FROM refport_outbox_dead
                WHERE ($1::bigint IS NULL OR event_id = $1)
                    AND ($2::text IS NULL OR destination = $2)
                RETURNING event_id, destination, created_at)
            INSERT INTO refport_outbox_waiting (event_id, destination, created_at, due_at)
            SELECT event_id, destination, created_at, $3 FROM replayed";
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
        // The first part jumps from one destination to the next within the index, the second reads
        // the oldest of each. The number above 0 is for the planner, as where deliveries are marked.
        const PURGE: &str = "WITH RECURSIVE known (name) AS (
                SELECT min(destination) FROM refport_outbox_delivered
                UNION ALL SELECT (SELECT min(destination) FROM refport_outbox_delivered
                    WHERE destination > known.name)
                FROM known WHERE known.name IS NOT NULL),
            old AS (SELECT unnest(ARRAY(SELECT event_id FROM known CROSS JOIN LATERAL (
                    SELECT event_id FROM refport_outbox_delivered
                    WHERE destination = known.name AND settled_at < $1
                    ORDER BY settled_at LIMIT (SELECT $2::bigint) FOR UPDATE SKIP LOCKED) AS d
                LIMIT $2)) AS id),
            gone AS (DELETE FROM refport_outbox_delivered USING old
                WHERE event_id = old.id AND old.id > 0 RETURNING event_id)
            DELETE FROM refport_outbox_events USING gone WHERE id = event_id";
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

/// The events of rows that were claimed, in the order in which they are due.
async fn read(rows: Vec<PgRow>, taken_over: bool) -> Result<Vec<Claimed>, StoreError> {
    let claimed = move |row: &PgRow| {
        Ok(Claimed {
            id: row.try_get(0)?,
            fence: Fence::Row(row.try_get(1)?),
            event: event(row.try_get::<&str, _>(2)?.as_bytes()),
            attempts: row.try_get(3)?,
            due_at: row.try_get(4)?,
            created_at: row.try_get(5)?,
            taken_over,
        })
    };
    read_all(rows.len(), move || rows.iter().map(claimed).collect()).await
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
