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
    /// SQLite gives them as one value, of which it holds a gigabyte at most.
    const MOST_CLAIMED: usize = 10_000;
    /// No wait is longer.
    const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
    /// What a lease must be longer than the delivery, for waiting until it begins and for marking it.
    const LEASE_MARGIN: Duration = Duration::from_secs(5);
    /// What must be left of that when the delivery begins.
    pub(super) const MARK_MARGIN: Duration = Duration::from_secs(2);

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let (first, longest) = self.backoff;
        for (holds, what) in [
            (self.concurrency > 0, "concurrency must be 1 or more"),
            (
                (1..=Self::MOST_CLAIMED).contains(&self.batch),
                "batch must be 1 or more, and 10000 or less",
            ),
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
            batch: 1024,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::lane::LONGEST_HOLD;

    /// As the tables show it.
    fn shown(time: Duration) -> String {
        match time.as_secs() {
            seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
            seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
            seconds => format!("{seconds} s"),
        }
    }

    #[test]
    fn the_tables_show_the_defaults() {
        let Settings {
            concurrency,
            batch,
            lease,
            delivery_timeout,
            poll,
            max_attempts,
            backoff: (first, longest),
            max_retry_after,
            stop_within,
            seed: _,
        } = Settings::default();
        let (first, longest) = (shown(first), shown(longest));
        let (readme, docs) = (include_str!("../../README.md"), include_str!("builder.rs"));
        for (setting, value) in [
            ("concurrency", concurrency.to_string()),
            ("batch", batch.to_string()),
            ("lease", shown(lease)),
            ("delivery_timeout", shown(delivery_timeout)),
            ("poll", shown(poll)),
            ("max_attempts", max_attempts.to_string()),
            ("backoff", format!("{first} to {longest}")),
            ("max_retry_after", shown(max_retry_after)),
            ("stop_within", shown(stop_within)),
        ] {
            let row = format!("\n| `{setting}` | {value} |");
            assert!(readme.contains(&row), "the front page lacks {row}");
            let row = format!("\n/// | [`{setting}`](Self::{setting}) | {value} |");
            assert!(docs.contains(&row), "the builder's docs lack {row}");
        }
        let hold = shown(LONGEST_HOLD);
        for row in [
            format!("| tried again after {first}, doubling to {longest}, {max_attempts} times |"),
            format!("(`unreachable`): 1 s, doubling to {hold} |"),
            format!("tried again every {hold} or after `resume` |"),
            format!("for as long as it asks, {} at most", shown(max_retry_after)),
        ] {
            assert!(readme.contains(&row), "the front page lacks: {row}");
        }
    }
}
