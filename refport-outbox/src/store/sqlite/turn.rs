//! What a worker does in one transaction: marking what is settled, claiming what is due.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::{Row, SqliteConnection};

use super::{claimed, count};
use crate::{
    StoreError,
    store::{Claim, Claimed, Mark, Settle},
};

pub(super) async fn settle(
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
        if let Mark::Delivered(None) = mark {
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
pub(super) async fn claim_all(
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
