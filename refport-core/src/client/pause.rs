use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::error::ApiError;

/// Until when a service has asked all callers to wait. Shared by all clones of a client, so that
/// one 429 is enough for all of them.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<Asked>>);

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) until: Instant,
    /// The answer in which it was asked.
    pub(super) by: ApiError,
}

impl Pause {
    /// The pause that is in force at `now`.
    pub(super) fn at(&self, now: Instant) -> Option<Asked> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.as_ref().is_some_and(|asked| asked.until <= now) {
            *asked = None;
        }
        asked.clone()
    }

    /// Extends the pause; a shorter one does not cut a longer one.
    pub(super) fn extend(&self, new: Asked) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.as_ref().is_none_or(|asked| asked.until < new.until) {
            *asked = Some(new);
        }
    }
}
