use std::time::Duration;

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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            max_attempts: 3,
            backoff: (Duration::from_millis(200), Duration::from_secs(5)),
            max_retry_after: Duration::from_secs(60),
            retry_budget: (10, 0.2),
            repeat_leads: false,
        }
    }
}
