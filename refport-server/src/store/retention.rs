use std::sync::atomic::{AtomicU32, Ordering};

use refport_core::Timestamp;

use super::StoreError;
use crate::domain::DAY_MS;

/// At most so many refused reports are kept.
pub(super) const MOST_REFUSALS: i64 = 100_000;
/// So many are let go in one transaction at most, so that no sale waits for it.
pub(super) const PURGE: i64 = 1_000;

/// For how long refused reports are kept.
#[derive(Debug)]
pub(super) struct Retention(AtomicU32);

impl Default for Retention {
    fn default() -> Self {
        Self(AtomicU32::new(90))
    }
}

impl Retention {
    pub(super) fn set_days(&self, days: u32) {
        self.0.store(days, Ordering::Relaxed);
    }

    /// What arrived before this, in milliseconds since 1970, may go.
    pub(super) fn before(&self) -> i64 {
        let days = i64::from(self.0.load(Ordering::Relaxed));
        Timestamp::now().as_millis() - days * DAY_MS
    }
}

/// They are looked for again in an hour.
pub(super) fn not_purged(error: &StoreError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "old refused reports were not let go"
    );
}
