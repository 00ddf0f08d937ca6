//! The `Set-Cookie` headers of the rules: written, expired, and recognised again.

use std::time::Duration;

use ::cookie::Cookie;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Capture, rules::Secure};
#[cfg(feature = "signed")]
use crate::signing::signature_name;
use crate::{ClickId, CookieName};

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
    /// known to be https, which counts where [`secure`](Self::secure) is not set.
    #[must_use]
    pub fn store_cookies(&self, click_id: &ClickId, https: bool) -> Vec<String> {
        let value = encoded(click_id);
        let mut cookies = vec![self.cookie(self.cookie_name.as_str(), value, self.max_age, https)];
        if let Some(time) = self.overwrite_after {
            cookies.push(self.companion(&self.hold_name(), encoded(click_id), time, https));
        }
        #[cfg(feature = "signed")]
        if let Some(keys) = &self.keys {
            let name = signature_name(&self.cookie_name);
            let mac = keys.sign(&self.cookie_name, click_id);
            cookies.push(self.companion(&name, mac, self.max_age, https));
        }
        cookies
    }

    /// The `Set-Cookie` values that make the browser drop the cookies these rules write. Each is
    /// ASCII without control characters.
    ///
    /// A browser drops those of the same name, path and domain, so use the rules that captured. A
    /// cookie that somebody else wrote with another domain or path stays.
    ///
    /// `Secure` is there only where the rules say so by themselves, since a handler seldom knows
    /// of https; a `Secure` cookie is dropped without it, too, wherever the browser sends it.
    ///
    /// Nothing calls this by itself for a report: see
    /// [`Acknowledged`](crate::track::Acknowledged) for when.
    #[must_use]
    pub fn clear_cookies(&self) -> Vec<String> {
        self.clear(false)
    }

    pub(super) fn clear(&self, https: bool) -> Vec<String> {
        let gone = Duration::ZERO;
        let name = self.cookie_name.as_str();
        let mut cookies = vec![self.cookie(name, String::new(), gone, https)];
        if self.overwrite_after.is_some() {
            cookies.push(self.companion(&self.hold_name(), String::new(), gone, https));
        }
        #[cfg(feature = "signed")]
        if self.keys.is_some() {
            let name = signature_name(&self.cookie_name);
            cookies.push(self.companion(&name, String::new(), gone, https));
        }
        cookies
    }

    /// The cookie that says that the click of that name is not to be overwritten yet: it carries
    /// the same ID, and lives as long as that holds.
    pub(super) fn hold_name(&self) -> CookieName {
        CookieName::new(&format!("{}_hold", self.cookie_name))
            .expect("a token and a token are a token")
    }

    /// A cookie that only the server reads.
    fn companion(&self, name: &CookieName, value: String, age: Duration, https: bool) -> String {
        self.written(name.as_str(), value, age, https, true)
    }

    fn cookie(&self, name: &str, value: String, max_age: Duration, https: bool) -> String {
        self.written(name, value, max_age, https, self.http_only)
    }

    fn written(
        &self,
        name: &str,
        value: String,
        max_age: Duration,
        https: bool,
        http_only: bool,
    ) -> String {
        let max_age = max_age.as_secs().try_into().unwrap_or(i64::MAX);
        let mut cookie = Cookie::build((name, value))
            .path(&*self.path)
            .max_age(time::Duration::seconds(max_age))
            .same_site(self.same_site.into())
            .secure(self.is_secure(https))
            .http_only(http_only);
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain.as_str());
        }
        cookie.build().to_string()
    }

    /// Browsers refuse `SameSite=None` and these prefixes of a name without `Secure`.
    fn is_secure(&self, https: bool) -> bool {
        let prefixed = ["__Secure-", "__Host-"]
            .iter()
            .any(|prefix| self.cookie_name.as_str().starts_with(prefix));
        let asked = match self.secure {
            Secure::Fixed(secure) => secure,
            Secure::ByScheme | Secure::ByProxy => https,
        };
        asked || prefixed || self.same_site == SameSite::None
    }
}

fn encoded(click_id: &ClickId) -> String {
    utf8_percent_encode(click_id.as_str(), ENCODE_URI_COMPONENT).to_string()
}

