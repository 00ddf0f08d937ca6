use std::time::SystemTime;

/// In seconds.
pub(crate) const DAY: i64 = 24 * 60 * 60;

/// Seconds since 1970.
pub(crate) fn unix_now() -> anyhow::Result<i64> {
    Ok(SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs()
        .try_into()?)
}
