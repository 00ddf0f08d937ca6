use std::time::{Duration, SystemTime};

/// Reads a `Retry-After` header: whole seconds or an HTTP date (RFC 9110, 10.2.3). A date that is
/// past is no wait at all; what is neither is ignored.
pub(super) fn parse(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        assert_eq!(parse(b"7"), Some(Duration::from_secs(7)));
        assert_eq!(parse(b" 0 "), Some(Duration::ZERO));
        assert_eq!(
            parse(b"Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        let ahead = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
        let wait = parse(ahead.as_bytes()).unwrap();
        assert!(
            wait > Duration::from_secs(50) && wait <= Duration::from_secs(60),
            "{wait:?}"
        );
        for odd in [b"soon".as_slice(), b"", b"-1", b"\xff"] {
            assert_eq!(parse(odd), None);
        }
    }
}
