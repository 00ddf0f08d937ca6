//! The settings of capturing.

use std::{borrow::Cow, time::Duration};

use super::{ParseDomainError, SameSite, domain, url_id};
use crate::CookieName;
#[cfg(feature = "signed")]
use crate::signing::SigningKeys;

/// Which click is kept, and how its cookie is written.
///
/// The defaults are those of the official browser SDK (`refport-js`): parameter and cookie
/// `refp_id`, 90 days, `Path=/`, `SameSite=Lax`, `Secure` on https, host-only, not `HttpOnly`
/// (that SDK must be able to read it), last click wins. Only the cleaning of the URL is off here,
/// because on a server it costs a redirect.
///
/// | setting | default | |
/// |---|---|---|
/// | [`param`](Self::param) | `refp_id` | the parameter of the landing URL |
/// | [`id_prefix`](Self::id_prefix) | none | how the IDs of the parameter begin |
/// | [`cookie_name`](Self::cookie_name) | `refp_id` | the cookie |
/// | [`max_age`](Self::max_age) | 90 days | how long the browser keeps it |
/// | [`path`](Self::path), [`domain`](Self::domain) | `/`, none | where the browser sends it |
/// | [`same_site`](Self::same_site) | `Lax` | whether it goes with requests from other sites |
/// | [`secure`](Self::secure), [`trust_forwarded_proto`](Self::trust_forwarded_proto) | by the connection | whether it goes by https only |
/// | [`http_only`](Self::http_only) | off | whether scripts cannot read it |
/// | [`first_click_wins`](Self::first_click_wins) | off | whether a second link changes nothing |
/// | [`overwrite_after`](Self::overwrite_after) | at once | how soon a second link may |
/// | [`clean_url`](Self::clean_url) | off | whether the parameter is taken off by a redirect |
/// | [`ignore_global_privacy_control`](Self::ignore_global_privacy_control) | off | whether `Sec-GPC: 1` counts for nothing |
/// | `signed_by` (feature `signed`) | none | whether IDs are told apart that the site did not capture |
///
/// # IDs on the URL
///
/// Blanks around a value are taken off, and it is cut at the first character that is in no ID of
/// Refport, Partli or `refport-server`: all but letters, digits and `* + - . : @ _ ~` of ASCII. Then
/// dots and colons at its end go. Nothing, or a word that programs write for nothing (`undefined`,
/// `null`, `click_id`), is no click. Where the parameter has no ID, the first one counts that
/// follows on a second `?`, a `;`, or the rest of an HTML escape, as in `a=1&amp;refp_id=clk_1`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Capture {
    pub(super) param: Cow<'static, str>,
    pub(super) id_prefix: Option<Cow<'static, str>>,
    pub(super) cookie_name: CookieName,
    pub(super) max_age: Duration,
    pub(super) path: Cow<'static, str>,
    pub(super) domain: Option<String>,
    pub(super) same_site: SameSite,
    pub(super) secure: Secure,
    pub(super) http_only: bool,
    pub(super) first_click_wins: bool,
    pub(super) overwrite_after: Option<Duration>,
    pub(super) clean_url: bool,
    pub(super) ignore_global_privacy_control: bool,
    #[cfg(feature = "signed")]
    pub(super) keys: Option<SigningKeys>,
}

