use sqlx::{
    PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::store::{Result, pool::PATIENCE};

/// For what is read.
const CONNECTIONS: u32 = 7;

/// A plan is kept with its connection. One that was made while a table was small would walk it for as
/// long as Postgres takes to look at its size again, inside the one write transaction: there each
/// table is asked for a few rows by an index, whatever its size. So one plan serves for all time, and
/// planning anew for each group, which takes longer than most of the statements, buys nothing.
const BY_INDEX: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off";

/// How long a statement waits for what another transaction holds. Who waits is told that the database
/// is busy, and nothing was written.
const LOCK_TIMEOUT: &str = "2s";

pub(super) async fn connect(options: PgConnectOptions) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(bound_locks(connection)))
        .connect_with(options.application_name("refport-server"))
        .await?;
    Ok(pool)
}

/// The writer's own connection.
pub(super) async fn connect_writer(options: PgConnectOptions) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| {
            Box::pin(async move {
                bound_locks(connection).await?;
                // What speaks Postgres's protocol without its planner has no such settings.
                let _ = sqlx::raw_sql(BY_INDEX).execute(connection).await;
                Ok(())
            })
        })
        .connect_with(options.application_name("refport-server"))
        .await?;
    Ok(pool)
}

async fn bound_locks(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT set_config('lock_timeout', $1, false)")
        .bind(LOCK_TIMEOUT)
        .execute(connection)
        .await
        .map(drop)
}
