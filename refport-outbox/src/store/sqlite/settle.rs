//! Marking what is settled.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer as _};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::held::{Held, Marks};
use crate::{
    StoreError,
    store::{Fence, Mark, Settle},
};

/// Marks rows of both tables. Says how many, and what is to be told to [`Held::settled`] after the
/// commit.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    held: &Held,
    destination: &str,
    settles: &[Settle],
    now: i64,
) -> Result<(u64, Marks), StoreError> {
    let tried = settle_tried(connection, settles, now).await?;
    let leases: BTreeSet<i64> = settles
        .iter()
        .filter_map(|settle| match settle.fence {
            Fence::Lease(lease) => Some(lease),
            Fence::Row(_) => None,
        })
        .collect();
    if leases.is_empty() {
        return Ok((tried, Marks::default()));
    }
    let live = live(connection, &leases, now).await?;
    let marks = held.marks(settles, &live);
    let first = settle_first(connection, destination, &marks, now).await?;
    Ok((tried + first, marks))
}

/// What a mark writes: the row's number, what it is found by, its state, when it is due, its attempts
/// (added to `attempts`), and what became of the last one.
pub(super) fn columns(id: i64, of: impl Serialize, attempts: i64, mark: &Mark) -> Value {
    let failure = mark.failure();
    json!([
        id,
        of,
        mark.state(),
        mark.due_at(),
        attempts + mark.attempts(),
        mark.reason(),
        failure.and_then(|failure| failure.status),
        failure.and_then(|failure| failure.code.as_deref()),
        failure.and_then(|failure| failure.message.as_deref()),
    ])
}

/// Which of these leases are there, and not over.
async fn live(
    connection: &mut SqliteConnection,
    leases: &BTreeSet<i64>,
    now: i64,
) -> Result<Vec<i64>, StoreError> {
    const LIVE: &str = "SELECT id FROM refport_outbox_leases
        WHERE id IN (SELECT value FROM json_each(?1)) AND lease_until > ?2";
    Ok(sqlx::query_scalar(LIVE)
        .bind(serde_json::to_string(leases)?)
        .bind(now)
        .fetch_all(connection)
        .await?)
}

/// Moves events whose first attempt has ended into the table of what was tried.
async fn settle_first(
    connection: &mut SqliteConnection,
    destination: &str,
    marks: &Marks,
    now: i64,
) -> Result<u64, StoreError> {
    // The conflict is one that the trigger excludes; should it be dropped, the event is known.
    const DELIVERED: &str = "INSERT INTO refport_outbox_deliveries
            (id, key, destination, payload, created_at, state, due_at, attempts, fence, settled_at)
        SELECT CAST(v.key AS INTEGER), e.key, e.destination, e.payload, e.created_at, 2,
            e.created_at, 1, 1, ?3
        FROM json_each(?1) AS v CROSS JOIN refport_outbox_events AS e
        WHERE e.destination = ?2 AND e.key = v.value
        ON CONFLICT (key, destination) DO NOTHING";
    const GONE: &str = "DELETE FROM refport_outbox_events
        WHERE destination = ?2 AND key IN (SELECT value FROM json_each(?1))";
    const OTHER: &str = "INSERT INTO refport_outbox_deliveries
            (id, key, destination, payload, created_at, state, due_at, attempts, fence, settled_at,
            reason, status, code, message)
        SELECT v.value ->> 0, e.key, e.destination, e.payload, e.created_at, v.value ->> 2,
            coalesce(v.value ->> 3, e.created_at), v.value ->> 4, 1,
            CASE WHEN v.value ->> 2 = 0 THEN NULL ELSE ?3 END,
            v.value ->> 5, v.value ->> 6, v.value ->> 7, v.value ->> 8
        FROM json_each(?1) AS v CROSS JOIN refport_outbox_events AS e
        WHERE e.destination = ?2 AND e.key = v.value ->> 1
        ON CONFLICT (key, destination) DO NOTHING";
    const OTHER_GONE: &str = "DELETE FROM refport_outbox_events
        WHERE destination = ?2 AND key IN (SELECT value ->> 1 FROM json_each(?1))";
    const END: &str = "DELETE FROM refport_outbox_leases
        WHERE id IN (SELECT value FROM json_each(?1))";
    let mut marked = 0;
    if !marks.delivered.is_empty() {
        let done = sqlx::query(DELIVERED)
            .bind(delivered(marks)?)
            .bind(destination)
            .bind(now);
        let moved = done.execute(&mut *connection).await?.rows_affected();
        marked += moved;
        let rest = if usize::try_from(moved) == Ok(marks.delivered.len()) {
            delete_runs(connection, destination, marks).await?
        } else {
            // Somebody has deleted some by hand: what is between two of them may be anything.
            marks.delivered.iter().map(|(_, key)| &**key).collect()
        };
        if !rest.is_empty() {
            let gone = sqlx::query(GONE)
                .bind(serde_json::to_string(&rest)?)
                .bind(destination);
            gone.execute(&mut *connection).await?;
        }
    }
    if !marks.other.is_empty() {
        let values = serde_json::to_string(&marks.other)?;
        let done = sqlx::query(OTHER).bind(&values).bind(destination).bind(now);
        marked += done.execute(&mut *connection).await?.rows_affected();
        let gone = sqlx::query(OTHER_GONE).bind(&values).bind(destination);
        gone.execute(&mut *connection).await?;
    }
    if !marks.ended.is_empty() {
        sqlx::query(END)
            .bind(serde_json::to_string(&marks.ended)?)
            .execute(connection)
            .await?;
    }
    Ok(marked)
}

