//! The settings of capturing.

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    CaptureError, GlobalPrivacyControl, SameSite, Withheld, domain, prefix::Prefix, url_id,
    withheld::Counters,
};
use crate::CookieName;
#[cfg(feature = "signed")]
use crate::signing::SigningKeys;

/// Which click is kept, and how its cookie is written: all the settings of the capturing layers,
/// which are made from this.
///
/// The defaults are those of the official browser SDK (`refport-js`): parameter and cookie
/// `refp_id`, 90 days, `Path=/`, `SameSite=Lax`, host-only, not `HttpOnly` (that SDK must be able
/// to read it), last click wins. Three things differ: the cookie is `Secure` on every host but the
/// machine itself, Global Privacy Control counts, and the URL is not cleaned, because on a server
/// that costs a redirect.
///
/// | setting | default | |
/// |---|---|---|
/// | [`param`](Self::param) | `refp_id` | the parameter of the landing URL |
/// | [`id_prefix`](Self::id_prefix) | none | how the IDs of the parameter begin |
/// | [`cookie_name`](Self::cookie_name) | `refp_id` | the cookie |
/// | [`max_age`](Self::max_age) | 90 days | how long the browser keeps it |
/// | [`path`](Self::path), [`domain`](Self::domain) | `/`, none | where the browser sends it |
/// | [`former_path`](Self::former_path), [`former_domain`](Self::former_domain) | none | where older cookies stand, which are expired |
/// | [`same_site`](Self::same_site) | `Lax` | whether it goes with requests from other sites |
/// | [`secure`](Self::secure), [`trust_forwarded_proto`](Self::trust_forwarded_proto) | yes, but on loopback | whether it goes by https only |
/// | [`http_only`](Self::http_only) | off | whether scripts cannot read it |
/// | [`partitioned`](Self::partitioned) | off | whether each site that frames this one has its own |
/// | [`first_click_wins`](Self::first_click_wins) | off | whether a second link changes nothing |
/// | [`overwrite_after`](Self::overwrite_after) | at once | how soon a second link may |
/// | [`clean_url`](Self::clean_url) | off | whether the parameter is taken off by a redirect |
/// | [`agree_at`](Self::agree_at) | nowhere | where the page's banner says that the visitor agrees |
/// | [`global_privacy_control`](Self::global_privacy_control) | denies | what `Sec-GPC: 1` means |
/// | `signed_by` (feature `signed`) | none | whether IDs are told apart that the site did not capture |
///
/// Clones count together what was [withheld](Self::withheld).
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
    pub(super) former_paths: Vec<Cow<'static, str>>,
    pub(super) former_domains: Vec<String>,
    pub(super) same_site: SameSite,
    pub(super) secure: Option<bool>,
    pub(super) trust_forwarded_proto: bool,
    pub(super) http_only: Option<bool>,
    pub(super) partitioned: bool,
    pub(super) first_click_wins: bool,
    pub(super) overwrite_after: Option<Duration>,
    pub(super) clean_url: bool,
    pub(super) agree_at: Option<Cow<'static, str>>,
    pub(super) global_privacy_control: GlobalPrivacyControl,
    #[cfg(feature = "signed")]
    pub(super) keys: Option<SigningKeys>,
    pub(super) counters: Arc<Counters>,
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl Capture {
    /// 90 days.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    /// The defaults of the table.
    pub fn new() -> Self {
        Self {
            param: Cow::Borrowed("refp_id"),
            id_prefix: None,
            cookie_name: CookieName::REFPORT,
            max_age: Self::DEFAULT_MAX_AGE,
            path: Cow::Borrowed("/"),
            domain: None,
            former_paths: Vec::new(),
            former_domains: Vec::new(),
            same_site: SameSite::Lax,
            secure: None,
            trust_forwarded_proto: false,
            http_only: None,
            partitioned: false,
            first_click_wins: false,
            overwrite_after: None,
            clean_url: false,
            agree_at: None,
            global_privacy_control: GlobalPrivacyControl::Deny,
            #[cfg(feature = "signed")]
            keys: None,
            counters: Arc::default(),
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
    pub fn id_prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Result<Self, CaptureError> {
        let prefix = prefix.into();
        if !url_id::is_prefix(&prefix) {
            return Err(CaptureError::id_prefix());
        }
        self.id_prefix = Some(prefix);
        Ok(self)
    }

    /// The cookie to write. Default [`CookieName::REFPORT`].
    ///
    /// The ID under another name is kept apart from the default program's, unless the name is
    /// [for that program](CookieName::for_default_program).
    ///
    /// Browsers keep a name with a prefix only if the cookie is as the prefix says. What can be
    /// given is given: `Secure` for `__Secure-`, `__Host-`, `__Http-` and `__Host-Http-`, `HttpOnly`
    /// for the last two.
    ///
    /// # Errors
    ///
    /// When the prefix contradicts what has been set: the two with `Host` want `Path=/` and no
    /// `Domain`. The setter that is called second answers the error.
    pub fn cookie_name(mut self, name: CookieName) -> Result<Self, CaptureError> {
        self.cookie_name = name;
        self.agreeing()
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
    /// When `path` does not begin with `/`, has a `;` or bytes other than visible ASCII, or
    /// contradicts the [name](Self::cookie_name).
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, CaptureError> {
        self.path = checked_path(path.into())?;
        self.agreeing()
    }

    /// The cookie's `Domain`, so that subdomains see it too. Default none: the cookie belongs to
    /// the very host that set it.
    ///
    /// An older cookie of that very host is expired when the next click is stored, since browsers
    /// would go on to send both. Where a domain is changed or taken off, name the old one as
    /// [`former_domain`](Self::former_domain).
    ///
    /// # Errors
    ///
    /// When `domain` is not a host name (letters, digits, `-` and dots; a leading dot is allowed),
    /// has one label, or is an address: browsers refuse such a cookie without a word. So they do
    /// for a public suffix such as `co.uk` or `github.io`, which the feature `public-suffix` finds
    /// in the [list](https://publicsuffix.org) as it was when the crate was built. Also when it
    /// contradicts the [name](Self::cookie_name).
    pub fn domain(mut self, domain: &str) -> Result<Self, CaptureError> {
        domain::check(domain)?;
        self.domain = Some(domain.to_owned());
        self.agreeing()
    }

    /// A `Path` that the site's click cookies had before, or that a script gives them. Cookies
    /// there are expired when a click is stored, withdrawn or cleared. Each call adds one.
    ///
    /// # Errors
    ///
    /// As [`path`](Self::path).
    pub fn former_path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, CaptureError> {
        self.former_paths.push(checked_path(path.into())?);
        Ok(self)
    }

    /// A `Domain` that the site's click cookies had before, also one that was taken off again.
    /// Cookies there are expired when a click is stored, withdrawn or cleared. Each call adds one.
    ///
    /// # Errors
    ///
    /// When `domain` is no name that [`domain`](Self::domain) takes. What the cookie is called now is
    /// no matter.
    pub fn former_domain(mut self, domain: &str) -> Result<Self, CaptureError> {
        domain::check(domain)?;
        self.former_domains.push(domain.to_owned());
        Ok(self)
    }

    /// Whether the cookie goes with requests that come from other sites. Default
    /// [`SameSite::Lax`].
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Whether the cookie is `Secure`: kept and sent by https only. Default: yes, wherever the
    /// request's host is not the machine itself (`localhost`, `127.0.0.1` and their like), where
    /// the connection decides.
    ///
    /// Say `false` for a site that visitors reach by plain http: browsers drop a `Secure` cookie
    /// there. Say `true` behind a proxy that does not pass the `Host` on, and sends a loopback
    /// address instead.
    ///
    /// # Errors
    ///
    /// When `false` contradicts the [name](Self::cookie_name).
    pub fn secure(mut self, secure: bool) -> Result<Self, CaptureError> {
        self.secure = Some(secure);
        self.agreeing()
    }

    /// Whether a proxy is believed that says by which scheme the visitor came: by `Forwarded`
    /// (RFC 7239) or else `X-Forwarded-Proto`, of which the first entry counts, the proxy next to
    /// the visitor. Default off.
    ///
    /// For sites behind a proxy of your own that serve both http and https. Where the proxy says
    /// nothing, and where [`secure`](Self::secure) is set, that rule holds. A visitor who sends
    /// such a header changes no cookie but his own.
    pub const fn trust_forwarded_proto(mut self, trust: bool) -> Self {
        self.trust_forwarded_proto = trust;
        self
    }

    /// Whether the cookie is `HttpOnly`: not to be read by scripts. Default off, because the
    /// browser SDK reads it, but for [names](Self::cookie_name) that ask for it.
    ///
    /// # Errors
    ///
    /// When `false` contradicts the name.
    pub fn http_only(mut self, http_only: bool) -> Result<Self, CaptureError> {
        self.http_only = Some(http_only);
        self.agreeing()
    }

    /// Whether the cookie is `Partitioned`: one for each site that has this one in a frame.
    /// Default off. It goes with [`SameSite::None`], and is `Secure` whatever else is set.
    ///
    /// A page in a frame is no [landing](Self::decide): let its script send the click to
    /// [`agree_at`](Self::agree_at).
    pub const fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// Whether the click that is in the cookie is kept when a second link is followed. Default:
    /// the last click wins.
    ///
    /// Where the request brings several cookies of the name, one that is signed is the click that
    /// is kept; without signatures nothing tells them apart, and it is the first, which is the one
    /// that is read.
    ///
    /// The browser SDK knows the last click only: where it runs beside, take the parameter off
    /// before it sees it, by [`clean_url`](Self::clean_url).
    pub const fn first_click_wins(mut self, first: bool) -> Self {
        self.first_click_wins = first;
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
    /// The redirect is a `302` to the path and the other parameters as they came. Where nothing
    /// may be stored there is no redirect either: the click would be lost with it.
    pub const fn clean_url(mut self, clean_url: bool) -> Self {
        self.clean_url = clean_url;
        self
    }

    /// Where the page's banner says that the visitor agrees: a `POST` to this path is answered by
    /// the layer itself, as [`agree`](Self::agree) says. Default nowhere.
    ///
    /// In a nested router of axum's it is a path of that router, which must have a route for it, or
    /// the request does not come to the layer; in a scope of actix's it is the whole path.
    pub fn agree_at(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        let path = path.into();
        self.agree_at = Some(if path.starts_with('/') {
            path
        } else {
            format!("/{path}").into()
        });
        self
    }

    /// What `Sec-GPC: 1` means. Default [`GlobalPrivacyControl::Deny`].
    pub const fn global_privacy_control(mut self, meaning: GlobalPrivacyControl) -> Self {
        self.global_privacy_control = meaning;
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

    /// How many clicks these rules, and all their clones, have withheld since they were made.
    #[must_use]
    pub fn withheld(&self) -> Withheld {
        self.counters.read()
    }

    /// These settings, unless the cookie's name contradicts them.
    fn agreeing(self) -> Result<Self, CaptureError> {
        let name = self.cookie_name.as_str();
        let prefix = Prefix::of(name);
        let host = prefix.host && (self.domain.is_some() || self.path != "/");
        let contradiction = if host {
            "`Path=/` and no `Domain`"
        } else if prefix.secure && self.secure == Some(false) {
            "`Secure`"
        } else if prefix.http_only && self.http_only == Some(false) {
            "`HttpOnly`"
        } else {
            return Ok(self);
        };
        Err(CaptureError::name(name, contradiction))
    }
}

fn checked_path(path: Cow<'static, str>) -> Result<Cow<'static, str>, CaptureError> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    if path.starts_with('/') && path.bytes().all(is_allowed) {
        Ok(path)
    } else {
        Err(CaptureError::path())
    }
}
