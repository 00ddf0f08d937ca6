use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use refport_core::destination::{Destination, Patience};

use super::{Worker, lane::Lane, settings::Settings};
use crate::Outbox;

/// Settings of a [`Worker`]. Made by [`Outbox::worker`].
///
/// | setting | default | what it is |
/// |---|---|---|
/// | [`deliver_to`](Self::deliver_to) | | where to; at least one |
/// | [`repeat_leads_to`](Self::repeat_leads_to) | who says so | who counts a repeated lead once |
/// | [`concurrency`](Self::concurrency) | 64 | deliveries on their way at once, to each destination |
/// | [`batch`](Self::batch) | 1024 | events claimed ahead at most |
/// | [`lease`](Self::lease) | 2 min | how long others leave a claimed event alone |
/// | [`delivery_timeout`](Self::delivery_timeout) | 35 s | for one delivery |
/// | [`poll`](Self::poll) | 1 s | how often an idle worker looks |
/// | [`max_attempts`](Self::max_attempts) | 20 | attempts before an event is a dead letter |
/// | [`backoff`](Self::backoff) | 5 s to 1 h | the wait after an event's failure, doubling, with jitter |
/// | [`max_retry_after`](Self::max_retry_after) | 15 min | the longest wait that a service can ask for |
/// | [`stop_within`](Self::stop_within) | 25 s | for finishing what is on its way |
///
/// # What counts as an attempt
///
/// A service that is out of reach, limits the rate or refuses the API key is no fault of the event:
/// its attempt does not count, the destination is held back, and tried with one event after 1 s, 2 s,
/// and so on up to 5 minutes, after the time that it asks for, or after 5 minutes with a wrong key. So it
/// is where something else answers than the service, and such an attempt counts. A 5xx, a time-out and a
/// broken connection count, and hold nothing back. Two things say more than the answer: when five different
/// events have failed and none has succeeded, it is the destination's fault and nothing counts; when others
/// have succeeded since an event failed, it is its own fault, which counts and holds nobody back. The crate's
/// front page has the table.
#[must_use]
pub struct WorkerBuilder {
    outbox: Outbox,
    destinations: Vec<Arc<dyn Destination>>,
    repeat_leads_to: Vec<String>,
    settings: Settings,
}

impl WorkerBuilder {
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            destinations: Vec::new(),
            repeat_leads_to: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Delivers the events for the destination of this name: a `Refport` or `Partli` client, or a
    /// destination of your own.
    ///
    /// The outbox makes all repeats, so a client is asked [for one attempt](Patience::Worker) a
    /// delivery, which has the client's `attempt_timeout`, 10 s by default.
    pub fn deliver_to(mut self, destination: impl Destination + 'static) -> Self {
        let destination = match destination.patient(Patience::Worker) {
            Some(patient) => Arc::from(patient),
            None => Arc::new(destination) as Arc<dyn Destination>,
        };
        self.destinations.push(destination);
        self
    }

    /// Says that the destination of this name counts a repeated lead once, though it does not
    /// [say so itself](Destination::counts_leads_once), as Partli's client does and that of a
    /// `refport-server` with `repeat_leads`. For others, a lead that perhaps arrived becomes a dead
    /// letter, and is not sent again by itself.
    pub fn repeat_leads_to(mut self, destination: impl Into<String>) -> Self {
        self.repeat_leads_to.push(destination.into());
        self
    }

    /// How many deliveries are on their way at once at most, to each destination.
    pub const fn concurrency(mut self, deliveries: usize) -> Self {
        self.settings.concurrency = deliveries;
        self
    }

    /// How many events are claimed ahead at most, beyond those on their way: 1 to 10,000. It claims
    /// no more than it has just been rid of.
    pub const fn batch(mut self, events: usize) -> Self {
        self.settings.batch = events;
        self
    }