/// Deletes delivered events whose keys follow each other, which costs a third of deleting them one by
/// one. Gives the keys of the others. All of them must be there: then none is between two of them
/// where there are as many.
async fn delete_runs<'a>(
    connection: &mut SqliteConnection,
    destination: &str,
    marks: &'a Marks,
) -> Result<Vec<&'a str>, StoreError> {
    /// Shorter ones are not worth their two statements.
    const LONG: usize = 64;
    const COUNT: &str = "SELECT count(*) FROM refport_outbox_events
        WHERE destination = ?1 AND key BETWEEN ?2 AND ?3";
    const DELETE: &str = "DELETE FROM refport_outbox_events
        WHERE destination = ?1 AND key BETWEEN ?2 AND ?3";
    let mut rest = Vec::new();
    for run in marks.runs() {
        if let [(_, first), .., (_, last)] = run
            && run.len() >= LONG
        {
            let found: i64 = sqlx::query_scalar(COUNT)
                .bind(destination)
                .bind(&**first)
                .bind(&**last)
                .fetch_one(&mut *connection)
                .await?;
            // Otherwise applications have written more between them since.
            if usize::try_from(found) == Ok(run.len()) {
                let delete = sqlx::query(DELETE)
                    .bind(destination)
                    .bind(&**first)
                    .bind(&**last);
                delete.execute(&mut *connection).await?;
                continue;
            }
        }
        rest.extend(run.iter().map(|(_, key)| &**key));
    }
    Ok(rest)
}

/// As an object: the keys by number.
fn delivered(marks: &Marks) -> serde_json::Result<String> {
    const BYTES: usize = 64;
    let mut json = Vec::with_capacity(marks.delivered.len() * BYTES);
    let keys = marks.delivered.iter().map(|(id, key)| (id, &**key));
    serde_json::Serializer::new(&mut json).collect_map(keys)?;
    String::from_utf8(json).map_err(serde::ser::Error::custom)
}

/// Marks rows of the table of what was tried.
async fn settle_tried(
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
        let Some(fence) = fence.row() else { continue };
        if let Mark::Delivered(None) = mark {
            delivered.insert(*id, fence);
            continue;
        }
        other.push(columns(*id, fence, 0, mark));
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
