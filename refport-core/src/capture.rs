//! The rules by which a click is captured: what the landing URL and the cookies say, and what
//! cookie is to be written.
//!
//! Plain functions over `&str` and bytes. `refport-tower`'s `CaptureLayer` and `refport-actix`'s
//! `CaptureMiddleware` both call them; a framework of your own can do the same:
//!
//! ```
//! use refport_core::capture::{Capture, Landing};
//!
//! let capture = Capture::new();
//! let landing = Landing::new("GET", "/pricing", Some("refp_id=clk_1&plan=pro")).https(true);
//! let captured = capture.decide(&landing, ["theme=dark"]).expect("the URL carries a click");
//!
//! assert_eq!(captured.click_id().unwrap().as_str(), "clk_1");
//! assert_eq!(
//!     captured.set_cookie().unwrap(),
//!     "refp_id=clk_1; SameSite=Lax; Secure; Path=/; Max-Age=7776000"
//! );
//! ```

use std::{borrow::Cow, time::Duration};

use ::cookie::{Cookie, SameSite};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{ClickId, CookieName};

/// Which click is kept, and how its cookie is written.
///
/// The defaults are those of the official browser SDK (`refport-js`): parameter and cookie
/// `refp_id`, 90 days, `Path=/`, `SameSite=Lax`, `Secure` on https, host-only, not `HttpOnly`
/// (that SDK must be able to read it), last click wins. Only the cleaning of the URL is off here,
/// because on a server it costs a redirect.
#[derive(Clone, Debug)]
#[must_use]
pub struct Capture {
    param: Cow<'static, str>,
    cookie_name: CookieName,
    max_age: Duration,
    domain: Option<String>,
    secure: Option<bool>,
    first_click_wins: bool,
    clean_url: bool,
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl Capture {
    /// 90 days.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    /// The rules of the official browser SDK.
    pub const fn new() -> Self {
        Self {
            param: Cow::Borrowed("refp_id"),
            cookie_name: CookieName::REFPORT,
            max_age: Self::DEFAULT_MAX_AGE,
            domain: None,
            secure: None,
            first_click_wins: false,
            clean_url: false,
        }
    }

    /// The query parameter that carries the click ID. Default `refp_id`.
    pub fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = param.into();
        self
    }

    /// The cookie to write. Default [`CookieName::REFPORT`].
    pub fn cookie_name(mut self, name: CookieName) -> Self {
        self.cookie_name = name;
        self
    }

    /// How long the browser keeps the cookie, in whole seconds. Default 90 days; browsers cap it
    /// at 400 days.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The cookie's `Domain`, so that subdomains see it too. Default none: the cookie belongs to
    /// the very host that set it.
    ///
    /// # Errors
    ///
    /// When `domain` is not a host name (letters, digits, `-` and dots; a leading dot is allowed).
    pub fn domain(mut self, domain: &str) -> Result<Self, ParseDomainError> {
        let labels = domain.strip_prefix('.').unwrap_or(domain);
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !labels.split('.').all(is_label) {
            return Err(ParseDomainError(()));
        }
        self.domain = Some(domain.to_owned());
        Ok(self)
    }

