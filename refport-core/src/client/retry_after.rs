//! How long a service asks to wait, in all the forms that are met.

use std::time::{Duration, SystemTime};

/// From here on a number is a date in seconds since 1970 (2001), not a wait.
const EPOCH_SECONDS: f64 = 1e9;
/// From here on it is one in milliseconds.
const EPOCH_MILLIS: f64 = 1e12;

/// Reads a `Retry-After` header: seconds, also with a fraction; an HTTP date (RFC 9110, 10.2.3);
/// and, against the letter but met in the wild, a date as seconds or milliseconds since 1970.
///
/// A date that is past is no wait at all; what is none of them is ignored.
pub(super) fn parse(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if let Ok(number) = text.parse::<f64>() {
        return of_number(number, now);
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn of_number(number: f64, now: SystemTime) -> Option<Duration> {
    let since_epoch = |seconds: f64| {
        let until =
            SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        Some(until.duration_since(now).unwrap_or_default())
    };
    match number {
        _ if number.is_nan() || number < 0.0 => None,
        _ if number >= EPOCH_MILLIS => since_epoch(number / 1000.0),
        _ if number >= EPOCH_SECONDS => since_epoch(number),
        _ => Duration::try_from_secs_f64(number).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_500);
        let date = httpdate::fmt_http_date(now + Duration::from_secs(60));
        let cases: [(&str, Option<f64>); 16] = [
            ("7", Some(7.0)),
            (" 0 ", Some(0.0)),
            ("1.5", Some(1.5)),
            ("999999999", Some(999_999_999.0)),
            ("1800000010", Some(9.5)),
            ("1800000010500", Some(10.0)),
            ("1800000000", Some(0.0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0.0)),
            (&date, Some(59.5)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("1e400", None),
            ("1 s", None),
        ];
        for (text, want) in cases {
            let wait = parse(text.as_bytes(), now).map(|wait| wait.as_secs_f64());
            match (wait, want) {
                (Some(wait), Some(want)) => assert!((wait - want).abs() < 0.01, "{text}: {wait}"),
                (wait, want) => assert_eq!(wait, want, "{text}"),
            }
        }
        assert_eq!(parse(b"\xff", now), None);
    }
}
