use std::{future::pending, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::Mutex, time::sleep};

/// Listens for the notices that enqueuing gives. It keeps one connection of the pool.
pub(super) struct Listener {
    pool: PgPool,
    /// `None` until the first hint is waited for, and where the connection broke.
    listener: Mutex<Option<PgListener>>,
}

impl Listener {
    pub(super) fn new(pool: PgPool) -> Self {
        let listener = Mutex::new(None);
        Self { pool, listener }
    }

    /// Returns with a notice, and where some may have been missed. Where it cannot listen it waits:
    /// workers look by themselves.
    pub(super) async fn hint(&self) {
        const AGAIN_AFTER: Duration = Duration::from_secs(5);
        if self.pool.options().get_max_connections() < 2 {
            // It would keep the only one.
            return pending().await;
        }
        let mut listener = self.listener.lock().await;
        loop {
            let listened = match &mut *listener {
                Some(listener) => listener.try_recv().await.map(drop),
                None => self.connect().await.map(|made| *listener = Some(made)),
            };
            match listened {
                // Also where the connection was lost or made: what was said meanwhile is not known.
                Ok(()) => return,
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "no notices from the outbox's database for now"
                    );
                    *listener = None;
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn connect(&self) -> sqlx::Result<PgListener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen("refport_outbox").await?;
        Ok(listener)
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}
