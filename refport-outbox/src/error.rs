use std::{collections::BTreeSet, fmt};

use refport_core::{InvalidRequest, track::Acknowledged};
use serde::Serialize;
use serde_json::Value;

use crate::Event;

/// Why an event is not in the outbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The service certainly refuses the event.
    #[error("event not enqueued: {0}")]
    Invalid(InvalidRequest),
    /// The event cannot be told from others.
    #[error("event not enqueued: {0}")]
    Key(KeyError),
    /// The outbox has several destinations, and the event does not say whose click it has: give
    /// [`Entry::clicks`](crate::Entry::clicks).
    #[error("event not enqueued: each of several destinations needs its own click")]
    Clicks,
    /// Another event is kept under the same key. What was kept stays as it is.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// The database did not take it. What becomes of the transaction is the database's: Postgres
    /// takes nothing more in it.
    #[error(transparent)]
    Store(StoreError),
}

impl EnqueueError {
    /// Whether the same event may be stored later: the database is at fault, and not the event. With an
    /// order in the same transaction, roll both back then.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

/// An event that is not in the outbox is not taken, and its click is needed still.
impl Acknowledged for EnqueueError {
    fn is_acknowledged(&self) -> bool {
        false
    }
}

impl From<KeyError> for EnqueueError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<StoreError> for EnqueueError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is wrong with the key of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The sale has no invoice ID, so that neither the outbox nor the service can tell a repeat
    /// from a second purchase.
    #[error("a sale without an invoice ID needs a key of your own")]
    Missing,
    /// The key of your own says nothing.
    #[error("the key is blank")]
    Blank,
    /// The key is longer than a database can index.
    #[error("the key is longer than {} bytes", crate::key::MAX_KEY)]
    TooLong,
    /// Postgres keeps no text with a zero byte.
    #[error("the key contains a zero byte")]
    Nul,
}

/// Two different events under one key: what is kept, and what was to be enqueued.
///
/// `Display` and `Debug` say in which fields they differ, without what may tell of a person; the accessors give both
/// whole.
#[derive(Clone)]
pub struct Conflict {
    key: String,
    destination: String,
    stored: Option<Event>,
    given: Event,
}

impl Conflict {
    pub(crate) fn new(key: &str, destination: &str, stored: Option<Event>, given: Event) -> Self {
        Self {
            key: key.to_owned(),
            destination: destination.to_owned(),
            stored,
            given,
        }
    }

    /// The key that both have, as in `sale:inv_001`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The destination under which the other is kept.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// What is kept. `None` where it cannot be read: another program wrote it.
    #[must_use]
    pub const fn stored(&self) -> Option<&Event> {
        self.stored.as_ref()
    }

    /// What was to be enqueued.
    #[must_use]
    pub const fn given(&self) -> &Event {
        &self.given
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            destination,
            stored,
            given,
        } = self;
        write!(f, "another event for {destination} is kept as {key}: ")?;
        match (stored, given) {
            (None, _) => f.write_str("one that cannot be read"),
            (Some(Event::Sale(stored)), Event::Sale(given)) => differ(f, stored, given),
            (Some(Event::Lead(stored)), Event::Lead(given)) => differ(f, stored, given),
            (Some(stored), given) => write!(f, "a {}, and not a {}", stored.kind(), given.kind()),
        }
    }
}

/// As `Display`, for logs that show errors so.
impl fmt::Debug for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conflict({self})")
    }
}

impl std::error::Error for Conflict {}