    /// Whether the cookie is `Secure`. Default: when the request is known to have come by https.
    ///
    /// It seldom is: an HTTP/1.1 request does not say, and behind a proxy that ends TLS no
    /// request does. Say `true` on every site that is served by https only.
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = Some(secure);
        self
    }

    /// Keeps the click that is in the cookie when a second link is followed. Default: the last
    /// click wins.
    pub const fn first_click_wins(mut self) -> Self {
        self.first_click_wins = true;
        self
    }

    /// Whether a page navigation is redirected to the same URL without the parameter. Default
    /// off.
    ///
    /// The redirect is a `302` to the path and the other parameters as they came, so put the
    /// layer where it sees the path that the browser sees (outside of nested routers).
    pub const fn clean_url(mut self, clean_url: bool) -> Self {
        self.clean_url = clean_url;
        self
    }

    /// The cookie these rules write.
    #[must_use]
    pub const fn name(&self) -> &CookieName {
        &self.cookie_name
    }

    /// The value of a `Set-Cookie` header that makes the browser drop the cookie these rules write:
    /// ASCII without control characters.
    ///
    /// A browser drops the one of the same name, path and domain, so use the rules that captured.
    /// A cookie that somebody else wrote with another domain or path stays.
    ///
    /// `Secure` is there only where [`secure`](Self::secure) says so, since a handler seldom knows
    /// of https; a `Secure` cookie is dropped without it, too, wherever the browser sends it.
    ///
    /// Nothing calls this by itself: see [`Acknowledged`](crate::track::Acknowledged) for when.
    #[must_use]
    pub fn clear_cookie(&self) -> String {
        self.cookie(String::new(), Duration::ZERO, false)
    }

    /// Decides what to do about one request: `None` when its URL carries no valid click ID.
    ///
    /// `cookie_headers` are the values of all its `Cookie` headers. The parameter is read as the
    /// browser does (`application/x-www-form-urlencoded`); the first valid value counts.
    pub fn decide<I>(&self, landing: &Landing<'_>, cookie_headers: I) -> Option<Captured>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let query = landing.query.filter(|_| landing.method == "GET")?;
        let click_id = self.read_param(query)?;
        let redirect = (self.clean_url && landing.navigation)
            .then(|| self.clean(landing.path, query))
            .flatten();
        let kept = self.first_click_wins
            && ClickId::from_cookie_headers_named(&self.cookie_name, cookie_headers).is_some();
        Some(if kept {
            Captured {
                click_id: None,
                set_cookie: None,
                redirect,
            }
        } else {
            Captured {
                set_cookie: Some(self.set_cookie(&click_id, landing.https)),
                click_id: Some(click_id),
                redirect,
            }
        })
    }

    fn read_param(&self, query: &str) -> Option<ClickId> {
        form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| *name == self.param)
            .find_map(|(_, value)| ClickId::from_bytes(value.as_bytes()).ok())
    }

    fn set_cookie(&self, click_id: &ClickId, https: bool) -> String {
        let value = utf8_percent_encode(click_id.as_str(), ENCODE_URI_COMPONENT).to_string();
        self.cookie(value, self.max_age, https)
    }

    fn cookie(&self, value: String, max_age: Duration, https: bool) -> String {
        let max_age = max_age.as_secs().try_into().unwrap_or(i64::MAX);
        let mut cookie = Cookie::build((self.cookie_name.as_str(), value))
            .path("/")
            .max_age(time::Duration::seconds(max_age))
            .same_site(SameSite::Lax)
            .secure(self.secure.unwrap_or(https));
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain.as_str());
        }
        cookie.build().to_string()
    }

    /// The URL without our parameter, every other byte of it kept. `None` where no safe address
    /// can be given: a path that begins with two slashes would lead to another host.
    fn clean(&self, path: &str, query: &str) -> Option<String> {
        // Browsers drop control characters from an address, and take `\` for a slash.
        let odd = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
        if !path.starts_with('/') || path[1..].starts_with(['/', '\\']) || odd(path) || odd(query) {
            return None;
        }
        let is_ours = |pair: &&str| {
            form_urlencoded::parse(pair.as_bytes())
                .next()
                .is_some_and(|(name, _)| name == self.param)
        };
        let rest: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
        Some(if rest.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", rest.join("&"))
        })
    }
}

/// What JavaScript's `encodeURIComponent` escapes, which the browser SDK calls on what it writes.
const ENCODE_URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The parts of a request that capturing looks at.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Landing<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    https: bool,
    navigation: bool,
}

impl<'a> Landing<'a> {
    /// A request's method, and its path and query as they came. Only `GET` lands on a page.
    pub const fn new(method: &'a str, path: &'a str, query: Option<&'a str>) -> Self {
        Self {
            method,
            path,
            query,
            https: false,
            navigation: false,
        }
    }

    /// Whether the request is known to have come by https. Default no.
    pub const fn https(mut self, https: bool) -> Self {
        self.https = https;
        self
    }

    /// Whether a browser asks for a page to show, see [`is_page_navigation`]. Default no.
    pub const fn navigation(mut self, navigation: bool) -> Self {
        self.navigation = navigation;
        self
    }
}

/// Whether a `GET` with these headers is a browser navigating to a page, and no script's fetch,
/// image, or frame: by `Sec-Fetch-Mode` and `Sec-Fetch-Dest` where the browser sends them, else
/// by an `Accept` that asks for HTML.
#[must_use]
pub fn is_page_navigation(
    sec_fetch_mode: Option<&[u8]>,
    sec_fetch_dest: Option<&[u8]>,
    accept: Option<&[u8]>,
) -> bool {
    match (sec_fetch_mode, sec_fetch_dest) {
        (None, None) => {
            accept.is_some_and(|accept| memchr::memmem::find(accept, b"text/html").is_some())
        }
        (mode, dest) => {
            mode.is_none_or(|mode| mode == b"navigate")
                && dest.is_none_or(|dest| dest == b"document")
        }
    }
}

