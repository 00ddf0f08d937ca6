//! Looking at what an outbox holds, and mending it.

use std::{fmt, time::Duration};

use refport_core::Timestamp;
use serde::Serialize;
use sqlx::{ColumnIndex, Decode, Row, Type};

use crate::{Event, ParsePayloadError, StoreError, clock::timestamp};

/// How far an event is, for one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// To be delivered, for the first time or again.
    Waiting,
    /// In the hands of a worker.
    Leased,
    /// Taken by the destination.
    Delivered,
    /// Not delivered, and not tried again by itself.
    Dead,
}

impl State {
    pub(crate) const fn of(stored: i64) -> Self {
        match stored {
            0 => Self::Waiting,
            1 => Self::Leased,
            2 => Self::Delivered,
            _ => Self::Dead,
        }
    }

    /// The name, as in JSON: `waiting`, `leased`, `delivered`, `dead`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many events of one destination are in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Count {
    /// The destination's name.
    pub destination: String,
    /// The state.
    pub state: State,
    /// How many.
    pub events: u64,
    /// When the oldest of them was enqueued. `None` for what is delivered.
    pub oldest: Option<Timestamp>,
}

impl Count {
    pub(crate) fn new(destination: String, state: State, n: i64, oldest: Option<i64>) -> Self {
        Self {
            destination,
            state,
            events: n.try_into().unwrap_or(0),
            oldest: oldest.map(timestamp),
        }
    }

    /// How old the oldest of them is, `now`.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        let age = now.as_millis().saturating_sub(self.oldest?.as_millis());
        Some(Duration::from_millis(age.try_into().unwrap_or(0)))
    }
}

/// A destination that workers hold back, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PausedDestination {
    /// The destination's name.
    pub destination: String,
    /// Since when.
    pub since: Timestamp,
    /// When a worker tries with one event whether it goes again.
    pub until: Timestamp,
    /// Why: `rate_limit`, `unreachable` or `failing`; or what people must see to: `denied` (401, or a 403
    /// of the service's own: the API key is wrong), `not_set_up` (the client is a disabled one),
    /// `unexplained` and `unreadable_answer` (it is not the service that answers, but a proxy or a wrong
    /// address), `refused` (it refuses one event after another in the same way: the set-up is wrong).
    pub reason: String,
    /// The service's HTTP status, where it answered.
    pub status: Option<u16>,
    /// The service's code.
    pub code: Option<String>,
    /// The service's message, or what else is known.
    pub message: Option<String>,
}

impl PausedDestination {
    /// Of the columns in the order of the fields.
    pub(crate) fn read<'r, R: Row>(row: &'r R) -> Result<Self, StoreError>
    where
        usize: ColumnIndex<R>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        String: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            destination: row.try_get(0)?,
            since: timestamp(row.try_get(1)?),
            until: timestamp(row.try_get(2)?),
            reason: row.try_get(3)?,
            status: status(row.try_get(4)?),
            code: row.try_get(5)?,
            message: row.try_get(6)?,
        })
    }
}

/// An event that was not delivered and is not tried again by itself.
///
/// `Debug` leaves the payload out, which may tell of a person.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number in the table, by which it can be replayed.
    pub id: i64,
    /// The key under which it was enqueued, as in `sale:inv_001`.
    pub key: String,
    /// The destination's name.
    pub destination: String,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
    /// How often it was tried.
    pub attempts: u64,
    /// Why it was given up: see the crate's front page.
    pub reason: String,
    /// The service's HTTP status, where it answered.
    pub status: Option<u16>,
    /// The service's code, as in `INVALID_CLICK_ID`.
    pub code: Option<String>,
    /// The service's message, or what else is known.
    pub message: Option<String>,
    #[serde(skip)]
    payload: String,
}

impl DeadLetter {
    /// The event.
    ///
    /// # Errors
    ///
    /// When it cannot be read, as one of the reason `unreadable`.
    pub fn event(&self) -> Result<Event, ParsePayloadError> {
        Event::from_payload(&self.payload)
    }

    /// The event as it stands in the table.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.payload
    }
}

impl DeadLetter {
    /// Of the columns in the order of the fields, the payload after the destination.
    pub(crate) fn read<'r, R: Row>(row: &'r R) -> Result<Self, StoreError>
    where
        usize: ColumnIndex<R>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        String: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            id: row.try_get(0)?,
            key: row.try_get(1)?,
            destination: row.try_get(2)?,
            payload: row.try_get(3)?,
            created_at: timestamp(row.try_get(4)?),
            died_at: timestamp(row.try_get::<Option<i64>, _>(5)?.unwrap_or_default()),
            attempts: row.try_get::<i64, _>(6)?.try_into().unwrap_or_default(),
            reason: row.try_get::<Option<String>, _>(7)?.unwrap_or_default(),
            status: status(row.try_get(8)?),
            code: row.try_get(9)?,
            message: row.try_get(10)?,
        })
    }
}

fn status(stored: Option<i64>) -> Option<u16> {
    stored.and_then(|status| status.try_into().ok())
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("key", &self.key)
            .field("destination", &self.destination)
            .field("created_at", &self.created_at)
            .field("died_at", &self.died_at)
            .field("attempts", &self.attempts)
            .field("reason", &self.reason)
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// Which dead letters are shown.
#[derive(Clone, Debug)]
#[must_use]
pub struct Page {
    pub(crate) destination: Option<String>,
    pub(crate) after: i64,
    pub(crate) limit: usize,
}

impl Page {
    /// The first hundred.
    pub const fn first() -> Self {
        Self {
            destination: None,
            after: 0,
            limit: 100,
        }
    }

    /// Of one destination only.
    pub fn destination(mut self, name: impl Into<String>) -> Self {
        self.destination = Some(name.into());
        self
    }

    /// Those whose [`id`](DeadLetter::id) is greater: the last one of the page before.
    pub const fn after(mut self, id: i64) -> Self {
        self.after = id;
        self
    }

    /// How many at most.
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first()
    }
}

/// Which dead letters are replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// All of them.
    All,
    /// Those of one destination.
    Destination(String),
    /// The one of this [`id`](DeadLetter::id).
    One(i64),
}

impl Selection {
    pub(crate) fn parts(&self) -> (Option<i64>, Option<&str>) {
        match self {
            Self::All => (None, None),
            Self::Destination(name) => (None, Some(name)),
            Self::One(id) => (Some(*id), None),
        }
    }
}
