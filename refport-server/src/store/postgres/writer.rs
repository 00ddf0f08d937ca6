use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::time::sleep;

use super::{apply, load};
use crate::{
    domain::{Event, NewClick, Outcome, Refusal},
    store::{
        Problem, RecordError, Result, StoreError,
        decided::decide_all,
        queue::{self, Group, Job, Queue},
        retention::Retention,
    },
};

/// How often a group is tried that another server's commit made wrong. Each try loads the facts anew.
const ATTEMPTS: u32 = 20;
/// What a transaction begins with, in one request. A lock that somebody holds for long (a migration, a
/// forgotten session) must not hold a report for longer than its turn may take: twice this is the
/// queue's own patience, of the group that waits for the lock and of the next one behind it.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = 1500";
/// How long a group of clicks waits after a failure: they can wait, their IDs stand by themselves.
const CLICK_RETRY: Duration = Duration::from_millis(500);
/// How often old refused reports are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(60 * 60);

/// The one task of a server that writes events: what arrives while it commits goes into its next
/// transaction.
pub(super) struct Writer {
    pool: PgPool,
    queue: Arc<Queue>,
    retention: Arc<Retention>,
    purged_at: Option<Instant>,
}

type Outcomes = Vec<Result<Outcome, RecordError>>;

/// Why a transaction is tried again.
enum Again {
    /// Another server was first; nothing of ours is written.
    Conflict,
    /// The connection broke; perhaps it is written.
    Broken,
}

impl Writer {
    pub(super) const fn new(pool: PgPool, queue: Arc<Queue>, retention: Arc<Retention>) -> Self {
        Self {
            pool,
            queue,
            retention,
            purged_at: None,
        }
    }

    /// Ends when the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let queue = Arc::clone(&self.queue);
        while let Some(group) = queue.next().await {
            match group {
                Group::Reports(jobs) => self.write_reports(jobs).await,
                Group::Clicks(clicks) => self.write_clicks(clicks).await,
                Group::Refusals(refusals) => self.write_refusals(&refusals).await,
            }
            self.purge().await;
        }
    }

    async fn write_reports(&self, jobs: Vec<Job>) {
        let connection = loop {
            match self.pool.acquire().await {
                Ok(connection) => break connection,
                Err(_) if queue::is_awaited(&jobs) => sleep(Duration::from_millis(50)).await,
                Err(error) => {
                    let error = StoreError::from(error);
                    let begun = queue::begin(jobs);
                    let outcomes = failed(&error, begun.events.len());
                    return begun.answer(outcomes);
                }
            }
        };
        let begun = queue::begin(jobs);
        let outcomes = match self.write_all(connection, &begun.events).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if begun.events.len() == 1 => failed(&error, 1),
            Err(error) if error.is_locked() => failed(&error, begun.events.len()),
            // One of them is at fault; the others shall not suffer for it.
            Err(_) => self.write_singly(&begun.events).await,
        };
        begun.answer(outcomes);
    }

    async fn write_singly(&self, events: &[Event]) -> Outcomes {
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            let written = async {
                let connection = self.pool.acquire().await?;
                self.write_all(connection, std::slice::from_ref(event))
                    .await
            };
            match written.await {
                Ok(written) => outcomes.extend(written.into_iter().map(Ok)),
                // The others would each wait as long.
                Err(error) if error.is_locked() => {
                    outcomes.extend(failed(&error, events.len() - outcomes.len()));
                    break;
                }
                Err(error) => outcomes.extend(failed(&error, 1)),
            }
        }
        outcomes
    }

    /// One transaction, again as long as another server was first or the connection broke. Nothing but
    /// SQL happens inside, so that it can be repeated.
    async fn write_all(
        &self,
        mut connection: PoolConnection<Postgres>,
        events: &[Event],
    ) -> Result<Vec<Outcome>> {
        let mut perhaps_written = false;
        let mut attempt = 1;
        loop {
            let again = match write_once(&mut connection, events, perhaps_written).await {
                Ok(Some(outcomes)) => return Ok(outcomes),
                Ok(None) => Again::Conflict,
                Err(error) => again(&error).ok_or(error)?,
            };
            if attempt == ATTEMPTS {
                return Err(Problem::Busy.into());
            }
            match again {
                Again::Conflict => self.queue.conflict(),
                Again::Broken => {
                    perhaps_written = true;
                    drop(connection);
                    connection = self.pool.acquire().await?;
                }
            }
            let wait = rand::random_range(100..=1_000 * u64::from(attempt));
            sleep(Duration::from_micros(wait)).await;
            attempt += 1;
        }
    }

    /// Clicks that cannot be written wait; nobody waits for them.
    async fn write_clicks(&self, mut clicks: Vec<NewClick>) {
        // In the order in which other servers' sales make their clicks' rows: else two servers can wait
        // for each other in a circle.
        clicks.sort_by(|a, b| a.id.cmp(&b.id));
        let written = async {
            let mut transaction = self.pool.begin_with(BEGIN).await?;
            apply::apply_clicks(&mut transaction, &clicks).await?;
            Ok(transaction.commit().await?)
        };
        let Err(error) = written.await else {
            return;
        };
        if is_transient(&error) {
            self.queue.put_back(clicks);
            return sleep(CLICK_RETRY).await;
        }
        tracing::error!(
            error = &error as &dyn std::error::Error,
            clicks = clicks.len(),
            "clicks not counted; sales that name them are right all the same"
        );
    }

    async fn write_refusals(&self, refusals: &[Refusal]) {
        let written = async {
            let mut connection = self.pool.acquire().await?;
            apply::apply_refusals(&mut connection, refusals).await
        };
        if let Err(error) = written.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                refusals = refusals.len(),
                "the trace of refused reports was not kept"
            );
        }
    }

    async fn purge(&mut self) {
        if self.purged_at.is_some_and(|at| at.elapsed() < PURGE_EVERY) {
            return;
        }
        let purged = async {
            let mut connection = self.pool.acquire().await?;
            apply::purge_refusals(&mut connection, self.retention.before()).await
        };
        if !matches!(purged.await, Ok(true)) {
            self.purged_at = Some(Instant::now());
        }
    }
}

