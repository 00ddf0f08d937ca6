use std::time::Duration;

use super::BuildError;

/// How a worker goes about it. The defaults stand in the builder's table.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) concurrency: usize,
    pub(super) batch: usize,
    pub(super) lease: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) poll: Duration,
    pub(super) max_attempts: u32,
    pub(super) backoff: (Duration, Duration),
    pub(super) max_retry_after: Duration,
    pub(super) stop_within: Duration,
    pub(super) seed: Option<u64>,
}

impl Settings {
    /// No lease is longer, so that a longer one is known to come of a clock that jumped.
    pub(super) const LONGEST_LEASE: Duration = Duration::from_secs(600);
    /// No wait is longer.
    const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
    /// What a lease must leave beside the delivery, for marking it.
    pub(super) const LEASE_MARGIN: Duration = Duration::from_secs(5);

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let (first, longest) = self.backoff;
        for (holds, what) in [
            (self.concurrency > 0, "concurrency must be 1 or more"),
            (self.batch > 0, "batch must be 1 or more"),
            (self.max_attempts > 0, "max_attempts must be 1 or more"),
            (!self.poll.is_zero(), "poll must be longer than nothing"),
            (
                !self.delivery_timeout.is_zero(),
                "delivery_timeout must be longer than nothing",
            ),
            (
                self.lease >= self.delivery_timeout + Self::LEASE_MARGIN,
                "lease must be 5 s longer than delivery_timeout",
            ),
            (
                self.lease <= Self::LONGEST_LEASE,
                "lease must be 10 minutes or less",
            ),
            (
                Duration::from_millis(1) <= first && first <= longest,
                "backoff must begin with 1 ms or more, and not with more than its longest",
            ),
            (
                longest.max(self.max_retry_after) <= Self::LONGEST_WAIT,
                "backoff and max_retry_after must be 24 hours or less",
            ),
        ] {
            if !holds {
                return Err(BuildError::Setting(what));
            }
        }
        Ok(())
    }

    /// No event waits longer than this from now on: the longest wait, with its jitter.
    pub(super) fn horizon(&self) -> Duration {
        let longest = self.backoff.1.max(self.max_retry_after);
        longest.max(super::lane::LONGEST_HOLD) * 2
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            batch: 256,
            lease: Duration::from_secs(120),
            delivery_timeout: Duration::from_secs(35),
            poll: Duration::from_secs(1),
            max_attempts: 20,
            backoff: (Duration::from_secs(5), Duration::from_secs(3600)),
            max_retry_after: Duration::from_secs(900),
            stop_within: Duration::from_secs(25),
            seed: None,
        }
    }
}
