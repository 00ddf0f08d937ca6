use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant to the millisecond, read and written as RFC 3339 in UTC
/// (`2026-11-21T08:30:00.000Z`). What is below a millisecond is cut off.
///
/// ```
/// use refport_core::Timestamp;
///
/// let expires: Timestamp = "2026-11-21T08:30:00.000Z".parse()?;
/// assert_eq!(expires.as_millis(), 1_795_249_800_000);
/// assert!(std::time::SystemTime::from(expires) > std::time::UNIX_EPOCH);
/// # Ok::<(), refport_core::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The present, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        Self::whole_millis(jiff::Timestamp::now())
    }

    /// Without what is below a millisecond, so that the value and its text are the same.
    fn whole_millis(instant: jiff::Timestamp) -> Self {
        let millis = instant.as_nanosecond().div_euclid(1_000_000);
        let millis = i64::try_from(millis)
            .ok()
            .and_then(|millis| Self::from_millis(millis).ok());
        millis.unwrap_or(Self(instant))
    }

    /// The instant `millis` milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// When the instant lies outside of the years -9999 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, ParseTimestampError> {
        jiff::Timestamp::from_millisecond(millis)
            .map(Self)
            .map_err(|_| ParseTimestampError(()))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, negative before.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self::whole_millis)
            .map_err(|_| ParseTimestampError(()))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0.into()
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// Text or a number that is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an instant in the form of RFC 3339, as in `2026-11-21T08:30:00Z`")]
pub struct ParseTimestampError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_any_offset_and_writes_utc_with_milliseconds() {
        let cases = [
            ("2026-11-21T08:30:00.000Z", "2026-11-21T08:30:00.000Z"),
            ("2026-11-21T08:30:00Z", "2026-11-21T08:30:00.000Z"),
            ("2026-11-21T09:30:00.5+01:00", "2026-11-21T08:30:00.500Z"),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), want);
        }
        for text in ["", "tomorrow", "2026-11-21", "2026-13-01T00:00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn milliseconds_both_ways() {
        let timestamp = Timestamp::from_millis(1_795_249_800_123).unwrap();
        assert_eq!(timestamp.as_millis(), 1_795_249_800_123);
        assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        assert!(Timestamp::from_millis(i64::MAX).is_err());
        let early: Timestamp = "1969-12-31T23:59:59.9995Z".parse().unwrap();
        assert_eq!(early.as_millis(), -1);
        assert_eq!(early.to_string().parse(), Ok(early));
    }
}
