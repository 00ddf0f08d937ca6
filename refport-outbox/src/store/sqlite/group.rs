use std::sync::{Arc, Mutex, PoisonError};

use sqlx::SqlitePool;
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::BEGIN;
use crate::{
    EnqueueError, Enqueued, StoreError,
    enqueue::{self, Prepared},
};

/// Events in one transaction at most. A commit is one disk flush, shared by all of them.
const GROUP: usize = 256;

type Outcome = Result<Result<Enqueued, EnqueueError>, StoreError>;

/// Events that are written outside of the application's transactions. Whoever finds nobody writing
/// writes for all that wait; what arrives meanwhile goes into the next transaction.
#[derive(Debug)]
pub(super) struct Group {
    pool: SqlitePool,
    waiting: Mutex<Vec<Waiting>>,
    writer: AsyncMutex<()>,
}

#[derive(Debug)]
struct Waiting {
    entry: Arc<Prepared>,
    reply: oneshot::Sender<Outcome>,
}

impl Group {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            waiting: Mutex::default(),
            writer: AsyncMutex::default(),
        }
    }

    pub(super) async fn add(&self, entry: Prepared) -> Outcome {
        let entry = Arc::new(entry);
        loop {
            let (reply, outcome) = oneshot::channel();
            self.lock().push(Waiting {
                entry: Arc::clone(&entry),
                reply,
            });
            if let Some(outcome) = self.written(outcome).await {
                return outcome;
            }
            // Who wrote for us was cancelled. The key makes a second time harmless.
        }
    }

    async fn written(&self, mut outcome: oneshot::Receiver<Outcome>) -> Option<Outcome> {
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome.ok(),
                _writer = self.writer.lock() => self.write_group().await,
            }
        }
    }

    async fn write_group(&self) {
        let group: Vec<Waiting> = {
            let mut waiting = self.lock();
            // Who does not wait any more has dropped its future, and with it the order for it.
            waiting.retain(|waiting| !waiting.reply.is_closed());
            let size = waiting.len().min(GROUP);
            waiting.drain(..size).collect()
        };
        if group.is_empty() {
            // Ours was taken by the one before, whose answer is there.
            return;
        }
        let (entries, replies): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.entry, waiting.reply))
            .unzip();
        match self.commit(&entries).await {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    // Who stopped waiting does not need the answer.
                    let _ = reply.send(Ok(outcome));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for reply in replies {
                    let _ = reply.send(Err(StoreError::shared(Arc::clone(&error))));
                }
            }
        }
    }

    async fn commit(
        &self,
        entries: &[Arc<Prepared>],
    ) -> Result<Vec<Result<Enqueued, EnqueueError>>, StoreError> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let outcomes = enqueue::write(&mut *transaction, entries, false).await?;
        transaction.commit().await?;
        Ok(outcomes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
