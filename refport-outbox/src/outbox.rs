use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use refport_core::{Lead, Sale};
use tokio::sync::Notify;

use crate::{
    Connection, Count, DeadLetter, EnqueueError, Enqueued, Entry, Page, PausedDestination,
    Selection, Store, StoreError, Target,
    clock::{Clock, millis},
    enqueue,
    worker::WorkerBuilder,
};

/// Keeps leads and sales until they are delivered. The [crate](crate) shows the whole way.
///
/// Clones share the pool, and cost a few reference counts.
#[derive(Clone, Debug)]
#[must_use]
pub struct Outbox {
    store: Store,
    targets: Arc<[Target]>,
    clock: Clock,
    hints: Arc<Hints>,
}

impl Outbox {
    /// An outbox in the database of this pool, for the Refport service.
    pub fn new(store: impl Into<Store>) -> Self {
        Self {
            store: store.into(),
            targets: Arc::new([Target::refport()]),
            clock: Clock::default(),
            hints: Arc::default(),
        }
    }

    /// The destinations of each event, in place of [`Target::refport`].
    ///
    /// With several, an [`Entry`] says which click each gets. Each has its own row, is delivered by
    /// itself, and delays no other.
    pub fn destinations(mut self, targets: impl IntoIterator<Item = Target>) -> Self {
        self.targets = targets.into_iter().collect();
        self
    }

    /// Where the present comes from, in milliseconds since 1970, in place of the system's clock.
    /// Its workers go by it too. For tests.
    pub fn clock(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now_ms);
        self
    }

    /// Makes the outbox's tables, or brings them up to date: at each start, before the first event.
    ///
    /// The tables' names begin with `refport_outbox_`, and so does that of their own list of
    /// migrations. Several processes may call it at once.
    ///
    /// Where it was forgotten, each [`enqueue`](Self::enqueue) fails as with any database that is broken: an order
    /// that is rolled back with its sale is refused then, while those without a click pass.
    ///
    /// # Errors
    ///
    /// When the database refuses, the tables were made by a newer version, or the linked SQLite is
    /// older than 3.51.3 (which can lose committed writes).
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.store.backend().migrate().await
    }

    /// Writes an event into the transaction of `connection`, `&mut *tx`: it is delivered if and only
    /// if that is committed. One that does not say when it happened
    /// ([`Sale::occurred_at`], [`Lead::occurred_at`]) is delivered with the time of this call.
    ///
    /// # Errors
    ///
    /// When the event is certainly refused, has no key, contradicts what is kept under its key, or
    /// the database does not take it. Except for the last, the transaction goes on as it was.
    pub async fn enqueue<C: Connection>(
        &self,
        connection: &mut C,
        event: impl Into<Entry>,
    ) -> Result<Enqueued, EnqueueError> {
        let entry = enqueue::prepare(&self.targets, event.into(), self.clock.now())?;
        match entry {
            Err(why) => Ok(Enqueued::NothingToReport(why)),
            Ok(entry) => enqueue::write_one(connection, entry, self.hints.is_time()).await?,
        }
    }

    /// Writes an event in a transaction of its own, for what has none: it is durable when this
    /// returns, as far as the pool's connections make it so. Calls at the same time share one
    /// transaction on SQLite.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub async fn add(&self, event: impl Into<Entry>) -> Result<Enqueued, EnqueueError> {
        let entry = match enqueue::prepare(&self.targets, event.into(), self.clock.now())? {
            Err(why) => return Ok(Enqueued::NothingToReport(why)),
            Ok(entry) => entry,
        };
        let outcome = self.store.backend().add(entry).await?;
        self.wake();
        outcome
    }

    /// [`add`](Self::add) for a purchase.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub async fn sale(&self, sale: Sale) -> Result<Enqueued, EnqueueError> {
        self.add(sale).await
    }

    /// [`add`](Self::add) for a sign-up.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue).
    pub async fn lead(&self, lead: Lead) -> Result<Enqueued, EnqueueError> {
        self.add(lead).await
    }

    /// Makes the workers of this outbox in this process look now: call it after the commit, where
    /// they should not wait until they look by themselves.
    pub fn wake(&self) {
        self.hints.wake.notify_waiters();
    }

    /// The settings of a worker that delivers what this outbox holds.
    pub fn worker(&self) -> WorkerBuilder {
        WorkerBuilder::new(self.clone())
    }

    /// How many events are in which state, by destination.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub async fn counts(&self) -> Result<Vec<Count>, StoreError> {
        self.store.backend().counts().await
    }

    /// The destinations that workers hold back.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub async fn paused(&self) -> Result<Vec<PausedDestination>, StoreError> {
        self.store.backend().pauses().await
    }

    /// Ends the pause of a destination, as after a wrong API key: its workers try with one event
    /// when they look next. Each of its events that waits for a time of its own, as the one that was refused, is
    /// due at once. Workers that are restarted try by themselves, and such an event waits for its time still.
    ///
    /// # Errors
    ///
    /// When the tables cannot be written.
    pub async fn resume(&self, destination: &str) -> Result<(), StoreError> {
        let (backend, now) = (self.store.backend(), self.the_clock().now());
        backend.make_due(destination, now).await?;
        backend.set_pause(destination, None).await?;
        self.wake();
        Ok(())
    }

    /// The events that are not tried again by themselves, by their number.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub async fn dead_letters(&self, page: &Page) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.backend().dead_letters(page).await
    }

    /// The dead letter of this [`id`](DeadLetter::id). `None` where there is none, or none that is
    /// dead.
    ///
    /// # Errors
    ///
    /// When the tables cannot be read.
    pub async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>, StoreError> {
        self.store.backend().dead_letter(id).await
    }

    /// Makes dead letters wait for delivery again, as if they were new. Says how many.
    ///
    /// One that was given up because its outcome is `unclear` may be counted a second time.
    ///
    /// # Errors
    ///
    /// When the tables cannot be written.
    pub async fn replay(&self, selection: &Selection) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let replayed = self.store.backend().replay(selection, now).await?;
        self.wake();
        Ok(replayed)
    }

    /// Deletes what was delivered longer than `retention` ago, in transactions of a thousand rows.
    /// Says how many.
    ///
    /// With a row goes the memory of its key: an event that is enqueued again after that is
    /// delivered again. The service still counts a sale by its invoice ID.
    ///
    /// # Errors
    ///
    /// When the tables cannot be written. What was deleted until then stays so.
    pub async fn purge(&self, retention: Duration) -> Result<u64, StoreError> {
        const BATCH: i64 = 1000;
        let before = self.clock.now().saturating_sub(millis(retention));
        let mut purged = 0;
        loop {
            let batch = self.store.backend().purge(before, BATCH).await?;
            purged += batch;
            if batch < BATCH.unsigned_abs() {
                return Ok(purged);
            }
        }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) const fn the_clock(&self) -> &Clock {
        &self.clock
    }

    /// Told when there may be something to deliver.
    pub(crate) fn wakes(&self) -> &Notify {
        &self.hints.wake
    }
}

/// How workers hear that there is something to deliver.
#[derive(Debug, Default)]
struct Hints {
    wake: Notify,
    last: Mutex<Option<Instant>>,
}

impl Hints {
    /// Whether Postgres should give notice. Commits with a notice are made one after another, so
    /// one in a while must do; under load workers do not rest anyway.
    fn is_time(&self) -> bool {
        const AT_MOST_EVERY: Duration = Duration::from_millis(100);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < AT_MOST_EVERY) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }
}
