//! What an application's connection does: writing events, and making the tables.

use sqlx::{PgConnection, Row};

use crate::{
    StoreError,
    store::{
        self, NewRow,
        migrate::{migrator, run},
        sealed::Connection,
    },
};

impl Connection for PgConnection {
    async fn insert(&mut self, rows: &[&NewRow], notify: bool) -> Result<Vec<bool>, StoreError> {
        // A trigger lets what is written wait.
        const ONE: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        const MANY: &str =
            "INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[])
            ON CONFLICT DO NOTHING RETURNING key, destination";
        // The same, and a notice that is given with the commit.
        const ONE_NOTIFY: &str = "WITH written AS (
            INSERT INTO refport_outbox_events (key, destination, payload, created_at)
            VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1)
            SELECT pg_notify('refport_outbox', '') FROM written";
        if let [row] = rows {
            let query = sqlx::query(if notify { ONE_NOTIFY } else { ONE })
                .bind(row.key.as_str())
                .bind(&*row.destination)
                .bind(row.payload.as_str())
                .bind(row.created_at);
            let written = query.execute(self).await?.rows_affected() == 1;
            return Ok(vec![written]);
        }
        let written = sqlx::query(MANY)
            .bind(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| &*row.destination).collect::<Vec<_>>())
            .bind(
                rows.iter()
                    .map(|row| row.payload.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .fetch_all(&mut *self)
            .await?;
        if notify && !written.is_empty() {
            sqlx::query("SELECT pg_notify('refport_outbox', '')")
                .execute(self)
                .await?;
        }
        store::fresh(rows, &written, |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    async fn find(&mut self, key: &str, destination: &str) -> Result<Option<String>, StoreError> {
        const FIND: &str =
            "SELECT payload FROM refport_outbox_events WHERE key = $1 AND destination = $2";
        Ok(sqlx::query_scalar(FIND)
            .bind(key)
            .bind(destination)
            .fetch_optional(self)
            .await?)
    }

    async fn take_back(&mut self, row: &NewRow) -> Result<(), StoreError> {
        const TAKE: &str = "WITH gone AS (DELETE FROM refport_outbox_events
                WHERE key = $1 AND destination = $2 RETURNING id)
            DELETE FROM refport_outbox_waiting USING gone WHERE event_id = id";
        sqlx::query(TAKE)
            .bind(row.key.as_str())
            .bind(&*row.destination)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn migrate(&mut self) -> Result<(), StoreError> {
        let migrator = migrator(&[(
            1,
            "outbox",
            include_str!("../../../migrations/postgres/0001_outbox.sql"),
        )]);
        run(&migrator, self).await
    }
}