    /// How long an event that is claimed is left alone by other workers: at least 5 s more than
    /// [`delivery_timeout`](Self::delivery_timeout), at most 10 minutes. Clocks of several machines
    /// should agree to a part of it.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How long one delivery may take. More than the client's own time for an attempt.
    pub const fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.settings.delivery_timeout = timeout;
        self
    }

    /// How often an idle worker looks by itself. It looks at once after [`Outbox::add`] and
    /// [`Outbox::wake`] in its process, and soon after each [`Outbox::enqueue`] on Postgres.
    pub const fn poll(mut self, every: Duration) -> Self {
        self.settings.poll = every;
        self
    }

    /// How often an event is tried before it is a dead letter. The type's docs tell what counts.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// The wait after an event's first failure, and the longest one; it doubles from the one to the
    /// other, and a random half is taken off. From 1 ms to 24 hours.
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff = (first, longest);
        self
    }

    /// The longest wait that a service can ask for; a longer one is cut to this. At most 24 hours.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.settings.max_retry_after = wait;
        self
    }

    /// How long a worker that is told to stop waits for what is on its way.
    pub const fn stop_within(mut self, time: Duration) -> Self {
        self.settings.stop_within = time;
        self
    }

    /// Makes the jitter of waits the same every time. For tests.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Makes the worker.
    ///
    /// # Errors
    ///
    /// When there is no destination, two have one name, or a setting is out of bounds.
    pub fn build(self) -> Result<Worker, BuildError> {
        self.settings.check()?;
        let names: Vec<_> = self.destinations.iter().map(|to| to.name()).collect();
        if names.is_empty() {
            return Err(BuildError::NoDestination);
        }
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
            return Err(BuildError::Twice((*twice).to_owned()));
        }
        if let Some(unknown) = self
            .repeat_leads_to
            .iter()
            .find(|name| !seen.contains(name.as_str()))
        {
            return Err(BuildError::Unknown(unknown.clone()));
        }
        let lanes = self.destinations.iter().zip(0..).map(|(to, number)| {
            let told = self.repeat_leads_to.iter().any(|name| name == to.name());
            let leads = told || to.counts_leads_once();
            Lane::new(
                self.outbox.clone(),
                Arc::clone(to),
                leads,
                &self.settings,
                number,
            )
        });
        let lanes = lanes.collect();
        Ok(Worker {
            outbox: self.outbox,
            lanes,
        })
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.destinations.iter().map(|to| to.name()).collect();
        f.debug_struct("WorkerBuilder")
            .field("destinations", &names)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why a worker cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is nowhere to deliver to.
    #[error("no destination is given, call `deliver_to`")]
    NoDestination,
    /// Two destinations have this name.
    #[error("two destinations are named `{0}`, give one another name by `Program`")]
    Twice(String),
    /// `repeat_leads_to` names a destination that is not there.
    #[error("no destination is named `{0}`")]
    Unknown(String),
    /// A setting is out of bounds.
    #[error("{0}")]
    Setting(&'static str),
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use refport_core::{
        Lead, Refport,
        test_util::{Answer, Recorder},
    };

    use super::*;
    use crate::{Report, Target};

    const SOON: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(2));

    /// What becomes of a lead whose first answer is lost.
    async fn lose_an_answer(
        target: Target,
        settings: impl FnOnce(WorkerBuilder, &Recorder) -> WorkerBuilder,
    ) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path().join("outbox.db")).await;
        let outbox = outbox.unwrap().destinations([target]);
        let click_id: refport_core::ClickId = "clk_1".parse().unwrap();
        let lead = Lead::new(click_id, "Sign Up", "user_001");
        let _ = outbox.lead(lead).await.unwrap();

        let recorder = Recorder::new();
        // All attempts of the first delivery.
        recorder.answer_in_order([Answer::cut_body(), Answer::cut_body(), Answer::cut_body()]);
        let worker = settings(outbox.worker().backoff(SOON.0, SOON.1), &recorder);
        let mut worker = worker.build().unwrap();
        let mut report = worker.drain().await.unwrap();
        while report.delivered + report.dead == 0 {
            tokio::time::sleep(SOON.1).await;
            report = worker.drain().await.unwrap();
        }
        report
    }

    fn once(recorder: &Recorder) -> Refport {
        let client = Refport::builder("rk_test").transport(recorder.clone());
        client.max_attempts(1).build().unwrap()
    }

    #[tokio::test]
    async fn a_lead_is_repeated_to_who_counts_it_once() {
        let partli = lose_an_answer(Target::partli(), |worker, recorder| {
            worker.deliver_to(recorder.partli())
        });
        assert_eq!(partli.await.delivered, 1, "it says so itself");
        let silent = lose_an_answer(Target::refport(), |worker, recorder| {
            worker.deliver_to(once(recorder))
        });
        assert_eq!(silent.await.dead, 1, "it does not");
        let told = lose_an_answer(Target::refport(), |worker, recorder| {
            worker.deliver_to(once(recorder)).repeat_leads_to("refport")
        });
        assert_eq!(told.await.delivered, 1, "the worker was told");
    }
}