/// `None` where the facts did not hold any more.
async fn write_once(
    connection: &mut PgConnection,
    events: &[Event],
    perhaps_written: bool,
) -> Result<Option<Vec<Outcome>>> {
    let mut transaction = sqlx::Connection::begin_with(connection, BEGIN).await?;
    load::lock_addresses(&mut transaction, events).await?;
    let mut facts = load::load(&mut transaction, events, perhaps_written).await?;
    let (rows, outcomes) = decide_all(&mut facts, events);
    if !apply::apply(&mut transaction, &rows).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    transaction.commit().await?;
    Ok(Some(outcomes))
}

/// Whether the same events may be written by another try.
fn again(error: &StoreError) -> Option<Again> {
    let Problem::Sqlx(error) = &error.0 else {
        return None;
    };
    match error {
        // Serialization failure, deadlock, a unique rule: another server was first.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["40001", "40P01", "23505"].contains(&&*code))
            .then_some(Again::Conflict),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            Some(Again::Broken)
        }
        _ => None,
    }
}

fn failed(error: &StoreError, reports: usize) -> Outcomes {
    tracing::error!(
        error = error as &dyn std::error::Error,
        reports,
        "reports not written"
    );
    let outcome = || {
        if error.is_busy() {
            RecordError::Busy
        } else {
            RecordError::Failed
        }
    };
    (0..reports).map(|_| Err(outcome())).collect()
}

/// Whether the same rows may be taken a moment later.
fn is_transient(error: &StoreError) -> bool {
    if error.is_locked() {
        return true;
    }
    match &error.0 {
        // Class 53 is a lack of resources, 57 a server that shuts down.
        Problem::Sqlx(sqlx::Error::Database(error)) => error.code().is_some_and(|code| {
            code.starts_with("53") || code.starts_with("57") || code.starts_with("40")
        }),
        Problem::Sqlx(_) => true,
        _ => false,
    }
}
