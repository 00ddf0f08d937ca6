use std::time::Duration;

use super::{base_url::BaseUrl, call::Repeat};
use crate::destination::Patience;

/// Everything of a client that can be set, with its default.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) connect_timeout: Duration,
    pub(super) attempt_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) max_attempts: u32,
    pub(super) backoff: (Duration, Duration),
    pub(super) max_retry_after: Duration,
    pub(super) retry_budget: (u32, f32),
    pub(super) repeat_leads: bool,
    /// `None` leaves it to where the service lives.
    pub(super) send_occurred_at: Option<bool>,
}

impl Settings {
    /// Whether the service at this address is told when a lead or sale happened.
    pub(super) fn sends_occurred_at(&self, base: &BaseUrl) -> bool {
        self.send_occurred_at
            .unwrap_or_else(|| !base.is_public_service())
    }

    /// For a call with all its attempts and waits.
    pub(super) fn total_timeout(&self, patience: Patience) -> Duration {
        /// Long enough for all attempts to a service that is slow for a moment.
        const BACKGROUND: Duration = Duration::from_secs(30);
        match patience {
            Patience::Handler => self.total_timeout,
            Patience::Background => self.total_timeout.max(BACKGROUND),
            Patience::Worker => self.attempt_timeout,
        }
    }

    /// For one attempt. Of a handler's few seconds, one that may be repeated leaves time for that, so that a
    /// connection which has died costs no sale.
    pub(super) fn attempt_timeout(&self, patience: Patience, repeat: Repeat) -> Duration {
        let third = self.total_timeout(patience) / 3;
        // Else another would not be begun within the call's time.
        let has_time = third >= self.backoff.0.saturating_mul(2);
        let is_repeated = repeat == Repeat::Always && self.max_attempts(patience) > 1;
        if patience == Patience::Handler && is_repeated && has_time {
            self.attempt_timeout.min(third * 2)
        } else {
            self.attempt_timeout
        }
    }

    /// How often a call is sent at most.
    pub(super) const fn max_attempts(&self, patience: Patience) -> u32 {
        /// So many fit into the time, with the default waits.
        const BACKGROUND: u32 = 10;
        match patience {
            Patience::Handler => self.max_attempts,
            Patience::Background if 1 < self.max_attempts && self.max_attempts < BACKGROUND => {
                BACKGROUND
            }
            Patience::Background => self.max_attempts,
            Patience::Worker => 1,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(3),
            max_attempts: 3,
            backoff: (Duration::from_millis(200), Duration::from_secs(5)),
            max_retry_after: Duration::from_secs(60),
            retry_budget: (10, 0.2),
            repeat_leads: false,
            send_occurred_at: None,
        }
    }
}
