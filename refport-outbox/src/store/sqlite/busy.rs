use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::{Sqlite, SqlitePool, pool::PoolConnection};

/// How many connections a pool has that can spare one.
const ENOUGH: u32 = 4;

/// A connection of the pool that the workers keep while they are busy. The pool hands out its
/// connections in turn, and SQLite forgets the pages that it has read when another one has written.
/// A small pool is the application's alone.
#[derive(Debug, Default)]
pub(super) struct Busy(Mutex<Option<PoolConnection<Sqlite>>>);

impl Busy {
    pub(super) async fn acquire(&self, pool: &SqlitePool) -> sqlx::Result<PoolConnection<Sqlite>> {
        let kept = self.lock().take().filter(|_| !pool.is_closed());
        match kept {
            Some(connection) => Ok(connection),
            None => pool.acquire().await,
        }
    }

    /// Keeps it for the next time, unless the pool has few or waits for it to close.
    pub(super) fn keep(&self, pool: &SqlitePool, connection: PoolConnection<Sqlite>) {
        if pool.options().get_max_connections() >= ENOUGH && !pool.is_closed() {
            self.lock().get_or_insert(connection);
        }
        // It may just have begun to close.
        if pool.is_closed() {
            self.release();
        }
    }

    /// Gives it back to the pool.
    pub(super) fn release(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<PoolConnection<Sqlite>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
