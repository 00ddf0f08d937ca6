use rusqlite::{Connection, TransactionBehavior};

use crate::store::{Problem, Result};

/// Each version's changes, in order. A released one is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_tables.sql")];

/// Tells our files from others': "RFPT".
const APPLICATION_ID: i64 = 0x5246_5054;

/// Brings the tables up to date, without a lock where there is nothing to do: another process may be
/// writing. A file of another program is left as it is.
pub(super) fn migrate(connection: &mut Connection, migrates: bool) -> Result<()> {
    let version = schema_version(connection)?;
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    if !migrates {
        return Err(Problem::OldSchema(version, MIGRATIONS.len()).into());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in &MIGRATIONS[schema_version(&transaction)?..] {
        transaction.execute_batch(migration)?;
    }
    let version = i64::try_from(MIGRATIONS.len()).expect("few migrations");
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

fn schema_version(connection: &Connection) -> Result<usize> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let sql = "SELECT count(*) FROM sqlite_schema";
    let things: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || things > 0) {
        let what = format!("{things} tables and indexes, application_id {application}");
        return Err(Problem::Foreign(what).into());
    }
    match usize::try_from(version) {
        Ok(known) if known <= MIGRATIONS.len() => Ok(known),
        _ => Err(Problem::NewerSchema(version).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_left_alone() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, true).unwrap();
        migrate(&mut db, true).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut db, true).unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
    }

    #[test]
    fn another_programs_database_is_left_alone() {
        let count = |db: &Connection| -> i64 {
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
                .unwrap()
        };
        for made in [
            "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
            "PRAGMA application_id = 7",
            "PRAGMA user_version = 3",
        ] {
            let mut db = Connection::open_in_memory().unwrap();
            db.execute_batch(made).unwrap();
            let before = count(&db);
            let error = migrate(&mut db, true).unwrap_err().to_string();
            assert!(error.contains("another program"), "{made}: {error}");
            assert_eq!(count(&db), before, "{made}");
        }
    }
}
