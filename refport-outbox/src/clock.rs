use std::{fmt, sync::Arc};

use refport_core::Timestamp;

/// Where the present comes from: milliseconds since 1970.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    pub(crate) fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    pub(crate) fn now(&self) -> i64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(|| Timestamp::now().as_millis())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A stored time. One that lies outside of the calendar is shown as 1970.
pub(crate) fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
        .or_else(|_| Timestamp::from_millis(0))
        .unwrap_or_else(|_| Timestamp::now())
}

/// A length of time as the tables count it: at least so long.
pub(crate) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