/// How a cookie comes to be `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secure {
    ByScheme,
    ByProxy,
    Fixed(bool),
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
            id_prefix: None,
            cookie_name: CookieName::REFPORT,
            max_age: Self::DEFAULT_MAX_AGE,
            path: Cow::Borrowed("/"),
            domain: None,
            same_site: SameSite::Lax,
            secure: Secure::ByScheme,
            http_only: false,
            first_click_wins: false,
            overwrite_after: None,
            clean_url: false,
            ignore_global_privacy_control: false,
            #[cfg(feature = "signed")]
            keys: None,
        }
    }

    /// The query parameter that carries the click ID. Default `refp_id`.
    pub fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = param.into();
        self
    }

    /// How the IDs on the URL begin: after `prefix` come one or more letters and digits, and
    /// nothing else, or it is no click. Default none: any ID is one.
    ///
    /// For a site whose links are all from a server of its own: `refport-server` makes IDs with
    /// `clk_`. Cookies are read whatever they begin with.
    ///
    /// # Errors
    ///
    /// When no ID can begin so: `prefix` has a byte that is [cut from the URL](Self#ids-on-the-url),
    /// or 128 bytes or more.
    pub fn id_prefix(
        mut self,
        prefix: impl Into<Cow<'static, str>>,
    ) -> Result<Self, ParseIdPrefixError> {
        let prefix = prefix.into();
        if !url_id::is_prefix(&prefix) {
            return Err(ParseIdPrefixError(()));
        }
        self.id_prefix = Some(prefix);
        Ok(self)
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

    /// The cookie's `Path`: the part of the site whose requests carry it. Default `/`, which is
    /// all of it.
    ///
    /// # Errors
    ///
    /// When `path` does not begin with `/`, or has a `;` or bytes other than visible ASCII.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, ParsePathError> {
        let path = path.into();
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b';';
        if !path.starts_with('/') || !path.bytes().all(is_allowed) {
            return Err(ParsePathError(()));
        }
        self.path = path;
        Ok(self)
    }

    /// The cookie's `Domain`, so that subdomains see it too. Default none: the cookie belongs to
    /// the very host that set it.
    ///
    /// # Errors
    ///
    /// When `domain` is not a host name (letters, digits, `-` and dots; a leading dot is allowed),
    /// has one label, or is an address: browsers refuse such a cookie without a word. So they do
    /// for a public suffix such as `co.uk` or `github.io`, which the feature `public-suffix` finds
    /// in the [list](https://publicsuffix.org) as it was when the crate was built.
    pub fn domain(mut self, domain: &str) -> Result<Self, ParseDomainError> {
        domain::check(domain)?;
        self.domain = Some(domain.to_owned());
        Ok(self)
    }

    /// Whether the cookie goes with requests that come from other sites. Default
    /// [`SameSite::Lax`].
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Whether the cookie is `Secure`. Default: when the request is known to have come by https.
    ///
    /// It seldom is: an HTTP/1.1 request does not say, and behind a proxy that ends TLS no
    /// request does. Say `true` on every site that is served by https only.
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = Secure::Fixed(secure);
        self
    }

    /// Makes the cookie `Secure` also where a proxy says that the visitor came by https: by
    /// `Forwarded` (RFC 7239) or else `X-Forwarded-Proto`, of which the first entry counts, the
    /// proxy next to the visitor.
    ///
    /// For sites behind a proxy of your own that serve both http and https; where it is https
    /// alone, [`secure`](Self::secure) is simpler. A visitor who sends such a header changes no
    /// cookie but his own.
    pub const fn trust_forwarded_proto(mut self) -> Self {
        self.secure = Secure::ByProxy;
        self
    }

    /// Whether the cookie is `HttpOnly`: not to be read by scripts. Default off, because the
    /// browser SDK reads it.
    pub const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Keeps the click that is in the cookie when a second link is followed. Default: the last
    /// click wins.
    ///
    /// The browser SDK knows the last click only: where it runs beside, take the parameter off
    /// before it sees it, by [`clean_url`](Self::clean_url).
    pub const fn first_click_wins(mut self) -> Self {
        self.first_click_wins = true;
        self
    }

    /// How long a click is kept before a second link may overwrite it, against partners who put
    /// their own click over another's at the checkout. Default: a second link does so at once.
    ///
    /// The time stands in a second cookie, by the name of the first and `_hold`, that carries the
    /// same ID and lives that long; no clock is read. It protects clicks that were captured by
    /// these rules, and says nothing about one that a script wrote. As with
    /// [`first_click_wins`](Self::first_click_wins), the browser SDK does not know of it.
    pub const fn overwrite_after(mut self, time: Duration) -> Self {
        self.overwrite_after = Some(time);
        self
    }

    /// Whether a page navigation is redirected to the same URL without the parameter. Default
    /// off.
    ///
    /// The redirect is a `302` to the path and the other parameters as they came, so put the
    /// layer where it sees the path that the browser sees (outside of nested routers). Where
    /// nothing may be stored there is no redirect either: the click would be lost with it.
    pub const fn clean_url(mut self, clean_url: bool) -> Self {
        self.clean_url = clean_url;
        self
    }

    /// Counts `Sec-GPC: 1` for nothing. By default such a request is
    /// [denied](crate::consent::Consent::Denied) without asking.
    ///
    /// To decide otherwise case by case, say this and look at the header in a gate of your own: a
    /// visitor may have agreed to your site and yet send it to all sites.
    pub const fn ignore_global_privacy_control(mut self) -> Self {
        self.ignore_global_privacy_control = true;
        self
    }

    /// Signs what is captured, so that an ID that the site did not itself capture is told apart.
    ///
    /// The click's cookie stays as it is, for the browser SDK to read. The signature stands in a
    /// second cookie, by the name of the first and `_sig`, and lives by
    /// [`SigningKeys::max_age`]. An ID without a signature that holds
    /// is no first click, and is not protected by [`overwrite_after`](Self::overwrite_after).
    /// Give the same keys to the layer that reads.
    #[cfg(feature = "signed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
    pub fn signed_by(mut self, keys: SigningKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The cookie these rules write.
    #[must_use]
    pub const fn name(&self) -> &CookieName {
        &self.cookie_name
    }
}

/// Text with which no ID on a URL begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no click ID begins so: use letters, digits, `-` and `_`, as in `clk_`")]
pub struct ParseIdPrefixError(());

/// Text that cannot be a cookie's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cookie path is not one: begin with `/` and use visible ASCII without `;`, as in `/shop`")]
pub struct ParsePathError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute() {
        for path in ["/", "/shop", "/a%20b/", "/~x=1"] {
            assert!(Capture::new().path(path).is_ok(), "{path}");
        }
        for path in ["", "shop", "/a b", "/a;HttpOnly", "/\r\nx", "/ä"] {
            assert!(Capture::new().path(path).is_err(), "{path}");
        }
    }
}
