//! A cluster as benches look at it.

use std::{fs, path::Path};

use refport_test_cluster::Cluster;
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, postgres::PgConnectOptions};

/// Why there is none.
pub const MISSING: &str = "no Postgres under /usr/lib/postgresql";

/// A database of this name, on the cluster that has its socket in this folder.
#[must_use]
pub fn options(socket: &str, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .username("postgres")
        .database(database)
}

/// Makes another database on the cluster, and gives the folder of its socket.
///
/// # Errors
///
/// When it is there already.
pub async fn create(cluster: &Cluster, name: &str) -> anyhow::Result<String> {
    let socket = cluster.socket().display().to_string();
    let mut connection = options(&socket, "postgres").connect().await?;
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut connection).await?;
    Ok(socket)
}

/// The process that has started all others of a cluster.
///
/// # Errors
///
/// When the cluster does not run.
pub fn postmaster(socket: &str) -> anyhow::Result<u32> {
    let file = Path::new(socket).join("data/postmaster.pid");
    let first = fs::read_to_string(file)?;
    Ok(first.lines().next().unwrap_or_default().parse()?)
}

/// How many transactions of the cluster have written: each takes a number.
///
/// # Errors
///
/// When the database does not answer.
pub async fn transactions(pool: &PgPool) -> anyhow::Result<u64> {
    const NEXT: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
    let next: String = sqlx::query_scalar(NEXT).fetch_one(pool).await?;
    Ok(next.parse()?)
}
