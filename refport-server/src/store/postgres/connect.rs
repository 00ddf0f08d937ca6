use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::store::{Result, pool::PATIENCE};

/// One for the writer, the others for what is read.
const CONNECTIONS: u32 = 8;

pub(super) async fn connect(options: PgConnectOptions) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options.application_name("refport-server"))
        .await?;
    Ok(pool)
}
