//! What of a request the rules look at.

use http::{HeaderMap, HeaderName, Uri, header::COOKIE};

use super::host;

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
    pub(super) shown_path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a H,
    pub(super) https: bool,
    pub(super) authority: Option<&'a str>,
}

impl<'a, H: RequestHeaders> Landing<'a, H> {
    /// A request's method, its path and query as they came, and its headers. Only `GET` lands on
    /// a page.
    #[inline]
    pub const fn new(
        method: &'a str,
        path: &'a str,
        query: Option<&'a str>,
        headers: &'a H,
    ) -> Self {
        Self {
            method,
            path,
            shown_path: path,
            query,
            headers,
            https: false,
            authority: None,
        }
    }

    /// Whether the connection that the request came by is known to be https. Default no.
    #[inline]
    pub const fn https(mut self, https: bool) -> Self {
        self.https = https;
        self
    }

    /// The host and port of the request's URI, which stand for a `Host` header in HTTP/2.
    #[inline]
    pub const fn authority(mut self, authority: Option<&'a str>) -> Self {
        self.authority = authority;
        self
    }

    /// The path that the browser shows, where a router has cut its own part off the request's.
    #[inline]
    pub const fn shown_path(mut self, path: &'a str) -> Self {
        self.shown_path = path;
        self
    }

    /// Whether the visitor follows a link, by what the browser says: no picture, frame, script or
    /// `fetch` of a page is a click. A client that says nothing is believed.
    pub(super) fn is_navigation(&self) -> bool {
        let is = |name, value: &[u8]| self.headers.first(name).is_none_or(|said| said == value);
        is("sec-fetch-mode", b"navigate") && is("sec-fetch-dest", b"document")
    }

    /// Whether a browser navigates to a page: as [`is_navigation`](Self::is_navigation) and, where
    /// it does not say so, by an `Accept` that asks for HTML.
    pub(super) fn is_page_navigation(&self) -> bool {
        let first = |name| self.headers.first(name);
        let says = first("sec-fetch-mode").or_else(|| first("sec-fetch-dest"));
        let accepts_html = || {
            first("accept")
                .is_some_and(|accept| memchr::memmem::find(accept, b"text/html").is_some())
        };
        self.is_navigation() && (says.is_some() || accepts_html())
    }

    /// Whether a browser loads the page before the visitor asks for it: by `Sec-Purpose`
    /// (`prefetch`, `prefetch;prerender`), and by what browsers sent before it.
    pub(super) fn is_speculative(&self) -> bool {
        is_speculative(self.headers)
    }

    /// Whether the request comes from a page of this very site. What says nothing does not.
    pub(super) fn is_same_origin(&self) -> bool {
        match self.headers.first("sec-fetch-site") {
            Some(site) => site == b"same-origin",
            None => self
                .origin()
                .is_some_and(|origin| self.is_host(authority_of(&origin))),
        }
    }

    /// The page that the request comes from, where that is one of this very site.
    pub(super) fn referring_page(&self) -> Option<Uri> {
        let referer = Uri::try_from(self.headers.first("referer")?).ok()?;
        let origin = self.origin();
        let from = authority_of(&referer);
        let is_ours = from.is_some() && from == origin.as_ref().and_then(authority_of);
        (is_ours || self.is_host(from)).then_some(referer)
    }

    /// Whether the request's host is the machine itself, which browsers reach by plain http, too.
    pub(super) fn is_loopback(&self) -> bool {
        self.host().is_some_and(host::is_loopback)
    }

    /// Whether the visitor came by https to the first proxy, as a proxy says by `Forwarded`
    /// (RFC 7239) or else `X-Forwarded-Proto`; `None` where neither says.
    pub(super) fn forwarded_https(&self) -> Option<bool> {
        let first = |name| std::str::from_utf8(self.headers.first(name)?).ok();
        let forwarded = first("forwarded").and_then(host::forwarded_proto);
        let proto = forwarded.or_else(|| first("x-forwarded-proto")?.split(',').next());
        let proto = proto.map(str::trim).filter(|proto| !proto.is_empty())?;
        Some(proto.eq_ignore_ascii_case("https"))
    }

    fn origin(&self) -> Option<Uri> {
        Uri::try_from(self.headers.first("origin")?).ok()
    }

    fn host(&self) -> Option<&str> {
        let header = self.headers.first("host");
        header
            .and_then(|host| std::str::from_utf8(host).ok())
            .or(self.authority)
    }

    fn is_host(&self, authority: Option<&str>) -> bool {
        matches!((authority, self.host()), (Some(one), Some(other)) if one.eq_ignore_ascii_case(other))
    }
}

fn authority_of(uri: &Uri) -> Option<&str> {
    uri.authority().map(http::uri::Authority::as_str)
}

/// Whether a browser sends a request with these headers ahead of the visitor: it loads a page that
/// may never be opened (`Sec-Purpose: prefetch`, `prefetch;prerender`, and what was sent before it).
///
/// A service that counts such a request counts a visit that nobody made. Answered `503` with
/// `Cache-Control: no-store`, the browser asks again once the visitor does.
pub fn is_speculative<H: RequestHeaders>(headers: &H) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"]
        .into_iter()
        .filter_map(|name| headers.first(name))
        .filter_map(|value| value.split(|&byte| byte == b';').next())
        .map(<[u8]>::trim_ascii)
        .any(|purpose| {
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|known| purpose.eq_ignore_ascii_case(known.as_bytes()))
        })
}