/// What [`Capture::decide`] says is to be done.
#[derive(Clone, Debug)]
pub struct Captured {
    click_id: Option<ClickId>,
    set_cookie: Option<String>,
    redirect: Option<String>,
}

impl Captured {
    /// The ID that this very request is to see, in place of an older one. `None` where the first
    /// click wins and there was one.
    #[must_use]
    pub const fn click_id(&self) -> Option<&ClickId> {
        self.click_id.as_ref()
    }

    /// The value of the `Set-Cookie` header to add to the answer: ASCII without control
    /// characters.
    #[must_use]
    pub fn set_cookie(&self) -> Option<&str> {
        self.set_cookie.as_deref()
    }

    /// Where to redirect to (`302`, not to be cached) instead of answering.
    #[must_use]
    pub fn redirect(&self) -> Option<&str> {
        self.redirect.as_deref()
    }
}

/// Text that is not a host name and cannot be a cookie's domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cookie domain is not a host name: use letters, digits and `-` between dots, as in `example.com`"
)]
pub struct ParseDomainError(());

#[cfg(test)]
mod tests {
    use super::*;

    const NO_COOKIES: [&str; 0] = [];

    fn landing(query: &str) -> Landing<'_> {
        Landing::new("GET", "/", Some(query))
    }

    #[test]
    fn landing_url_table() {
        let cases = [
            ("refp_id=clk_1", Some("clk_1")),
            ("a=1&refp_id=clk_1&b=2", Some("clk_1")),
            ("refp_id=clk%5F1", Some("clk_1")),
            ("refp%5Fid=clk_1", Some("clk_1")),
            ("", None),
            ("refp_id", None),
            ("refp_id=", None),
            ("refp_id=&refp_id=clk_2", Some("clk_2")),
            ("refp_id=clk_1&refp_id=clk_2", Some("clk_1")),
            ("refp_id=a+b", None),
            ("refp_id=a%20b", None),
            ("refp_id=a%0d%0aSet-Cookie:x", None),
            ("Refp_Id=clk_1", None),
            ("xrefp_id=clk_1", None),
        ];
        for (query, want) in cases {
            let captured = Capture::new().decide(&landing(query), NO_COOKIES);
            let id = captured.as_ref().and_then(Captured::click_id);
            assert_eq!(id.map(ClickId::as_str), want, "{query}");
        }
    }

    #[test]
    fn only_a_get_lands() {
        for method in ["POST", "HEAD", "PUT", "OPTIONS"] {
            let landing = Landing::new(method, "/", Some("refp_id=clk_1"));
            assert!(
                Capture::new().decide(&landing, NO_COOKIES).is_none(),
                "{method}"
            );
        }
        let landing = Landing::new("GET", "/", None);
        assert!(Capture::new().decide(&landing, NO_COOKIES).is_none());
    }

    #[test]
    fn cookie_follows_the_settings() {
        let cookie = |capture: Capture, https| {
            let landing = landing("refp_id=clk_1").https(https);
            let captured = capture.decide(&landing, NO_COOKIES).unwrap();
            captured.set_cookie().unwrap().to_owned()
        };
        let plain = "refp_id=clk_1; SameSite=Lax; Path=/; Max-Age=7776000";
        assert_eq!(cookie(Capture::new(), false), plain);
        assert!(cookie(Capture::new(), true).contains("; Secure"));
        assert!(cookie(Capture::new().secure(true), false).contains("; Secure"));
        assert!(!cookie(Capture::new().secure(false), true).contains("Secure"));
        let acme = Capture::new()
            .cookie_name(CookieName::new("acme").unwrap())
            .max_age(Duration::from_secs(60))
            .domain("shop.example.com")
            .unwrap();
        assert_eq!(
            cookie(acme, false),
            "acme=clk_1; SameSite=Lax; Path=/; Domain=shop.example.com; Max-Age=60"
        );
    }

    #[test]
    fn clearing_says_all_that_writing_said() {
        let acme = CookieName::new("acme").unwrap();
        let rules = [
            Capture::new(),
            Capture::new().secure(true),
            Capture::new()
                .secure(false)
                .max_age(Duration::from_secs(60)),
            Capture::new()
                .cookie_name(acme)
                .domain(".example.com")
                .unwrap(),
        ];
        for capture in rules {
            let captured = capture.decide(&landing("refp_id=clk_1"), NO_COOKIES);
            let written = captured.unwrap().set_cookie().unwrap().to_owned();
            let age = format!("Max-Age={}", capture.max_age.as_secs());
            let want = written.replace("=clk_1;", "=;").replace(&age, "Max-Age=0");
            assert_eq!(capture.clear_cookie(), want);
        }
        assert_eq!(
            Capture::new().clear_cookie(),
            "refp_id=; SameSite=Lax; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for id in ["clk_1", "50%41", "a=b&c", "!#$%&'()*+-./:<=>?@[]^_`{|}~"] {
            let id: ClickId = id.parse().unwrap();
            let query: String = form_urlencoded::Serializer::new(String::new())
                .append_pair("refp_id", id.as_str())
                .finish();
            let captured = Capture::new().decide(&landing(&query), NO_COOKIES).unwrap();
            let cookie = captured.set_cookie().unwrap().split(';').next().unwrap();
            assert_eq!(ClickId::from_cookie_header(cookie), Some(id));
        }
    }

    #[test]
    fn last_click_wins_unless_told_otherwise() {
        let cookies = ["refp_id=clk_old"];
        let last = Capture::new()
            .decide(&landing("refp_id=clk_new"), cookies)
            .unwrap();
        assert_eq!(last.click_id().unwrap(), &"clk_new");
        let first = Capture::new().first_click_wins();
        let kept = first.decide(&landing("refp_id=clk_new"), cookies).unwrap();
        assert!(kept.click_id().is_none() && kept.set_cookie().is_none());
        let fresh = first
            .decide(&landing("refp_id=clk_new"), ["refp_id="])
            .unwrap();
        assert_eq!(
            fresh.click_id().unwrap(),
            &"clk_new",
            "an empty cookie is no first click"
        );
    }

    #[test]
    fn clean_url_keeps_every_other_byte() {
        let clean = |path, query| {
            let landing = Landing::new("GET", path, Some(query)).navigation(true);
            let captured = Capture::new()
                .clean_url(true)
                .decide(&landing, NO_COOKIES)
                .unwrap();
            captured.redirect().map(str::to_owned)
        };
        assert_eq!(clean("/", "refp_id=clk_1").as_deref(), Some("/"));
        assert_eq!(
            clean("/a%20b", "x=%7e+&refp_id=clk_1&&y").as_deref(),
            Some("/a%20b?x=%7e+&&y")
        );
        assert_eq!(
            clean("/", "refp%5Fid=clk_1&refp_id=&a=refp_id").as_deref(),
            Some("/?a=refp_id")
        );
        assert_eq!(clean("//evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/\\evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/\t/evil.example", "refp_id=clk_1"), None);
        assert_eq!(clean("/", "refp_id=clk_1&a=\r\nb"), None);
    }

    #[test]
    fn only_navigations_are_redirected_and_only_on_request() {
        let decide = |capture: Capture, navigation| {
            let landing = landing("refp_id=clk_1").navigation(navigation);
            capture
                .decide(&landing, NO_COOKIES)
                .unwrap()
                .redirect
                .is_some()
        };
        assert!(decide(Capture::new().clean_url(true), true));
        assert!(!decide(Capture::new().clean_url(true), false));
        assert!(!decide(Capture::new(), true));
    }

    #[test]
    fn navigation_table() {
        let navigation = |mode: &str, dest: &str, accept: &str| {
            let bytes = |text: &'static str| (!text.is_empty()).then_some(text.as_bytes());
            let leak = |text: &str| bytes(String::from(text).leak());
            is_page_navigation(leak(mode), leak(dest), leak(accept))
        };
        assert!(navigation("navigate", "document", "*/*"));
        assert!(navigation("", "", "text/html,application/xhtml+xml"));
        assert!(!navigation("cors", "empty", "text/html"));
        assert!(!navigation("navigate", "iframe", "text/html"));
        assert!(!navigation("", "", "application/json"));
        assert!(!navigation("", "", ""));
    }

    #[test]
    fn a_domain_is_a_host_name() {
        for domain in ["example.com", ".example.com", "a-b.c"] {
            assert!(Capture::new().domain(domain).is_ok(), "{domain}");
        }
        for domain in [
            "",
            ".",
            "a..b",
            "a;b",
            "a b",
            "ex\u{e4}mple.com",
            "example.com; HttpOnly",
        ] {
            assert!(Capture::new().domain(domain).is_err(), "{domain}");
        }
    }
}
