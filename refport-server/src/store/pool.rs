use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{Problem, StoreError};

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Each version's changes, in order. A released one is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_spine.sql")];

/// Where the database is.
#[derive(Debug)]
pub(super) struct Location(PathBuf);

impl Location {
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let problem = |what| StoreError(Problem::Url(what));
        if url.starts_with("postgres") {
            return Err(problem(
                "asks for Postgres, which this version does not speak yet",
            ));
        }
        let path = url
            .strip_prefix("sqlite:")
            .ok_or_else(|| problem("does not begin with sqlite://"))?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(":memory:") {
            return Err(problem("names no file"));
        }
        if path.contains(['?', '#']) {
            return Err(problem("has parameters, which are not known here"));
        }
        Ok(Self(path.into()))
    }

    pub(super) fn existing(self) -> Result<Self, StoreError> {
        if self.0.is_file() {
            Ok(self)
        } else {
            Err(StoreError(Problem::Missing(self.0.display().to_string())))
        }
    }
}

/// Connections for everything but the writing of events.
#[derive(Debug)]
pub(super) struct Pool {
    location: Location,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// Opens a first connection and brings the tables up to date.
    pub(super) fn open(location: Location) -> Result<Self, StoreError> {
        if rusqlite::version_number() < 3_051_003 {
            return Err(StoreError(Problem::OldSqlite(rusqlite::version())));
        }
        let mut first = connect(&location.0)?;
        migrate(&mut first)?;
        Ok(Self {
            location,
            idle: Mutex::new(vec![first]),
        })
    }

    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        connect(&self.location.0)
    }

    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.lock().pop();
        let mut connection = idle.map_or_else(|| self.connect(), Ok)?;
        let result = work(&mut connection);
        self.lock().push(connection);
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Without a lock where there is nothing to do: another process may be writing.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if schema_version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = super::setup::begin(connection)?;
    for migration in &MIGRATIONS[schema_version(&transaction)?..] {
        transaction.execute_batch(migration)?;
    }
    let version = i64::try_from(MIGRATIONS.len()).expect("few migrations");
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

fn schema_version(connection: &Connection) -> Result<usize, StoreError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(version) {
        Ok(known) if known <= MIGRATIONS.len() => Ok(known),
        _ => Err(StoreError(Problem::NewerSchema(version))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_urls_name_a_file() {
        let path = |url| Location::parse(url).map(|location| location.0);
        assert_eq!(
            path("sqlite://refport.db").unwrap(),
            Path::new("refport.db")
        );
        assert_eq!(path("sqlite:refport.db").unwrap(), Path::new("refport.db"));
        assert_eq!(
            path("sqlite:///var/refport.db").unwrap(),
            Path::new("/var/refport.db")
        );
        for (url, want) in [
            ("refport.db", "sqlite://"),
            ("sqlite://", "names no file"),
            ("sqlite::memory:", "names no file"),
            ("sqlite://a.db?mode=ro", "parameters"),
            ("postgres://localhost/refport", "Postgres"),
        ] {
            let error = path(url).unwrap_err().to_string();
            assert!(error.contains(want), "{url}: {error}");
        }
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("a.db").display());
        let open = || Pool::open(Location::parse(&url).unwrap());
        let pool = open().unwrap();
        pool.with(|connection| Ok(connection.pragma_update(None, "user_version", 99)?))
            .unwrap();
        assert!(open().unwrap_err().to_string().contains("newer version"));
    }

    #[test]
    fn what_is_no_database_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(
            &path,
            "not a database, but long enough to be looked at ".repeat(20),
        )
        .unwrap();
        let url = format!("sqlite://{}", path.display());
        assert!(Pool::open(Location::parse(&url).unwrap()).is_err());
        assert!(
            Location::parse("sqlite:///no/such/file.db")
                .unwrap()
                .existing()
                .is_err()
        );
    }
}
