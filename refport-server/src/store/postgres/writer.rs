use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::time::{sleep, timeout};

use super::{
    apply,
    load::{self, Loaded},
};
use crate::{
    domain::{Event, NewClick, Outcome, Refusal},
    store::{
        Problem, RecordError, Result, StoreError,
        decided::decide_all,
        queue::{self, Group, Job, Queue},
        retention::{Retention, not_purged},
    },
};

/// How often a group is tried that another server's commit made wrong. Each try loads the facts anew.
const ATTEMPTS: u32 = 20;
/// How long a try may take before its connection is given up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(6);
/// How long tries go on.
const GIVE_UP: Duration = Duration::from_secs(4);
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
                Err(error) => return give_up(jobs, &error.into()),
            }
        };
        // Until the facts are there nothing is begun: who gives up meanwhile takes the report back.
        let (connection, loaded) = match load_first(connection, &queue::events(&jobs)).await {
            Ok(loaded) => loaded,
            Err(error) => return give_up(jobs, &error),
        };
        let begun = queue::begin(jobs);
        let outcomes = match self.write_all(connection, loaded, &begun.events).await {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) if begun.events.len() == 1 || error.is_busy() => {
                failed(&error, begun.events.len())
            }
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
                let (connection, loaded) = load_first(connection, &[event]).await?;
                let events = std::slice::from_ref(event);
                self.write_all(connection, loaded, events).await
            };
            match written.await {
                Ok(written) => outcomes.extend(written.into_iter().map(Ok)),
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
        loaded: Loaded,
        events: &[Event],
    ) -> Result<Vec<Outcome>> {
        let started = Instant::now();
        let mut loaded = Some(loaded);
        let mut perhaps_written = false;
        let mut attempt = 1;
        loop {
            let write = write_once(&mut connection, loaded.take(), events, perhaps_written);
            let again = match timeout(ANSWER_PATIENCE, write).await {
                Ok(Ok(Some(outcomes))) => return Ok(outcomes),
                Ok(Ok(None)) => Again::Conflict,
                Ok(Err(error)) => again(&error).ok_or(error)?,
                Err(_) => Again::Broken,
            };
            if attempt == ATTEMPTS || started.elapsed() > GIVE_UP {
                // Where it was perhaps written, nobody may be told that it was not.
                return Err(if perhaps_written {
                    Problem::Unanswered.into()
                } else {
                    Problem::Busy.into()
                });
            }
            match again {
                Again::Conflict => self.queue.decided_anew(),
                Again::Broken => {
                    perhaps_written = true;
                    connection.close_on_drop();
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
        // In the order in which sales make their clicks' rows: else two servers can wait in a circle.
        clicks.sort_by(|a, b| a.id.cmp(&b.id));
        let written = async {
            let mut transaction = self.pool.begin().await?;
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
        match purged.await {
            Ok(true) => {}
            Ok(false) => self.purged_at = Some(Instant::now()),
            Err(error) => {
                not_purged(&error);
                self.purged_at = Some(Instant::now());
            }
        }
    }
}

/// The facts of a first try. A connection that broke while it lay in the pool is replaced.
async fn load_first(
    mut connection: PoolConnection<Postgres>,
    events: &[&Event],
) -> Result<(PoolConnection<Postgres>, Loaded)> {
    let loaded = timeout(ANSWER_PATIENCE, load::load(&mut connection, events, false)).await;
    match loaded {
        Ok(Ok(loaded)) => Ok((connection, loaded)),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            connection.close_on_drop();
            Err(Problem::Busy.into())
        }
    }
}

/// `None` where the facts did not hold any more. They are compared before anything is committed, so
/// they may have been loaded before the transaction began.
async fn write_once(
    connection: &mut PgConnection,
    loaded: Option<Loaded>,
    events: &[Event],
    perhaps_written: bool,
) -> Result<Option<Vec<Outcome>>> {
    let Loaded {
        mut facts,
        addresses,
    } = match loaded {
        Some(loaded) => loaded,
        None => {
            let events: Vec<&Event> = events.iter().collect();
            load::load(connection, &events, perhaps_written).await?
        }
    };
    let (rows, outcomes) = decide_all(&mut facts, events);
    if rows.is_empty() {
        return Ok(Some(outcomes));
    }
    let mut transaction = sqlx::Connection::begin(connection).await?;
    if !apply::apply(&mut transaction, &rows, &addresses).await? {
        transaction.rollback().await?;
        return Ok(None);
    }
    transaction.commit().await?;
    Ok(Some(outcomes))
}

fn give_up(jobs: Vec<Job>, error: &StoreError) {
    let begun = queue::begin(jobs);
    let outcomes = failed(error, begun.events.len());
    begun.answer(outcomes);
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
    match &error.0 {
        // Class 53 is a lack of resources, 57 a server that shuts down.
        Problem::Sqlx(sqlx::Error::Database(error)) => error.code().is_some_and(|code| {
            code.starts_with("53")
                || code.starts_with("57")
                || code.starts_with("40")
                || code == "55P03"
        }),
        Problem::Sqlx(_) => true,
        _ => false,
    }
}
