//! Lengths of time, as people read and write them.

use std::time::Duration;

use jiff::{RoundMode, Span, SpanRelativeTo, SpanRound, Unit};
use refport_outbox::refport_core::Timestamp;

/// A length of time as it is given on the command line: `30d`, `12h`, `1h 30m`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "give a length of time like 30d, 12h or 90s";
    let span: Span = text.parse().map_err(|_| WANTED.to_owned())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("months and years have no fixed length, {WANTED}"))?;
    Duration::try_from(duration).map_err(|_| format!("it is in the past, {WANTED}"))
}

/// A length of time in two units or so: `3d 4h`, `2h 5m`, `59s`.
pub(crate) fn show(length: Duration) -> String {
    let smallest = match length.as_secs() {
        0..3600 => Unit::Second,
        3600..86_400 => Unit::Minute,
        _ => Unit::Hour,
    };
    let round = SpanRound::new()
        .largest(Unit::Day)
        .smallest(smallest)
        .mode(RoundMode::Trunc)
        .days_are_24_hours();
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    let span = Span::new().try_seconds(seconds);
    span.and_then(|span| span.round(round))
        .map_or_else(|_| "ages".to_owned(), |span| format!("{span:#}"))
}

/// How long it is from one to the other; nothing where the other is not later.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Duration {
    let millis = end.as_millis().saturating_sub(start.as_millis());
    Duration::from_millis(millis.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read() {
        for (text, seconds) in [
            ("30d", 30 * 86_400),
            ("2w", 14 * 86_400),
            ("1h 30m", 5400),
            ("90s", 90),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, why) in [
            ("", "give a length"),
            ("30", "give a length"),
            ("soon", "give a length"),
            ("1mo", "no fixed length"),
            ("-30d", "in the past"),
            ("30d ago", "in the past"),
        ] {
            assert!(parse(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn lengths_are_shown_in_two_units() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (125, "2m 5s"),
            (7505, "2h 5m"),
            (90_061, "1d 1h"),
            (u64::MAX, "ages"),
        ] {
            assert_eq!(show(Duration::from_secs(seconds)), shown);
        }
    }
}
