use std::{fmt, str::FromStr, time::SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

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
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// The present, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let now = OffsetDateTime::now_utc();
        Self::whole_millis(now).unwrap_or(Self(now))
    }

    /// Without what is below a millisecond, so that the value and its text are the same.
    fn whole_millis(instant: OffsetDateTime) -> Result<Self, ParseTimestampError> {
        let millis = instant.unix_timestamp_nanos().div_euclid(NANOS_IN_MILLI);
        let millis = i64::try_from(millis).map_err(|_| ParseTimestampError(()))?;
        Self::from_millis(millis)
    }

    /// The instant `millis` milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    ///
    /// When the instant lies outside of the years 0 to 9999, those of RFC 3339.
    pub fn from_millis(millis: i64) -> Result<Self, ParseTimestampError> {
        let nanos = i128::from(millis) * NANOS_IN_MILLI;
        match OffsetDateTime::from_unix_timestamp_nanos(nanos) {
            Ok(instant) if instant.year() >= 0 => Ok(Self(instant)),
            _ => Err(ParseTimestampError(())),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, negative before.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        let millis = self.0.unix_timestamp_nanos() / NANOS_IN_MILLI;
        i64::try_from(millis).expect("ten thousand years have fewer milliseconds")
    }
}

const NANOS_IN_MILLI: i128 = 1_000_000;

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = OffsetDateTime::parse(text, &Rfc3339);
        Self::whole_millis(instant.map_err(|_| ParseTimestampError(()))?)
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
        let Self(instant) = self;
        let (year, month, day) = instant.to_calendar_date();
        let (hour, minute, second, milli) = instant.to_hms_milli();
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
        )
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

/// A field that may be absent or `null`: text in the form of RFC 3339, or milliseconds since 1970 as a
/// number, as programs that are not ours may write it. What is below a millisecond is cut off.
pub(crate) fn text_or_millis<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let instant = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(text) => text.parse(),
        Value::Number(number) => match number.as_i64().or_else(|| floor(number.as_f64()?)) {
            Some(millis) => Timestamp::from_millis(millis),
            None => Err(ParseTimestampError(())),
        },
        _ => Err(ParseTimestampError(())),
    };
    instant.map(Some).map_err(de::Error::custom)
}

fn floor(number: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates far outside of the calendar"
    )]
    number.is_finite().then(|| number.floor() as i64)
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
    fn a_field_may_be_text_or_a_number() {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default, deserialize_with = "text_or_millis")]
            at: Option<Timestamp>,
        }
        let read = |field: &str| serde_json::from_str::<Body>(field).map(|body| body.at);
        let at = |millis| Some(Timestamp::from_millis(millis).unwrap());
        for (body, want) in [
            ("{}", None),
            (r#"{"at":null}"#, None),
            (
                r#"{"at":"2026-11-21T09:30:00.123+01:00"}"#,
                at(1_795_249_800_123),
            ),
            (r#"{"at":1795249800123}"#, at(1_795_249_800_123)),
            // As Postgres has it, of its seconds.
            (r#"{"at":1795249800123.456000}"#, at(1_795_249_800_123)),
            (r#"{"at":-0.5}"#, at(-1)),
        ] {
            assert_eq!(read(body).unwrap(), want, "{body}");
        }
        for body in [
            r#"{"at":"yesterday"}"#,
            r#"{"at":"1795249800123"}"#,
            r#"{"at":1e300}"#,
            r#"{"at":18446744073709551615}"#,
            r#"{"at":true}"#,
            r#"{"at":{}}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn milliseconds_both_ways() {
        let timestamp = Timestamp::from_millis(1_795_249_800_123).unwrap();
        assert_eq!(timestamp.as_millis(), 1_795_249_800_123);
        assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        let bounds = ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"];
        for text in bounds {
            let bound: Timestamp = text.parse().unwrap();
            assert_eq!(bound.to_string(), text);
            assert_eq!(Timestamp::from_millis(bound.as_millis()), Ok(bound));
        }
        let [first, last] = bounds.map(|text| text.parse::<Timestamp>().unwrap().as_millis());
        for outside in [first - 1, last + 1, i64::MIN, i64::MAX] {
            assert!(Timestamp::from_millis(outside).is_err(), "{outside}");
        }
        let early: Timestamp = "1969-12-31T23:59:59.9995Z".parse().unwrap();
        assert_eq!(early.as_millis(), -1);
        assert_eq!(early.to_string().parse(), Ok(early));
    }
}
