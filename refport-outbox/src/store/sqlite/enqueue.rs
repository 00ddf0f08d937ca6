//! What an application's connection does: writing events, and making the tables.

use sqlx::{Row, SqliteConnection};

use super::BEGIN;
use crate::{
    StoreError,
    store::{
        self, NewRow,
        migrate::{migrator, run},
        sealed::Connection,
    },
};

/// 3.51.3 fixes the loss of committed writes where one meets a checkpoint.
const OLDEST_VERSION: [u32; 3] = [3, 51, 3];

impl Connection for SqliteConnection {
    async fn insert(&mut self, rows: &[&NewRow], _: bool) -> Result<Vec<bool>, StoreError> {
        // A trigger ignores events that were tried already, and are in the other table.
        const ONE: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        const MANY: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            SELECT v.value ->> 0, v.value ->> 1, v.value ->> 2, v.value ->> 3
            FROM json_each(?1) AS v WHERE true
            ON CONFLICT DO NOTHING RETURNING key, destination";
        if let [row] = rows {
            let done = sqlx::query(ONE)
                .bind(row.key.as_str())
                .bind(&*row.destination)
                .bind(row.payload.as_str())
                .bind(row.created_at)
                .execute(self)
                .await?;
            return Ok(vec![done.rows_affected() == 1]);
        }
        let values: Vec<_> = rows
            .iter()
            .map(|row| (&row.key, &*row.destination, &row.payload, row.created_at))
            .collect();
        let written = sqlx::query(MANY)
            .bind(serde_json::to_string(&values)?)
            .fetch_all(self)
            .await?;
        store::fresh(rows, &written, |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    async fn find(&mut self, key: &str, destination: &str) -> Result<Option<String>, StoreError> {
        const FIND: &str = "SELECT payload FROM refport_outbox_events
                WHERE key = ?1 AND destination = ?2
            UNION ALL SELECT payload FROM refport_outbox_deliveries
                WHERE key = ?1 AND destination = ?2";
        Ok(sqlx::query_scalar(FIND)
            .bind(key)
            .bind(destination)
            .fetch_optional(self)
            .await?)
    }

    async fn take_back(&mut self, row: &NewRow) -> Result<(), StoreError> {
        const TAKE: &str = "DELETE FROM refport_outbox_events WHERE key = ?1 AND destination = ?2";
        sqlx::query(TAKE)
            .bind(row.key.as_str())
            .bind(&*row.destination)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn migrate(&mut self) -> Result<(), StoreError> {
        check_database(self).await?;
        let migrator = migrator(&[(
            1,
            "outbox",
            include_str!("../../../migrations/sqlite/0001_outbox.sql"),
        )]);
        // SQLite has no lock for migrations; this way the second of two processes waits.
        let mut transaction = sqlx::Connection::begin_with(self, BEGIN).await?;
        run(&migrator, &mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

pub(super) async fn check_database(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut *connection)
        .await?;
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = [(); 3].map(|()| numbers.next().unwrap_or(0_u32));
    if found < OLDEST_VERSION {
        return Err(StoreError::old_sqlite(version));
    }
    // Keys and payloads are taken out as bytes, many at once.
    let encoding: String = sqlx::query_scalar("PRAGMA encoding")
        .fetch_one(connection)
        .await?;
    if encoding != "UTF-8" {
        return Err(StoreError::encoding(encoding));
    }
    Ok(())
}
