use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::store::{Result, pool::PATIENCE};

/// One for the writer, the others for what is read.
const CONNECTIONS: u32 = 8;

/// How long a statement waits for what another transaction holds. Who waits is told that the database
/// is busy, and nothing was written.
const LOCK_TIMEOUT: &str = "2s";

pub(super) async fn connect(options: PgConnectOptions) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::query("SELECT set_config('lock_timeout', $1, false)")
                    .bind(LOCK_TIMEOUT)
                    .execute(connection)
                    .await
                    .map(drop)
            })
        })
        .connect_with(options.application_name("refport-server"))
        .await?;
    Ok(pool)
}
