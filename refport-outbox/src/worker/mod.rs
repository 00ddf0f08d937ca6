//! Delivers what an outbox holds.
//!
//! - `builder`, `settings`: how it goes about it;
//! - `lane`: the loop of one destination, which claims, delivers and marks;
//! - `turn`: one visit to the database;
//! - `deliver`, `verdict`: one attempt, and what comes of it;
//! - `circuit`, `backoff`: how fast, and after what waits.

mod backoff;
mod builder;
mod circuit;
mod deliver;
mod lane;
mod report;
mod settings;
mod stop;
mod turn;
mod verdict;

use std::{
    future::{Future, pending},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::sleep;

pub use self::{
    builder::{BuildError, WorkerBuilder},
    report::Report,
};
use self::{lane::Lane, stop::Stop};
use crate::{Outbox, StoreError};

/// Delivers what an outbox holds, to its destinations. Made by [`Outbox::worker`].
///
/// Each destination has a loop of its own, so that none delays another. All run within the call; only
/// to read many payloads at once they borrow one of tokio's blocking threads. Any number of workers may share a Postgres; on SQLite, several processes may
/// share the file.
#[derive(Debug)]
pub struct Worker {
    outbox: Outbox,
    lanes: Vec<Lane>,
}

/// When a lane's work is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// When it is told to stop.
    Stopped,
    /// When nothing is due any more.
    Drained,
}

impl Worker {
    /// Delivers until `stop` resolves. Then it claims no more, gives back what it has not begun,
    /// waits for what is on its way, and says what is left.
    ///
    /// What is not answered within [`stop_within`](WorkerBuilder::stop_within) is given back too, to
    /// be sent again; what could be counted twice becomes a dead letter. Where the database is out
    /// of reach, the worker waits for it.
    ///
    /// ```no_run
    /// # async fn run(outbox: refport_outbox::Outbox) -> Result<(), Box<dyn std::error::Error>> {
    /// # let refport = refport_core::Refport::from_env()?;
    /// let mut worker = outbox.worker().deliver_to(refport).build()?;
    /// let report = worker
    ///     .run(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
    ///     .await?;
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the outbox's tables are missing, or were made by a newer version.
    pub async fn run(
        &mut self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Report, StoreError> {
        let flag = Stop::default();
        let store = self.outbox.store().clone();
        let outbox = self.outbox.clone();
        let told = async {
            stop.await;
            flag.set();
            pending::<Result<Report, StoreError>>().await
        };
        let hints = async {
            loop {
                store.backend().hint().await;
                outbox.wake();
            }
        };
        let names: Vec<_> = self.lanes.iter().map(Lane::name).collect();
        tracing::info!(destinations = names.join(", "), "the worker has begun");
        let work = async {
            if !self.is_ready(&flag).await? {
                return Ok(Report::default());
            }
            self.work(Until::Stopped, &flag).await
        };
        let ended = tokio::select! {
            biased;
            report = work => report,
            never = told => never,
            never = hints => never,
        };
        match &ended {
            Ok(report) => tracing::info!(%report, "the worker has ended"),
            Err(error) => tracing::error!(
                error = error as &dyn std::error::Error,
                "the worker has ended: nothing is delivered"
            ),
        }
        ended
    }

    /// Delivers what is due, and returns when nothing is: for a job that is run now and then, and
    /// for tests.
    ///
    /// What is to be tried again later, and what waits for a destination that is held back, is left.
    ///
    /// # Errors
    ///
    /// When the database fails. What was delivered and could not be marked is delivered again when
    /// its lease is over.
    pub async fn drain(&mut self) -> Result<Report, StoreError> {
        self.outbox.store().backend().check().await?;
        self.work(Until::Drained, &Stop::default()).await
    }

    async fn work(&mut self, until: Until, stop: &Stop) -> Result<Report, StoreError> {
        let store = self.outbox.store().clone();
        let closed = async {
            store.backend().closed().await;
            store.backend().rest();
            pending().await
        };
        let lanes = self.lanes.iter_mut().map(|lane| lane.run(until, stop));
        let lanes = tokio::select! {
            biased;
            lanes = join_all(lanes) => lanes,
            never = closed => never,
        };
        let mut report = Report::default();
        for lane in lanes {
            report.add(lane?);
        }
        // What is left is told where the database still answers.
        report.left = self.outbox.counts().await.unwrap_or_default();
        Ok(report)
    }

    /// Waits for the database. Says whether it came before the worker was told to stop.
    async fn is_ready(&self, stop: &Stop) -> Result<bool, StoreError> {
        const AGAIN_AFTER: Duration = Duration::from_secs(1);
        loop {
            match self.outbox.store().backend().check().await {
                Ok(()) => return Ok(true),
                Err(error) if error.is_for_good() => return Err(error),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the outbox's database does not answer, waiting for it"
                ),
            }
            tokio::select! {
                () = sleep(AGAIN_AFTER) => {}
                () = stop.wait() => return Ok(false),
            }
        }
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use refport_core::test_util::Recorder;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// So that one which stops at once, or never began, is seen.
    #[tokio::test]
    async fn that_a_worker_begins_and_ends_is_in_the_log() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let _here = tracing::subscriber::set_default(subscriber.finish());
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        let outbox = Outbox::new(pool.connect("sqlite::memory:").await.unwrap());
        let recorder = Recorder::new();
        let mut worker = outbox
            .worker()
            .deliver_to(recorder.refport())
            .build()
            .unwrap();
        assert!(worker.run(async {}).await.is_err(), "there are no tables");
        outbox.migrate().await.unwrap();
        worker.run(async {}).await.unwrap();

        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let said = |level: &str, text: &str| {
            let lines = log.lines().filter(|line| line.contains(level));
            lines.filter(|line| line.contains(text)).count()
        };
        assert_eq!(said("INFO", "the worker has begun"), 2, "{log}");
        assert_eq!(said("ERROR", "nothing is delivered"), 1, "{log}");
        assert_eq!(said("INFO", "the worker has ended"), 1, "{log}");
        assert!(log.contains("refport"), "by the destination's name: {log}");
    }
}
