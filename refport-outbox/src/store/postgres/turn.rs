//! What a worker does in one transaction: marking what is settled, claiming what is due.
//!
//! A row moves by a `DELETE … RETURNING` whose rows are inserted elsewhere in the same statement.
//! Of two that want the same row, the second waits for the first and finds nothing any more, or
//! passes it by: whoever deletes it moves it, and nobody else does.

use serde_json::json;
use sqlx::{PgConnection, postgres::PgRow};

use super::count;
use crate::{
    StoreError,
    store::{Claim, Mark, Order, Settle},
};

pub(super) async fn settle(
    connection: &mut PgConnection,
    settles: &[Settle],
    now: i64,
) -> Result<u64, StoreError> {
    // What most rows need, without the rest. That numbers are above 0 is nothing new: the planner
    // expects fewer rows by it, and finds them by the primary key also where it knows nothing yet
    // of the table.
    const DELIVERED: &str = "WITH held AS (DELETE FROM refport_outbox_leased AS l
            USING UNNEST($1::bigint[], $2::bigint[]) AS v (id, fence)
            WHERE l.event_id = v.id AND l.fence = v.fence AND l.lease_until > $3 AND v.id > 0
            RETURNING event_id, destination, attempts)
        INSERT INTO refport_outbox_delivered (event_id, destination, attempts, settled_at)
        SELECT event_id, destination, attempts, $3 FROM held";
    const OTHER: &str = "WITH held AS (DELETE FROM refport_outbox_leased AS l
            USING json_to_recordset($1::text::json) AS v (id bigint, fence bigint, state bigint,
                due_at bigint, attempts bigint, reason text, status bigint, code text, message text)
            WHERE l.event_id = v.id AND l.fence = v.fence AND l.lease_until > $2
            RETURNING event_id, destination, created_at, coalesce(v.due_at, l.due_at) AS due_at,
                l.attempts + v.attempts AS attempts, state, reason, status, code, message),
        waiting AS (INSERT INTO refport_outbox_waiting (event_id, destination, created_at, due_at,
                attempts, reason, status, code, message)
            SELECT event_id, destination, created_at, due_at, attempts, reason, status, code,
                message FROM held WHERE state = 0),
        delivered AS (INSERT INTO refport_outbox_delivered
                (event_id, destination, attempts, settled_at, reason)
            SELECT event_id, destination, attempts, $2, reason FROM held WHERE state = 2),
        dead AS (INSERT INTO refport_outbox_dead (event_id, destination, created_at, settled_at,
                attempts, reason, status, code, message)
            SELECT event_id, destination, created_at, $2, attempts, reason, status, code,
                message FROM held WHERE state = 3)
        SELECT count(*) FROM held";
    let (mut ids, mut fences, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for Settle { id, fence, mark } in settles {
        let Some(fence) = fence.row() else { continue };
        if let Mark::Delivered(None) = mark {
            ids.push(*id);
            fences.push(fence);
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
        let held = sqlx::query_scalar::<_, i64>(OTHER).bind(other).bind(now);
        marked += held.fetch_one(&mut *connection).await?.unsigned_abs();
    }
    Ok(marked)
}

pub(super) async fn claim(
    connection: &mut PgConnection,
    claim: &Claim<'_>,
) -> Result<Vec<PgRow>, StoreError> {
    if claim.limit == 0 {
        return Ok(Vec::new());
    }
    let is_due = claim.order == Order::Due;
    let query = sqlx::query(if is_due { CLAIM } else { HEALTHY })
        .bind(claim.destination)
        .bind(claim.now)
        .bind(count(claim.limit))
        .bind(claim.lease_until);
    let query = if is_due {
        query
    } else {
        query.bind(claim.order == Order::Probe)
    };
    Ok(query.fetch_all(connection).await?)
}

/// Its plan is tested: it must not look at what is delivered, and not depend on what the planner
/// knows of the tables, which fill up faster than that is brought up to date. So the limit is one
/// that it does not know: of that it expects a part of all, and reads the index in its order. That
/// a place is above the lowest is nothing new: of an array it expects ten, by this fewer, and looks
/// at one place after the other.
///
/// Where [`heal`](crate::store::Backend::heal) gives a row another place meanwhile, the delete does
/// not find it, and it waits for the next claim.
const CLAIM: &str = include_str!("claim.sql");

/// The best of the first that are due, which are more than fail before a destination is held. Of two who
/// want the same, the second does without.
const HEALTHY: &str = include_str!("claim_healthy.sql");
