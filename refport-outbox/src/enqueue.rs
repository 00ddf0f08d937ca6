use std::sync::Arc;

use refport_core::{
    ClickId, ClickIds, InvalidRequest, Lead, Sale,
    track::{Acknowledged, NothingToReport},
};

use crate::{
    Conflict, EnqueueError, Entry, Event, StoreError, Target, key,
    store::{Connection, NewRow},
};

/// What became of an event that was to be enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enqueued {
    /// It is delivered once the transaction is committed.
    New,
    /// The same event is there already, for every destination: waiting, delivered or dead.
    Duplicate,
    /// There is nothing to deliver, and nothing was written.
    NothingToReport(NothingToReport),
}

/// What is stored is delivered: the click has done its duty once the transaction is committed.
impl Acknowledged for Enqueued {
    fn is_acknowledged(&self) -> bool {
        match self {
            Self::New | Self::Duplicate => true,
            Self::NothingToReport(why) => why.is_acknowledged(),
        }
    }
}

/// An event as it goes into the table: a row for each destination.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) kind: &'static str,
    pub(crate) rows: Vec<NewRow>,
}

/// Checks an event and makes its rows, or says why there is nothing to deliver.
pub(crate) fn prepare(
    targets: &[Target],
    entry: Entry,
    now: i64,
) -> Result<Result<Prepared, NothingToReport>, EnqueueError> {
    let Entry { event, key, clicks } = entry;
    if matches!(&event, Event::Sale(sale) if sale.is_zero()) {
        return Ok(Err(NothingToReport::ZeroAmount));
    }
    let kind = event.kind();
    let own_key = key.as_deref().map(key::own).transpose()?;
    let mut rows = Vec::with_capacity(targets.len());
    match (targets, clicks) {
        ([target], None) => rows.push(row(target, event, own_key, now)?),
        (_, None) => return Err(EnqueueError::Clicks),
        (targets, Some(clicks)) => {
            for target in targets {
                if let Some(event) = with_own_click(target, &event, &clicks) {
                    rows.push(row(target, event, own_key.clone(), now)?);
                }
            }
        }
    }
    if rows.is_empty() {
        return Ok(Err(NothingToReport::NoClick));
    }
    Ok(Ok(Prepared { kind, rows }))
}

/// The event for one of several destinations, unless that counts nothing without the click that is
/// missing.
fn with_own_click(target: &Target, event: &Event, clicks: &ClickIds) -> Option<Event> {
    let click_id = target.own_click(clicks);
    if click_id.is_none() && target.is_needing_click() {
        return None;
    }
    Some(match event.clone() {
        Event::Lead(lead) => lead.click_id(click_id).into(),
        Event::Sale(sale) => sale.click_id(click_id).into(),
    })
}

fn row(
    target: &Target,
    event: Event,
    own_key: Option<String>,
    now: i64,
) -> Result<NewRow, EnqueueError> {
    check(target, &event).map_err(EnqueueError::Invalid)?;
    let payload = event.to_payload().map_err(EnqueueError::Invalid)?;
    let key = match own_key {
        Some(key) => key,
        None => key::of(&event)?,
    };
    Ok(NewRow {
        key,
        destination: target.shared_name(),
        payload,
        created_at: now,
        event,
    })
}

/// What the destination certainly refuses. Core's checks ask for a click, which not all need.
fn check(target: &Target, event: &Event) -> Result<(), InvalidRequest> {
    let refused = match event {
        Event::Lead(lead) => lead.check(),
        Event::Sale(sale) => sale.check(),
    };
    match refused {
        Err(refused) if refused.field() == "clickId" && !target.is_needing_click() => {
            match event.clone() {
                Event::Lead(lead) => Lead::check(&lead.click_id(some_click())),
                Event::Sale(sale) => Sale::check(&sale.click_id(some_click())),
            }
        }
        other => other,
    }
}

fn some_click() -> Option<ClickId> {
    "any".parse().ok()
}

/// Writes events into the caller's transaction. The outer error is the database's; the inner ones
/// are of one event each.
#[cfg(feature = "sqlite")]
pub(crate) async fn write<C: Connection + ?Sized>(
    connection: &mut C,
    entries: &[Arc<Prepared>],
    notify: bool,
) -> Result<Vec<Result<Enqueued, EnqueueError>>, StoreError> {
    let rows: Vec<&NewRow> = entries.iter().flat_map(|entry| &entry.rows).collect();
    let mut fresh = connection.insert(&rows, notify).await?.into_iter();
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        let fresh: Vec<bool> = fresh.by_ref().take(entry.rows.len()).collect();
        let outcome = compare(connection, entry, &fresh).await?;
        crate::observe::enqueued(entry.kind, &outcome);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Whether what was there already is the same event.
async fn compare<C: Connection + ?Sized>(
    connection: &mut C,
    entry: &Prepared,
    fresh: &[bool],
) -> Result<Result<Enqueued, EnqueueError>, StoreError> {
    for (row, _) in entry.rows.iter().zip(fresh).filter(|(_, fresh)| !**fresh) {
        if let Some(conflict) = conflict(connection, row).await? {
            // Nothing of the event is written where a part of it contradicts what is there.
            for (row, _) in entry.rows.iter().zip(fresh).filter(|(_, fresh)| **fresh) {
                connection.take_back(row).await?;
            }
            return Ok(Err(EnqueueError::Conflict(Box::new(conflict))));
        }
    }
    Ok(Ok(if fresh.contains(&true) {
        Enqueued::New
    } else {
        Enqueued::Duplicate
    }))
}

async fn conflict<C: Connection + ?Sized>(
    connection: &mut C,
    row: &NewRow,
) -> Result<Option<Conflict>, StoreError> {
    let Some(stored) = connection.find(&row.key, &row.destination).await? else {
        // Purged between the two statements, so that there is nothing to contradict.
        return Ok(None);
    };
    if stored == row.payload {
        return Ok(None);
    }
    // Another driver may have written the same event in another order of its fields. Both are read from
    // their text, so that a fraction is the same in both.
    let stored = Event::from_payload(&stored).ok();
    if stored.is_some() && stored == Event::from_payload(&row.payload).ok() {
        return Ok(None);
    }
    let given = row.event.clone();
    Ok(Some(Conflict::new(
        &row.key,
        &row.destination,
        stored,
        given,
    )))
}

/// The name of a destination, shared by all rows for it.
pub(crate) type Name = Arc<str>;

/// Writes one event into the caller's transaction. The outer error is the database's.
pub(crate) async fn write_one<C: Connection + ?Sized>(
    connection: &mut C,
    entry: Prepared,
    notify: bool,
) -> Result<Result<Enqueued, EnqueueError>, StoreError> {
    let rows: Vec<&NewRow> = entry.rows.iter().collect();
    let fresh = connection.insert(&rows, notify).await?;
    let outcome = compare(connection, &entry, &fresh).await?;
    crate::observe::enqueued(entry.kind, &outcome);
    Ok(outcome)
}
