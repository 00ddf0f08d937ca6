use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use crate::store::{Problem, Result};

/// How long a statement outside of the writer's own waits sleeps for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the file and changes nothing in it yet.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    if rusqlite::version_number() < 3_051_003 {
        return Err(Problem::OldSqlite(rusqlite::version()).into());
    }
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Makes a new file readable by its owner alone: it holds people's addresses. SQLite gives the files
/// beside it the same rights.
#[cfg(unix)]
fn make_private(path: &Path) -> Result<()> {
    use std::{fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt};

    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match new {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> Result<()> {
    Ok(())
}

/// Settings of a connection to a database that is ours.
pub(super) fn configure(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // A group of sales touches some 1,500 pages. By SQLite's own 1,000 each group would write most of
    // them twice and wait for the disk three times; over 64 MB the log a page is often written once.
    connection.pragma_update(None, "wal_autocheckpoint", 16 * 1024)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    connection.set_prepared_statement_cache_capacity(64);
    // The writer waits by itself, so that it notices when nobody waits for it any more.
    connection.busy_timeout(Duration::ZERO)?;
    Ok(())
}
