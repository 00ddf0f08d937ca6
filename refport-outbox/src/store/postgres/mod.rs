mod hint;

use std::{future::Future, pin::Pin};

use serde_json::json;
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use self::hint::Listener;
use super::{
    Backend, Claim, Claimed, Mark, NewRow, Settle, Turn, Turned, Work,
    migrate::{migrator, run},
    sealed::Connection,
};
use crate::{
    EnqueueError, Enqueued, StoreError, enqueue,
    enqueue::Prepared,
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
            let outcome = enqueue::write_one(&mut *transaction, entry, true).await?;
            transaction.commit().await?;
            Ok(outcome)
        })
    }

    fn turn<'a>(&'a self, turn: &'a Turn<'a>) -> Work<'a, Turned> {
        Box::pin(async {
            if turn.settles.is_empty() {
                let mut connection = self.pool.acquire().await?;
                let claimed = claim(&mut connection, &turn.claim).await?;
                return Ok(Turned {
                    claimed,
                    ..Turned::default()
                });
            }
            let mut transaction = self.pool.begin().await?;
            let marked = settle(&mut transaction, turn.settles, turn.claim.now).await?;
            let claimed = claim(&mut transaction, &turn.claim).await?;
            transaction.commit().await?;
            Ok(Turned {
                marked,
                claimed,
                more: false,
            })
        })
    }

    fn take_over<'a>(&'a self, claim: Claim<'a>) -> Work<'a, Vec<Claimed>> {
        const TAKE: &str = "WITH lost AS (SELECT id FROM refport_outbox_events
                WHERE destination = $1 AND state = 1 AND lease_until <= $2
                ORDER BY lease_until LIMIT $3 FOR UPDATE SKIP LOCKED)
            UPDATE refport_outbox_events AS e
            SET attempts = attempts + 1, fence = fence + 1, lease_until = $4
            FROM lost WHERE e.id = lost.id
            RETURNING e.id, fence, payload, attempts, due_at";
        Box::pin(async move {
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
        const WAITING: &str = "UPDATE refport_outbox_events SET due_at = $2
            WHERE destination = $1 AND state = 0 AND due_at > $3";
        const LEASED: &str = "UPDATE refport_outbox_events SET lease_until = $2
            WHERE destination = $1 AND state = 1 AND lease_until > $2";
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
                FROM refport_outbox_events WHERE state = 0 GROUP BY destination
            UNION ALL SELECT destination, 1, count(*), min(created_at)
                FROM refport_outbox_events WHERE state = 1 GROUP BY destination
            UNION ALL SELECT destination, 2, count(*), NULL
                FROM refport_outbox_events WHERE state = 2 GROUP BY destination
            UNION ALL SELECT destination, 3, count(*), min(created_at)
                FROM refport_outbox_events WHERE state = 3 GROUP BY destination
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
        const DEAD: &str = "SELECT id, key, destination, payload, created_at, settled_at, attempts,
                reason, status, code, message
            FROM refport_outbox_events
            WHERE state = 3 AND ($1::text IS NULL OR destination = $1) AND id > $2
            ORDER BY id LIMIT $3";
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
            FROM refport_outbox_events WHERE id = $1 AND state = 3";
        Box::pin(async move {
            let row = sqlx::query(ONE).bind(id).fetch_optional(&self.pool).await?;
            row.as_ref().map(DeadLetter::read).transpose()
        })
    }

    fn replay<'a>(&'a self, selection: &'a Selection, now: i64) -> Work<'a, u64> {
        const REPLAY: &str = "UPDATE refport_outbox_events
            SET state = 0, due_at = $3, attempts = 0, settled_at = NULL
            WHERE state = 3 AND ($1::bigint IS NULL OR id = $1)
                AND ($2::text IS NULL OR destination = $2)";
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
                SELECT min(destination) FROM refport_outbox_events WHERE state = 2
                UNION ALL SELECT (SELECT min(destination) FROM refport_outbox_events
                    WHERE state = 2 AND destination > known.name)
                FROM known WHERE known.name IS NOT NULL)
            DELETE FROM refport_outbox_events WHERE id IN (
                SELECT e.id FROM known JOIN refport_outbox_events AS e
                ON e.state = 2 AND e.destination = known.name AND e.settled_at < $1
                LIMIT $2 FOR UPDATE OF e SKIP LOCKED)";
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

impl Connection for PgConnection {
    async fn insert(&mut self, rows: &[&NewRow], notify: bool) -> Result<Vec<bool>, StoreError> {
        const ONE: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at, due_at)
            VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING";
        const MANY: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at, due_at)
            SELECT *, created_at FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[])
                AS v (key, destination, payload, created_at)
            ON CONFLICT DO NOTHING RETURNING key, destination";
        // The same, and a notice that is given with the commit.
        const ONE_NOTIFY: &str = "WITH written AS (
            INSERT INTO refport_outbox_events (key, destination, payload, created_at, due_at)
            VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING RETURNING 1)
            SELECT pg_notify('refport_outbox', '') FROM written";
        if let [row] = rows {
            let query = sqlx::query(if notify { ONE_NOTIFY } else { ONE })
                .bind(row.key.as_str())
                .bind(&*row.destination)
                .bind(row.payload.as_str())
                .bind(row.created_at);
            let written = query.execute(self).await?.rows_affected() == 1;
            return Ok(vec![written]);
        }
        let written = sqlx::query(MANY)
            .bind(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.destination).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|row| row.payload.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .fetch_all(&mut *self)
            .await?;
        if notify && !written.is_empty() {
            sqlx::query("SELECT pg_notify('refport_outbox', '')")
                .execute(self)
                .await?;
        }
        super::fresh(rows, &written, |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    async fn find(&mut self, key: &str, destination: &str) -> Result<Option<String>, StoreError> {
        const FIND: &str =
            "SELECT payload FROM refport_outbox_events WHERE key = $1 AND destination = $2";
        Ok(sqlx::query_scalar(FIND)
            .bind(key)
            .bind(destination)
            .fetch_optional(self)
            .await?)
    }

    async fn take_back(&mut self, row: &NewRow) -> Result<(), StoreError> {
        const TAKE: &str = "DELETE FROM refport_outbox_events WHERE key = $1 AND destination = $2";
        sqlx::query(TAKE)
            .bind(row.key.as_str())
            .bind(&*row.destination)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn migrate(&mut self) -> Result<(), StoreError> {
        let migrator = migrator(&[(
            1,
            "outbox",
            include_str!("../../../migrations/postgres/0001_outbox.sql"),
        )]);
        run(&migrator, self).await
    }
}

async fn settle(
    connection: &mut PgConnection,
    settles: &[Settle],
    now: i64,
) -> Result<u64, StoreError> {
    // What most rows need, without the rest.
    const DELIVERED: &str = "UPDATE refport_outbox_events AS e
        SET state = 2, settled_at = $3, lease_until = NULL,
            reason = NULL, status = NULL, code = NULL, message = NULL
        FROM UNNEST($1::bigint[], $2::bigint[]) AS v (id, fence)
        WHERE e.id = v.id AND e.fence = v.fence AND e.state = 1 AND e.lease_until > $3";
    const OTHER: &str = "UPDATE refport_outbox_events AS e
        SET state = v.state, due_at = coalesce(v.due_at, e.due_at),
            attempts = e.attempts + v.attempts,
            settled_at = CASE WHEN v.state = 0 THEN NULL ELSE $2 END, lease_until = NULL,
            reason = v.reason, status = v.status, code = v.code, message = v.message
        FROM json_to_recordset($1::text::json) AS v (id bigint, fence bigint, state bigint,
            due_at bigint, attempts bigint, reason text, status bigint, code text, message text)
        WHERE e.id = v.id AND e.fence = v.fence AND e.state = 1 AND e.lease_until > $2";
    let (mut ids, mut fences, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for Settle { id, fence, mark } in settles {
        if let Mark::Delivered(None) = mark {
            ids.push(*id);
            fences.push(*fence);
            continue;
        }
        let failure = mark.failure();
        other.push(json!({
            "id": id,
            "fence": fence,
            "state": mark.state(),
            "due_at": mark.due_at(),
            "attempts": mark.attempts(),
            "reason": mark.reason(),
            "status": failure.and_then(|failure| failure.status),
            "code": failure.and_then(|failure| failure.code.as_deref()),
            "message": failure.and_then(|failure| failure.message.as_deref()),
        }));
    }
    let mut marked = 0;
    if !ids.is_empty() {
        let done = sqlx::query(DELIVERED).bind(ids).bind(fences).bind(now);
        marked += done.execute(&mut *connection).await?.rows_affected();
    }
    if !other.is_empty() {
        let other = serde_json::to_string(&other)?;
        let done = sqlx::query(OTHER).bind(other).bind(now);
        marked += done.execute(&mut *connection).await?.rows_affected();
    }
    Ok(marked)
}

async fn claim(
    connection: &mut PgConnection,
    claim: &Claim<'_>,
) -> Result<Vec<Claimed>, StoreError> {
    if claim.limit == 0 {
        return Ok(Vec::new());
    }
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
    rows.sort_unstable_by_key(|row| (row.due_at, row.id));
    Ok(rows)
}

/// Its plan is tested: it must not look at what is delivered.
const CLAIM: &str = include_str!("claim.sql");

fn claimed(row: &PgRow, taken_over: bool) -> Result<Claimed, StoreError> {
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
