use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::sleep;

use crate::store::{Problem, Result, StoreError};

/// Each version's changes, in order. A released one is never edited. Their statements are run one by
/// one, outside of a transaction, and may be run again: not every engine that speaks this protocol
/// takes back a change of tables.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/postgres/0001_tables.sql")];

/// Where two servers start at once, one statement of the two may fail; then both are right.
const ATTEMPTS: usize = 20;

/// Brings the tables up to date where `migrates`. A database of another program is left as it is.
pub(super) async fn migrate(pool: &PgPool, migrates: bool) -> Result<()> {
    let mut attempt = 1;
    loop {
        match try_to_migrate(pool, migrates).await {
            Err(error) if attempt < ATTEMPTS && is_a_race(&error) => attempt += 1,
            other => return other,
        }
        let wait = rand::random_range(20..200);
        sleep(Duration::from_millis(wait)).await;
    }
}

async fn try_to_migrate(pool: &PgPool, migrates: bool) -> Result<()> {
    let wanted = MIGRATIONS.len();
    let version = schema_version(pool).await?;
    if version == wanted {
        return Ok(());
    }
    if !migrates {
        return Err(Problem::OldSchema(version, wanted).into());
    }
    let sql = "CREATE TABLE IF NOT EXISTS refport_schema (version BIGINT PRIMARY KEY)";
    sqlx::query(sql).execute(pool).await?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        for statement in statements(migration) {
            // The text is this crate's own.
            sqlx::query(AssertSqlSafe(statement)).execute(pool).await?;
        }
        let sql =
            "INSERT INTO refport_schema (version) VALUES ($1) ON CONFLICT (version) DO NOTHING";
        let version = i64::try_from(index + 1).expect("few migrations");
        sqlx::query(sql).bind(version).execute(pool).await?;
    }
    Ok(())
}

fn statements(migration: &str) -> Vec<String> {
    let code: String = migration
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .fold(String::new(), |code, line| code + line + "\n");
    let statements = code.split(';').map(str::trim);
    statements
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn schema_version(pool: &PgPool) -> Result<usize> {
    let sql = "SELECT table_name::text FROM information_schema.tables
               WHERE table_schema = current_schema() ORDER BY table_name";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await?;
    if tables.is_empty() {
        return Ok(0);
    }
    if !tables.iter().any(|table| table == "refport_schema") {
        let some: Vec<&str> = tables.iter().take(3).map(String::as_str).collect();
        let what = format!(
            "it has tables like {}; give the server a database of its own, or a schema (?options=-csearch_path%3Drefport)",
            some.join(", ")
        );
        return Err(Problem::Foreign(what).into());
    }
    let sql = "SELECT coalesce(max(version), 0) FROM refport_schema";
    let version: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
    match usize::try_from(version) {
        Ok(known) if known <= MIGRATIONS.len() => Ok(known),
        _ => Err(Problem::NewerSchema(version).into()),
    }
}

/// What one of two servers is told that make the same table: a unique rule of the catalogue, a table
/// that is there, a tuple that was changed meanwhile.
fn is_a_race(error: &StoreError) -> bool {
    let Problem::Sqlx(sqlx::Error::Database(error)) = &error.0 else {
        return false;
    };
    let codes = ["23505", "42P07", "42710", "40001", "40P01", "XX000"];
    error.code().is_some_and(|code| codes.contains(&&*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_may_be_run_again() {
        for migration in MIGRATIONS {
            let statements = statements(migration);
            assert!(statements.len() > 10);
            for statement in statements {
                assert!(statement.contains("IF NOT EXISTS"), "{statement}");
                assert!(!statement.contains("STRICT"), "{statement}");
            }
        }
    }
}
