//! The Postgres of these tests.

use std::{
    env,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use refport_test_cluster::{Cluster, Flushes};
use sqlx::postgres::PgConnectOptions;

/// The one that tests share while any of them runs. `None` where Postgres is not installed.
pub(crate) fn shared() -> Option<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.upgrade() {
        return Some(cluster);
    }
    let cluster = Arc::new(start()?);
    *shared = Arc::downgrade(&cluster);
    Some(cluster)
}

/// A new one. `None` where Postgres is not installed; in CI that is a failure.
pub(crate) fn start() -> Option<Cluster> {
    let cluster = Cluster::start(Flushes::Never).unwrap();
    if cluster.is_none() {
        assert!(
            env::var_os("CI").is_none(),
            "CI needs Debian's `postgresql`"
        );
        eprintln!("skipped: no Postgres under /usr/lib/postgresql");
    }
    cluster
}

pub(crate) fn options(cluster: &Cluster) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(cluster.socket())
        .username("postgres")
        .database("postgres")
}