/// Says which fields differ, and of those that tell of nobody how.
fn differ(
    f: &mut fmt::Formatter<'_>,
    stored: &impl Serialize,
    given: &impl Serialize,
) -> fmt::Result {
    const OF_NOBODY: [&str; 4] = ["amount", "currency", "eventName", "occurredAt"];
    let (stored, given) = (serde_json::to_value(stored), serde_json::to_value(given));
    let (Ok(Value::Object(stored)), Ok(Value::Object(given))) = (stored, given) else {
        return f.write_str("one that cannot be compared");
    };
    let names: BTreeSet<&String> = stored.keys().chain(given.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| stored.get(*name) != given.get(*name));
    f.write_str("they differ in")?;
    for (place, name) in differing.enumerate() {
        f.write_str(if place == 0 { " " } else { ", " })?;
        f.write_str(name)?;
        if OF_NOBODY.contains(&name.as_str()) {
            let [was, is] = [&stored, &given].map(|event| event.get(name).unwrap_or(&Value::Null));
            write!(f, " ({was}, and not {is})")?;
        }
    }
    Ok(())
}

/// The outbox's tables could not be used. The database's own error is the
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the outbox's tables are not there, make them with `Outbox::migrate`")]
    NotMigrated(#[source] sqlx::Error),
    #[error("the outbox's tables were made by a newer version of refport-outbox")]
    Newer(#[source] sqlx::migrate::MigrateError),
    #[error("the outbox's tables cannot be made")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    #[cfg(feature = "sqlite")]
    #[error("SQLite {0} can lose committed writes, 3.51.3 or newer is needed")]
    OldSqlite(String),
    #[cfg(feature = "sqlite")]
    #[error(
        "the database is encoded in {0}, UTF-8 is needed (`PRAGMA encoding`, before its first table)"
    )]
    Encoding(String),
    #[error("the outbox's tables cannot be used")]
    Database(#[source] sqlx::Error),
    #[error("what the outbox's tables hold makes no sense")]
    Json(#[source] serde_json::Error),
    #[cfg(feature = "sqlite")]
    #[error("{}", of_shared(.0))]
    Shared(#[source] std::sync::Arc<StoreError>),
}

impl StoreError {
    #[cfg(feature = "sqlite")]
    pub(crate) const fn old_sqlite(version: String) -> Self {
        Self(Problem::OldSqlite(version))
    }

    #[cfg(feature = "sqlite")]
    pub(crate) const fn encoding(name: String) -> Self {
        Self(Problem::Encoding(name))
    }

    #[cfg(feature = "sqlite")]
    pub(crate) const fn shared(error: std::sync::Arc<Self>) -> Self {
        Self(Problem::Shared(error))
    }

    /// Whether the outbox's tables are not there: [`Outbox::migrate`](crate::Outbox::migrate) makes
    /// them.
    #[must_use]
    pub fn is_not_migrated(&self) -> bool {
        match &self.0 {
            Problem::NotMigrated(_) => true,
            #[cfg(feature = "sqlite")]
            Problem::Shared(error) => error.is_not_migrated(),
            _ => false,
        }
    }

    /// Whether waiting does not help: the tables are missing, or of another version.
    pub(crate) fn is_for_good(&self) -> bool {
        match &self.0 {
            Problem::NotMigrated(_) | Problem::Newer(_) => true,
            #[cfg(feature = "sqlite")]
            Problem::OldSqlite(_) | Problem::Encoding(_) => true,
            #[cfg(feature = "sqlite")]
            Problem::Shared(error) => error.is_for_good(),
            _ => false,
        }
    }
}

/// What is to be done stands in the text itself, which is all that many a log shows.
#[cfg(feature = "sqlite")]
fn of_shared(error: &StoreError) -> String {
    if error.is_for_good() {
        error.to_string()
    } else {
        "the event's transaction, which it shares with others, failed".to_owned()
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(if is_missing_table(&error) {
            Problem::NotMigrated(error)
        } else {
            Problem::Database(error)
        })
    }
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    // Postgres' `undefined_table`; SQLite has no code of its own for it.
    error.code().is_some_and(|code| code == "42P01")
        || error.message().starts_with("no such table: refport_outbox")
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self(match error {
            sqlx::migrate::MigrateError::VersionMissing(_) => Problem::Newer(error),
            error => Problem::Migrate(error),
        })
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self(Problem::Json(error))
    }
}
