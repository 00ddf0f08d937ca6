//! The `Set-Cookie` headers of the rules: written, expired, and recognised again.

use std::time::Duration;

use ::cookie::Cookie;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Capture, Landing, RequestHeaders,
    prefix::Prefix,
    twins::{Place, domain_key},
};
#[cfg(feature = "signed")]
use crate::signing::signature_name;
use crate::{ClickId, CookieName, consent::values};

/// When a browser sends a cookie along with requests that come from other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// When the visitor follows a link to the site, and on the site itself. The default, as in the
    /// browser SDK.
    #[default]
    Lax,
    /// On the site itself only: a visitor who comes back by a link elsewhere has no click on that
    /// first request.
    Strict,
    /// Always, frames on other sites included. Browsers want such a cookie to be `Secure`, so it
    /// is, whatever else is set.
    None,
}

impl From<SameSite> for ::cookie::SameSite {
    fn from(same_site: SameSite) -> Self {
        match same_site {
            SameSite::Lax => Self::Lax,
            SameSite::Strict => Self::Strict,
            SameSite::None => Self::None,
        }
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

impl Capture {
    /// The `Set-Cookie` values that store `click_id`, for an ID that came another way than by the
    /// landing URL, as one that was carried across a login (`signing::Carrier`, feature `signed`).
    /// Ask for consent before.
    ///
    /// Each is ASCII without control characters. `https` says whether the visitor's connection is
    /// https, which counts where [`secure`](Self::secure) is not set.
    #[must_use]
    pub fn store_cookies(&self, click_id: &ClickId, https: bool) -> Vec<String> {
        self.written(click_id, self.is_secure(https))
    }

    /// The `Set-Cookie` values that make the browser drop the cookies these rules write. Each is
    /// ASCII without control characters.
    ///
    /// A browser drops those of the same name, path and domain, so use the rules that captured.
    /// Beside the cookie itself those are expired that stand with or without the
    /// [domain](Self::domain), with the [former ones](Self::former_domain), and with `Path=/` and
    /// the former paths. A cookie that somebody else wrote with another domain or path stays.
    ///
    /// `Secure` is there only where the rules say so by themselves, since a handler seldom knows
    /// of https; a `Secure` cookie is dropped without it, too, wherever the browser sends it.
    ///
    /// Nothing calls this by itself for a report: see
    /// [`Acknowledged`](crate::track::Acknowledged) for when.
    #[must_use]
    pub fn clear_cookies(&self) -> Vec<String> {
        let secure = self.is_secure(false);
        let cookies = self.cookies().into_iter();
        cookies
            .flat_map(|cookie| {
                let own = self.expired(&cookie, &self.place(), secure);
                let others = self.twins("/").into_iter();
                let others = others.map(|twin| self.expired(&cookie, &twin, secure));
                [own].into_iter().chain(others).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Stores an ID on landing, and expires what a browser would send beside it.
    ///
    /// The new cookie comes last, for clients to which a cookie with a domain and one without are
    /// the same.
    pub(super) fn store<H: RequestHeaders>(
        &self,
        click_id: &ClickId,
        landing: &Landing<'_, H>,
    ) -> Vec<String> {
        let mut cookies = self.expired_twins(landing);
        cookies.extend(self.written(click_id, self.is_secure_on(landing)));
        cookies
    }

    /// Expires the cookies, and what a browser would send beside them.
    pub(super) fn clear<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Vec<String> {
        let secure = self.is_secure_on(landing);
        let own = self.cookies().into_iter();
        let own = own.map(|cookie| self.expired(&cookie, &self.place(), secure));
        own.chain(self.expired_twins(landing)).collect()
    }

    /// The cookie that says that the click of that name is not to be overwritten yet: it carries
    /// the same ID, and lives as long as that holds.
    pub(super) fn hold_name(&self) -> CookieName {
        CookieName::new(&format!("{}_hold", self.cookie_name))
            .expect("a token and a token are a token")
    }

    /// The cookies that these rules write: the click's, and those that only the server reads, of
    /// which the signature is the last.
    fn cookies(&self) -> Vec<Own> {
        let mut cookies = vec![Own {
            name: self.cookie_name.clone(),
            max_age: self.max_age,
            http_only: self.http_only == Some(true),
        }];
        let companion = |name, max_age| Own {
            name,
            max_age,
            http_only: true,
        };
        cookies.extend(
            self.overwrite_after
                .map(|time| companion(self.hold_name(), time)),
        );
        #[cfg(feature = "signed")]
        if self.keys.is_some() {
            cookies.push(companion(signature_name(&self.cookie_name), self.max_age));
        }
        cookies
    }

    fn written(&self, click_id: &ClickId, secure: bool) -> Vec<String> {
        let cookies = self.cookies();
        let encoded = utf8_percent_encode(click_id.as_str(), ENCODE_URI_COMPONENT).to_string();
        #[cfg_attr(
            not(feature = "signed"),
            expect(unused_mut, reason = "nothing is signed")
        )]
        let mut values = vec![encoded; cookies.len()];
        #[cfg(feature = "signed")]
        if let (Some(keys), Some(signature)) = (&self.keys, values.last_mut()) {
            *signature = keys.sign(&self.cookie_name, click_id);
        }
        let lines = cookies.iter().zip(values);
        lines
            .map(|(cookie, value)| self.line(cookie, value, &self.place(), secure))
            .collect()
    }

    fn expired_twins<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Vec<String> {
        let secure = self.is_secure_on(landing);
        let mut expired = Vec::new();
        for (index, cookie) in self.cookies().iter().enumerate() {
            let brought = values(cookie.name.as_str(), landing.headers.cookies()).count();
            // The click's own twin is read in place of the new click, so one is looked for wherever
            // it may stand. A companion's does no harm until there are two.
            let path = match (index, brought) {
                (_, 0) => continue,
                (1.., 1) => "/",
                _ => landing.shown_path,
            };
            let twins = self.twins(path).into_iter();
            expired.extend(twins.map(|twin| self.expired(cookie, &twin, secure)));
        }
        expired
    }

    fn expired(&self, cookie: &Own, place: &Place<'_>, secure: bool) -> String {
        let gone = Own {
            max_age: Duration::ZERO,
            ..cookie.clone()
        };
        self.line(&gone, String::new(), place, secure)
    }

    /// One `Set-Cookie` value.
    fn line(&self, cookie: &Own, value: String, place: &Place<'_>, secure: bool) -> String {
        let max_age = cookie.max_age.as_secs().try_into().unwrap_or(i64::MAX);
        let prefix = Prefix::of(cookie.name.as_str());
        let mut built = Cookie::build((cookie.name.as_str(), value))
            .path(place.path)
            .max_age(time::Duration::seconds(max_age))
            .same_site(self.same_site.into())
            .secure(secure)
            .partitioned(place.partitioned)
            .http_only(cookie.http_only || prefix.http_only);
        if let Some(domain) = place.domain {
            built = built.domain(domain);
        }
        built.build().to_string()
    }

    fn is_secure_on<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> bool {
        let forwarded = || {
            landing
                .forwarded_https()
                .filter(|_| self.trust_forwarded_proto)
        };
        self.is_secure(landing.https || forwarded().unwrap_or_else(|| !landing.is_loopback()))
    }

    /// Browsers refuse `SameSite=None`, `Partitioned` and some prefixes of a name without `Secure`.
    fn is_secure(&self, https: bool) -> bool {
        self.secure.unwrap_or(https)
            || self.partitioned
            || self.same_site == SameSite::None
            || Prefix::of(self.cookie_name.as_str()).secure
    }
}

/// A cookie that the rules write.
#[derive(Clone)]
struct Own {
    name: CookieName,
    max_age: Duration,
    http_only: bool,
}

/// Whether two `Set-Cookie` values are about one cookie in the browser: of one name, path, domain
/// and kind of store.
pub(super) fn is_same_cookie(one: &str, other: &str) -> bool {
    let parse = |text| Cookie::parse(text).ok();
    let (Some(one), Some(other)) = (parse(one), parse(other)) else {
        return false;
    };
    let key = |cookie: &Cookie<'_>| {
        let partitioned = cookie.partitioned().unwrap_or_default();
        (domain_key(cookie.domain()), partitioned)
    };
    one.name() == other.name() && one.path() == other.path() && key(&one) == key(&other)
}
