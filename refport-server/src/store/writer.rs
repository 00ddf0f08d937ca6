use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    Problem, StoreError, WriteError, attribute,
    event::{Event, Recorded},
    setup::begin,
};

/// Batches that wait; more make their senders wait.
const QUEUE: usize = 1024;
/// Events in one transaction. A commit is one disk flush, shared by all of them.
const GROUP: usize = 256;

type Outcome = Result<Recorded, WriteError>;

/// The one thread that writes events: what arrives while it commits goes into its next
/// transaction.
#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Job>);

struct Job {
    batch: Vec<Event>,
    reply: oneshot::Sender<Vec<Outcome>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("refport-writer".to_owned())
            .spawn(move || run(connection, receiver))?;
        Ok(Self(sender))
    }

    /// Whether the thread is there.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.0.is_closed() {
            Err(StoreError(Problem::Stopped))
        } else {
            Ok(())
        }
    }

    pub(super) async fn write(&self, batch: Vec<Event>) -> Vec<Outcome> {
        let size = batch.len();
        let (reply, outcomes) = oneshot::channel();
        let stopped = || {
            (0..size)
                .map(|_| Err(StoreError(Problem::Stopped).into()))
                .collect()
        };
        if self.0.send(Job { batch, reply }).await.is_err() {
            return stopped();
        }
        outcomes.await.unwrap_or_else(|_| stopped())
    }
}

/// Ends when the last `Writer` is gone.
fn run(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        let mut size = group[0].batch.len();
        while size < GROUP
            && let Ok(job) = jobs.try_recv()
        {
            size += job.batch.len();
            group.push(job);
        }
        commit_group(&mut connection, group);
    }
}

fn commit_group(connection: &mut Connection, group: Vec<Job>) {
    let mut senders = Vec::with_capacity(group.len());
    let mut batches = Vec::with_capacity(group.len());
    for Job { batch, reply } in group {
        senders.push(reply);
        batches.push(batch);
    }
    // A panic is our mistake; it fails this group, and the thread goes on.
    let written = catch_unwind(AssertUnwindSafe(|| write_all(connection, &batches)));
    let written =
        written.unwrap_or_else(|_| Err(StoreError(Problem::Panicked("the writer".to_owned()))));
    match written {
        Ok(outcomes) => {
            for (sender, outcomes) in senders.into_iter().zip(outcomes) {
                // Who stopped waiting does not need the answer: a repeat will be given it.
                let _ = sender.send(outcomes);
            }
        }
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "events not written"
            );
            for (sender, batch) in senders.into_iter().zip(batches) {
                let failed = || {
                    Err(WriteError::Store(StoreError::refused(
                        "the transaction failed",
                    )))
                };
                let _ = sender.send(batch.iter().map(|_| failed()).collect());
            }
        }
    }
}

fn write_all(
    connection: &mut Connection,
    batches: &[Vec<Event>],
) -> Result<Vec<Vec<Outcome>>, StoreError> {
    let mut transaction = begin(connection)?;
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut answers = Vec::with_capacity(batch.len());
        for event in batch {
            // What fails half-way is taken back to here, and the others stand.
            let savepoint = transaction.savepoint()?;
            let outcome = attribute::write(&savepoint, event);
            if outcome.is_ok() {
                savepoint.commit()?;
            } else {
                savepoint.finish()?;
            }
            answers.push(outcome);
        }
        outcomes.push(answers);
    }
    transaction.commit()?;
    Ok(outcomes)
}