/// Whether two `Set-Cookie` values are about one cookie in the browser: of one name, path and
/// domain.
pub(super) fn is_same_cookie(one: &str, other: &str) -> bool {
    let parse = |text| Cookie::parse(text).ok();
    let (Some(one), Some(other)) = (parse(one), parse(other)) else {
        return false;
    };
    let domain = |cookie: &Cookie<'_>| {
        let domain = cookie.domain().unwrap_or_default();
        domain.trim_start_matches('.').to_ascii_lowercase()
    };
    one.name() == other.name() && one.path() == other.path() && domain(&one) == domain(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClickId {
        text.parse().unwrap()
    }

    fn written(rules: &Capture, https: bool) -> String {
        let mut cookies = rules.store_cookies(&id("clk_1"), https);
        assert_eq!(cookies.len(), 1);
        cookies.remove(0)
    }

    #[test]
    fn cookie_follows_the_settings() {
        let rules = Capture::new;
        let plain = "refp_id=clk_1; SameSite=Lax; Path=/; Max-Age=7776000";
        assert_eq!(written(&rules(), false), plain);
        let is_secure = |rules: Capture, https| written(&rules, https).contains("; Secure");
        assert!(is_secure(rules(), true));
        assert!(is_secure(rules().secure(true), false));
        assert!(!is_secure(rules().secure(false), true));
        assert!(is_secure(
            rules().same_site(SameSite::None).secure(false),
            false
        ));
        let named = |name| rules().cookie_name(CookieName::new(name).unwrap());
        assert!(is_secure(named("__Host-refp"), false));
        assert!(is_secure(named("__Secure-refp"), false));
        let acme = named("acme")
            .max_age(Duration::from_secs(60))
            .same_site(SameSite::Strict)
            .http_only(true)
            .path("/shop")
            .unwrap()
            .domain("shop.example.com")
            .unwrap();
        assert_eq!(
            written(&acme, false),
            "acme=clk_1; HttpOnly; SameSite=Strict; Path=/shop; Domain=shop.example.com; Max-Age=60"
        );
    }

    #[test]
    fn the_hold_lives_as_long_as_it_holds() {
        let rules = Capture::new().overwrite_after(Duration::from_secs(600));
        let cookies = rules.store_cookies(&id("clk_1"), false);
        let hold = "refp_id_hold=clk_1; HttpOnly; SameSite=Lax; Path=/; Max-Age=600";
        assert_eq!(cookies[1..], [hold]);
    }

    #[test]
    fn clearing_says_all_that_writing_said() {
        let acme = CookieName::new("acme").unwrap();
        let rules = [
            Capture::new(),
            Capture::new().secure(true),
            Capture::new().secure(false).http_only(true),
            Capture::new().same_site(SameSite::None),
            Capture::new().path("/shop").unwrap(),
            Capture::new()
                .cookie_name(acme)
                .domain(".example.com")
                .unwrap(),
            Capture::new().overwrite_after(Capture::DEFAULT_MAX_AGE),
        ];
        for rules in rules {
            let written = rules.store_cookies(&id("clk_1"), false);
            let cleared = rules.clear_cookies();
            assert_eq!(written.len(), cleared.len());
            for (written, cleared) in written.iter().zip(&cleared) {
                let want = written.replace("=clk_1;", "=;").replace("=7776000", "=0");
                assert_eq!(*cleared, want);
                assert!(is_same_cookie(written, cleared));
            }
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in ["clk_1", "50%41", "a=b&c", "!#$%&'()*+-./:<=>?@[]^_`{|}~"] {
            let cookie = Capture::new().store_cookies(&id(text), false).remove(0);
            let pair = cookie.split(';').next().unwrap();
            assert_eq!(ClickId::from_cookie_header(pair), Some(id(text)));
        }
    }

    #[test]
    fn one_cookie_is_one_name_path_and_domain() {
        let ours = "refp_id=clk_1; Path=/; Domain=example.com";
        for (other, same) in [
            ("refp_id=; Max-Age=0; Path=/; Domain=.EXAMPLE.com", true),
            ("refp_id=clk_1; Path=/", false),
            ("refp_id=clk_1; Domain=example.com", false),
            ("refp_ids=clk_1; Path=/; Domain=example.com", false),
            ("refp_id", false),
            ("", false),
        ] {
            assert_eq!(is_same_cookie(ours, other), same, "{other}");
        }
    }
}
