//! What of a request the rules look at.

use http::{HeaderMap, HeaderName, header::COOKIE};

/// A request's headers, of whatever framework: what [`Landing`] needs of them.
///
/// Implemented for [`http::HeaderMap`]; a framework with headers of its own needs two methods.
pub trait RequestHeaders {
    /// The first value of the header `name`, which is in lower case.
    fn first(&self, name: &'static str) -> Option<&[u8]>;

    /// The values of all `Cookie` headers: HTTP/2 may send several.
    fn cookies(&self) -> impl Iterator<Item = &[u8]>;

    /// Whether the visitor's browser sends Global Privacy Control. Asked on every request.
    fn global_privacy_control(&self) -> bool {
        self.first("sec-gpc") == Some(b"1")
    }
}

impl RequestHeaders for HeaderMap {
    fn first(&self, name: &'static str) -> Option<&[u8]> {
        self.get(name).map(AsRef::as_ref)
    }

    fn cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.get_all(COOKIE).into_iter().map(AsRef::as_ref)
    }

    #[inline]
    fn global_privacy_control(&self) -> bool {
        static SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");
        self.get(&SEC_GPC).is_some_and(|value| value == "1")
    }
}

/// The parts of a request that capturing looks at.
#[derive(Debug)]
#[must_use]
pub struct Landing<'a, H> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a H,
    pub(super) https: bool,
}

impl<'a, H: RequestHeaders> Landing<'a, H> {
    /// A request's method, its path and query as they came, and its headers. Only `GET` lands on
    /// a page.
    pub const fn new(
        method: &'a str,
        path: &'a str,
        query: Option<&'a str>,
        headers: &'a H,
    ) -> Self {
        Self {
            method,
            path,
            query,
            headers,
            https: false,
        }
    }

    /// Whether the connection that the request came by is known to be https. Default no.
    pub const fn https(mut self, https: bool) -> Self {
        self.https = https;
        self
    }

    /// Whether a browser navigates to a page, and no script fetches, no image or frame loads: by
    /// `Sec-Fetch-Mode` and `Sec-Fetch-Dest` where the browser sends them, else by an `Accept`
    /// that asks for HTML.
    pub(super) fn is_page_navigation(&self) -> bool {
        let first = |name| self.headers.first(name);
        match (first("sec-fetch-mode"), first("sec-fetch-dest")) {
            (None, None) => first("accept")
                .is_some_and(|accept| memchr::memmem::find(accept, b"text/html").is_some()),
            (mode, dest) => {
                mode.is_none_or(|mode| mode == b"navigate")
                    && dest.is_none_or(|dest| dest == b"document")
            }
        }
    }

    /// Whether a browser loads the page before the visitor asks for it: by `Sec-Purpose`
    /// (`prefetch`, `prefetch;prerender`), and by what browsers sent before it.
    pub(super) fn is_speculative(&self) -> bool {
        ["sec-purpose", "purpose", "x-purpose", "x-moz"]
            .into_iter()
            .filter_map(|name| self.headers.first(name))
            .filter_map(|value| value.split(|&byte| byte == b';').next())
            .map(<[u8]>::trim_ascii)
            .any(|purpose| {
                ["prefetch", "prerender", "preview"]
                    .iter()
                    .any(|known| purpose.eq_ignore_ascii_case(known.as_bytes()))
            })
    }

    /// Whether the visitor came by https to the first proxy, as a proxy says by `Forwarded`
    /// (RFC 7239) or `X-Forwarded-Proto`.
    pub(super) fn is_forwarded_https(&self) -> bool {
        let first_of = |value: &'a [u8]| value.split(|&byte| byte == b',').next();
        if let Some(hop) = self.headers.first("forwarded").and_then(first_of) {
            return hop.split(|&byte| byte == b';').any(is_proto_https);
        }
        let proto = self.headers.first("x-forwarded-proto").and_then(first_of);
        proto.is_some_and(|proto| proto.trim_ascii().eq_ignore_ascii_case(b"https"))
    }
}

fn is_proto_https(parameter: &[u8]) -> bool {
    let parameter = parameter.trim_ascii().to_ascii_lowercase();
    matches!(&parameter[..], b"proto=https" | b"proto=\"https\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        headers: &[(&'static str, &'static str)],
        what: fn(&Landing<'_, HeaderMap>) -> bool,
    ) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        what(&Landing::new("GET", "/", None, &headers))
    }

    #[test]
    fn navigation_table() {
        let navigates = |headers: &[_]| ask(headers, |landing| landing.is_page_navigation());
        let html = ("accept", "text/html,application/xhtml+xml");
        assert!(navigates(&[
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("accept", "*/*")
        ]));
        assert!(navigates(&[html]));
        assert!(!navigates(&[
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            html
        ]));
        assert!(!navigates(&[
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
            html
        ]));
        assert!(!navigates(&[("accept", "application/json")]));
        assert!(!navigates(&[]));
    }

    #[test]
    fn speculation_table() {
        let speculates = |headers: &[_]| ask(headers, |landing| landing.is_speculative());
        for header in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch; anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-moz", "Prefetch"),
            ("x-purpose", "preview"),
        ] {
            assert!(speculates(&[header]), "{header:?}");
        }
        assert!(!speculates(&[]));
        assert!(!speculates(&[("sec-purpose", "speedy"), ("purpose", "")]));
    }

    #[test]
    fn forwarded_table() {
        let https = |headers: &[_]| ask(headers, |landing| landing.is_forwarded_https());
        let xfp = |value| [("x-forwarded-proto", value)];
        let forwarded = |value| [("forwarded", value)];
        for value in ["https", "HTTPS", " https , http"] {
            assert!(https(&xfp(value)), "{value}");
        }
        for value in ["http", "", "http, https", "httpsx"] {
            assert!(!https(&xfp(value)), "{value}");
        }
        for value in [
            "proto=https",
            "for=192.0.2.60;Proto=\"https\";by=203.0.113.43",
            "for=192.0.2.43; proto=https, for=198.51.100.17;proto=http",
        ] {
            assert!(https(&forwarded(value)), "{value}");
        }
        for value in [
            "proto=http",
            "for=192.0.2.43, proto=https",
            "host=proto=https",
        ] {
            assert!(!https(&forwarded(value)), "{value}");
        }
        assert!(!https(&[
            ("forwarded", "proto=http"),
            ("x-forwarded-proto", "https")
        ]));
        assert!(!https(&[]));
    }

    #[test]
    fn only_the_number_one_is_global_privacy_control() {
        let gpc = |headers: &[_]| ask(headers, |landing| landing.headers.global_privacy_control());
        assert!(gpc(&[("sec-gpc", "1")]));
        assert!(!gpc(&[("sec-gpc", "0")]));
        assert!(!gpc(&[("sec-gpc", "true")]));
        assert!(!gpc(&[]));
    }
}
