//! What is done about one request.

use super::{Capture, Landing, RequestHeaders, clean_url, rules::Secure, set_cookie, url_id};
use crate::{ClickId, consent::Consent};

impl Capture {
    /// Whether [`decide`](Self::decide) has nothing to do about a request with this query and
    /// these headers: a quick look for middleware, since most requests pass. One that does not may
    /// turn out to be nothing, too.
    #[inline]
    pub fn passes<H: RequestHeaders>(&self, query: Option<&str>, headers: &H) -> bool {
        !query.is_some_and(|query| self.may_carry(query)) && !self.is_denied(headers)
    }

    /// Decides what to do about one request, for a site that asks nobody for consent: `None` when
    /// its URL carries no valid click ID and nothing is to be withheld either.
    ///
    /// The parameter is read as the browser does (`application/x-www-form-urlencoded`); the first
    /// valid value counts. A request that a browser makes before the visitor asks for the page
    /// (`Sec-Purpose: prefetch`) captures nothing. One with Global Privacy Control is
    /// [denied](Consent::Denied), unless the rules
    /// [ignore that](Self::ignore_global_privacy_control).
    pub fn decide<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Option<Captured> {
        let arrived = self.arrived(landing);
        let denied = self.is_denied(landing.headers);
        if arrived.is_none() && !denied {
            return None;
        }
        self.outcome(arrived, landing, || {
            if denied {
                Consent::Denied
            } else {
                Consent::Granted
            }
        })
    }

    /// Decides what to do about one request, for a site with a gate: `consent` is asked when the
    /// URL or the cookie has a click ID, and at most once.
    pub fn decide_with<H: RequestHeaders>(
        &self,
        landing: &Landing<'_, H>,
        consent: impl FnOnce() -> Consent,
    ) -> Option<Captured> {
        self.outcome(self.arrived(landing), landing, || {
            if self.is_denied(landing.headers) {
                Consent::Denied
            } else {
                consent()
            }
        })
    }

    /// Whether [`decide_with`](Self::decide_with) would ask: for a gate that takes its time, so
    /// that it is asked before.
    pub fn asks_for_consent<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> bool {
        !self.is_denied(landing.headers)
            && (self.stored(landing.headers).is_some() || self.arrived(landing).is_some())
    }

    #[inline]
    fn is_denied<H: RequestHeaders>(&self, headers: &H) -> bool {
        !self.ignore_global_privacy_control && headers.global_privacy_control()
    }

    /// The ID on the URL.
    fn arrived<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Option<ClickId> {
        let query = landing.query?;
        if !self.may_carry(query) || landing.method != "GET" || landing.is_speculative() {
            return None;
        }
        url_id::find(query, &self.param, self.id_prefix.as_deref())
    }

    /// Whether the parameter may be there: its first letter begins a pair, or an escape does,
    /// which may stand for that letter, or what may be the rest of an `&amp;` or `&#038;`.
    fn may_carry(&self, query: &str) -> bool {
        let first = match self.param.as_bytes() {
            [first, ..] if first.is_ascii_graphic() => *first,
            _ => return true,
        };
        let mut pairs = query.as_bytes();
        loop {
            match pairs {
                [b'%' | b'#', ..] | [b'a', b'm' | b'%', ..] => return true,
                [byte, ..] if *byte == first => return true,
                _ => {}
            }
            match next_pair(pairs) {
                Some(next) => pairs = next,
                None => return false,
            }
        }
    }

    /// The ID in the cookie.
    fn stored<H: RequestHeaders>(&self, headers: &H) -> Option<ClickId> {
        ClickId::from_cookie_headers_named(&self.cookie_name, headers.cookies())
    }

    #[cold]
    fn outcome<H: RequestHeaders>(
        &self,
        arrived: Option<ClickId>,
        landing: &Landing<'_, H>,
        consent: impl FnOnce() -> Consent,
    ) -> Option<Captured> {
        let stored = self.stored(landing.headers);
        if arrived.is_none() && stored.is_none() {
            return None;
        }
        match consent() {
            Consent::Denied => Some(self.denied(stored.is_some(), landing)),
            consent => self.agreed(arrived?, stored, consent == Consent::Granted, landing),
        }
    }

    /// Nothing is stored or read, and what is stored goes.
    fn denied<H: RequestHeaders>(&self, is_stored: bool, landing: &Landing<'_, H>) -> Captured {
        let expires = is_stored && !landing.is_speculative();
        Captured {
            click_id: None,
            is_withheld: true,
            set_cookies: if expires {
                self.clear(self.is_https(landing))
            } else {
                Vec::new()
            },
            redirect: None,
        }
    }

    fn agreed<H: RequestHeaders>(
        &self,
        arrived: ClickId,
        stored: Option<ClickId>,
        may_store: bool,
        landing: &Landing<'_, H>,
    ) -> Option<Captured> {
        let keeps = stored.is_some_and(|stored| self.keeps(&stored, landing.headers));
        if keeps && !may_store {
            return None;
        }
        let redirects = may_store && self.clean_url && landing.is_page_navigation();
        let redirect = landing
            .query
            .filter(|_| redirects)
            .and_then(|query| clean_url::without_param(landing.path, query, &self.param));
        let set_cookies = if keeps || !may_store {
            Vec::new()
        } else {
            self.store_cookies(&arrived, self.is_https(landing))
        };
        Some(Captured {
            click_id: (!keeps).then_some(arrived),
            is_withheld: false,
            set_cookies,
            redirect,
        })
    }

    /// Whether the ID in the cookie stays, whatever arrives.
    fn keeps<H: RequestHeaders>(&self, stored: &ClickId, headers: &H) -> bool {
        #[cfg(feature = "signed")]
        if let Some(keys) = &self.keys
            && !keys.is_signed(&self.cookie_name, stored, headers.cookies())
        {
            return false;
        }
        self.first_click_wins
            || self.overwrite_after.is_some() && self.held(headers).as_ref() == Some(stored)
    }

    fn held<H: RequestHeaders>(&self, headers: &H) -> Option<ClickId> {
        ClickId::from_cookie_headers_named(&self.hold_name(), headers.cookies())
    }

    fn is_https<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> bool {
        landing.https || self.secure == Secure::ByProxy && landing.is_forwarded_https()
    }
}

/// The query after the first pair. Also a second `?` and a `;` may end one: see [`url_id`].
#[inline]
fn next_pair(query: &[u8]) -> Option<&[u8]> {
    // So short that `memchr` would not have set out.
    const SHORT: usize = 32;
    let end = if query.len() < SHORT {
        query
            .iter()
            .position(|byte| matches!(byte, b'&' | b'?' | b';'))?
    } else {
        memchr::memchr3(b'&', b'?', b';', query)?
    };
    Some(&query[end + 1..])
}

/// What [`Capture::decide`] says is to be done.
#[derive(Clone, Debug)]
pub struct Captured {
    click_id: Option<ClickId>,
    is_withheld: bool,
    set_cookies: Vec<String>,
    redirect: Option<String>,
}

impl Captured {
    /// The ID that this very request is to see, in place of an older one. `None` where the older
    /// one stays, and where consent was denied.
    #[must_use]
    pub const fn click_id(&self) -> Option<&ClickId> {
        self.click_id.as_ref()
    }

    /// Whether consent was denied: nothing reads an ID on this request. Mark it by
    /// [`ClickIds::withhold`](crate::ClickIds::withhold).
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        self.is_withheld
    }

    /// The values of the `Set-Cookie` headers to add to the answer: ASCII without control
    /// characters. An answer that gets one is not for shared caches: see
    /// [`private_cache_control`](super::private_cache_control).
    #[must_use]
    pub fn set_cookies(&self) -> &[String] {
        &self.set_cookies
    }

    /// Whether a `Set-Cookie` that the answer has already is about one of
    /// [these](Self::set_cookies): take it off, so that each cookie is written once.
    #[must_use]
    pub fn replaces(&self, set_cookie: &[u8]) -> bool {
        std::str::from_utf8(set_cookie).is_ok_and(|other| {
            self.set_cookies
                .iter()
                .any(|ours| set_cookie::is_same_cookie(ours, other))
        })
    }

    /// Where to redirect to (`302`, not to be cached) instead of answering.
    #[must_use]
    pub fn redirect(&self) -> Option<&str> {
        self.redirect.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    fn passes(rules: &Capture, query: Option<&str>, headers: &[(&'static str, &str)]) -> bool {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        rules.passes(query, &headers)
    }

    #[test]
    fn most_requests_pass_at_a_glance() {
        let rules = Capture::new();
        let long = "utm_source=news&utm_medium=mail&utm_campaign=a%20b&gclid=x+y";
        for query in [
            None,
            Some(""),
            Some("plan=pro&page=2"),
            Some("&&"),
            Some(long),
        ] {
            assert!(passes(&rules, query, &[]), "{query:?}");
        }
        for query in [
            "refp_id=clk_1",
            "page=2&refp_id=clk_1",
            "%72efp_id=clk_1",
            "page=2?refp_id=clk_1",
            "page=2&amp;refp_id=clk_1",
        ] {
            assert!(!passes(&rules, Some(query), &[]), "{query}");
        }
        let long_first = format!("{long}&refp_id=clk_1");
        assert!(!passes(&rules, Some(&long_first), &[]));
    }

    #[test]
    fn global_privacy_control_does_not_pass_unless_ignored() {
        let denying = [("sec-gpc", "1")];
        assert!(!passes(&Capture::new(), None, &denying));
        assert!(passes(&Capture::new(), None, &[("sec-gpc", "0")]));
        let ignoring = Capture::new().ignore_global_privacy_control();
        assert!(passes(&ignoring, None, &denying));
    }

    proptest! {
        #[test]
        fn no_click_passes_unseen(
            query in "([rx%+72&=é ?;#]|refp|_id|%72|%E9|amp|%6D|%3B|038|refp_id=1){0,24}",
            param in "refp_id|r|x|é| r|%72|[+]x|",
        ) {
            let rules = Capture::new().param(param);
            let headers = HeaderMap::new();
            let landing = Landing::new("GET", "/", Some(&query), &headers);
            if rules.passes(Some(&query), &headers) {
                prop_assert!(rules.decide(&landing).is_none());
            }
        }
    }
}
