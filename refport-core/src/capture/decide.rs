//! What is done about one request.

use std::sync::atomic::AtomicU64;

use super::{
    Capture, Captured, GlobalPrivacyControl, Landing, RequestHeaders, clean_url, url_id,
    withheld::count,
};
use crate::{ClickId, consent::Consent, extensions::click_ids};

impl Capture {
    /// Whether [`decide`](Self::decide) has nothing to do about a request with this query and
    /// these headers: a quick look for middleware, since most requests pass. One that does not may
    /// turn out to be nothing, too; with [`agree_at`](Self::agree_at) none passes.
    #[inline]
    pub fn passes<H: RequestHeaders>(&self, query: Option<&str>, headers: &H) -> bool {
        !query.is_some_and(|query| self.may_carry(query))
            && !self.is_denied(headers)
            && self.agree_at.is_none()
    }

    /// Decides what to do about one request, for a site that asks nobody for consent: `None` when
    /// its URL carries no valid click ID and nothing is to be withheld either.
    ///
    /// The parameter is read as the browser does (`application/x-www-form-urlencoded`); the first
    /// valid value counts, and one behind an `&amp;` that was taken for the URL where there is no
    /// other. Only a navigation is a click: a request whose `Sec-Fetch-Mode` or `Sec-Fetch-Dest`
    /// says that a picture, a script, a frame or a `fetch` asks for it captures nothing.
    ///
    /// A page that a browser loads before the visitor asks for it (`Sec-Purpose: prefetch`) is no
    /// click either, and would be shown later without a further request. So where its click would be
    /// stored, the layer is to answer it [itself](Captured::refuses_speculation): the browser then
    /// asks again when the visitor does.
    ///
    /// A request with Global Privacy Control is [denied](Consent::Denied), unless the rules
    /// [ignore that](Self::global_privacy_control). One to [`agree_at`](Self::agree_at) is decided
    /// on by [`agree`](Self::agree).
    pub fn decide<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Option<Captured> {
        if self.is_agreement(landing) {
            return Some(self.agree(landing, || Consent::Granted));
        }
        let arrived = self.arrived(landing);
        if arrived.is_none() && !self.is_denied(landing.headers) {
            return None;
        }
        self.outcome(arrived, landing, || Consent::Granted)
    }

    /// Decides what to do about one request, for a site with a gate: `consent` is asked when the
    /// URL or the cookie has a click ID, and at most once. Else as [`decide`](Self::decide).
    pub fn decide_with<H: RequestHeaders>(
        &self,
        landing: &Landing<'_, H>,
        consent: impl FnOnce() -> Consent,
    ) -> Option<Captured> {
        if self.is_agreement(landing) {
            return Some(self.agree(landing, consent));
        }
        self.outcome(self.arrived(landing), landing, consent)
    }

    /// Whether [`decide_with`](Self::decide_with) would ask: for a gate that takes its time, so
    /// that it is asked before.
    pub fn asks_for_consent<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> bool {
        if self.is_denied(landing.headers) {
            false
        } else if self.is_agreement(landing) {
            self.asks_to_agree(landing)
        } else {
            self.stored(landing.headers).is_some() || self.arrived(landing).is_some()
        }
    }

    #[inline]
    pub(super) fn is_denied<H: RequestHeaders>(&self, headers: &H) -> bool {
        self.global_privacy_control == GlobalPrivacyControl::Deny
            && headers.global_privacy_control()
    }

    /// The ID on the URL of a click, or of a page that is loaded before the visitor asks for it.
    fn arrived<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Option<ClickId> {
        let query = landing.query?;
        if !self.may_carry(query)
            || landing.method != "GET"
            || !(landing.is_navigation() || landing.is_speculative())
        {
            return None;
        }
        self.click_in(query)
    }

    /// The first ID of the parameter, or else of a damaged one.
    pub(super) fn click_in(&self, query: &str) -> Option<ClickId> {
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

    /// The ID in the cookie, as it is read.
    pub(super) fn stored<H: RequestHeaders>(&self, headers: &H) -> Option<ClickId> {
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
        if self.is_denied(landing.headers) {
            return Some(self.denied(&self.counters.gpc, stored.is_some(), landing));
        }
        match consent() {
            Consent::Denied => Some(self.denied(&self.counters.denied, stored.is_some(), landing)),
            consent => self.agreed(arrived?, stored, consent == Consent::Granted, landing),
        }
    }

    /// Nothing is stored or read, and what is stored goes.
    fn denied<H: RequestHeaders>(
        &self,
        counter: &AtomicU64,
        is_stored: bool,
        landing: &Landing<'_, H>,
    ) -> Captured {
        let ahead = landing.is_speculative();
        if !ahead {
            count(counter);
        }
        Captured {
            is_withheld: true,
            set_cookies: if is_stored && !ahead {
                self.clear(landing)
            } else {
                Vec::new()
            },
            ..Captured::default()
        }
    }

    fn agreed<H: RequestHeaders>(
        &self,
        arrived: ClickId,
        stored: Option<ClickId>,
        may_store: bool,
        landing: &Landing<'_, H>,
    ) -> Option<Captured> {
        let kept = stored.as_ref().and_then(|_| self.kept(landing.headers));
        let is_new = kept.is_none();
        if landing.is_speculative() {
            return (is_new && may_store).then(|| Captured::answering(503));
        }
        if is_new && !may_store {
            count(&self.counters.unknown);
        }
        let set_cookies = if is_new && may_store {
            self.store(&arrived, landing)
        } else {
            Vec::new()
        };
        let redirects = may_store && self.clean_url && landing.is_page_navigation();
        let redirect = redirects
            .then(|| clean_url::address(landing.shown_path, landing.query, Some(&self.param)))
            .flatten();
        let captured = Captured {
            click_id: match kept {
                None => Some(arrived),
                kept => kept.filter(|kept| stored.as_ref() != Some(kept)),
            },
            is_withheld: false,
            set_cookies,
            status: redirect.as_ref().map(|_| 302),
            redirect,
        };
        captured.is_something().then_some(captured)
    }

    /// The ID of the cookie that stays, whatever arrives.
    ///
    /// A request may bring several cookies of the name. The one that these rules wrote is signed,
    /// or has its like in the hold; where nothing tells, it is the first, which is read.
    pub(super) fn kept<H: RequestHeaders>(&self, headers: &H) -> Option<ClickId> {
        let mut ours: Vec<_> = click_ids(&self.cookie_name, headers).collect();
        #[cfg(feature = "signed")]
        if let Some(keys) = &self.keys {
            ours.retain(|id| keys.is_signed(&self.cookie_name, id, headers.cookies()));
        }
        if self.overwrite_after.is_some() {
            let held = self.hold_name();
            let held: Vec<_> = click_ids(&held, headers).collect();
            if let Some(at) = ours.iter().position(|id| held.contains(id)) {
                return Some(ours.swap_remove(at));
            }
        }
        ours.into_iter().next().filter(|_| self.first_click_wins)
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
            "page=2&amp;refp_id=clk_1",
            "page=2&amp%3Brefp_id=clk_1",
            "page=2&%23038;refp_id=clk_1",
            "page=2?refp_id=clk_1",
        ] {
            assert!(!passes(&rules, Some(query), &[]), "{query}");
        }
        let long_first = format!("{long}&refp_id=clk_1");
        assert!(!passes(&rules, Some(&long_first), &[]));
    }

    #[test]
    fn what_agrees_does_not_pass_and_what_does_not_agree_is_nothing() {
        let rules = Capture::new().agree_at("agree");
        let headers = HeaderMap::new();
        assert!(!rules.passes(None, &headers));
        let decided = |method, path| rules.decide(&Landing::new(method, path, None, &headers));
        assert!(decided("POST", "/agree").is_some());
        for (method, path) in [("GET", "/agree"), ("POST", "/agree/"), ("POST", "/")] {
            assert!(decided(method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn global_privacy_control_does_not_pass_unless_ignored() {
        let denying = [("sec-gpc", "1")];
        assert!(!passes(&Capture::new(), None, &denying));
        assert!(passes(&Capture::new(), None, &[("sec-gpc", "0")]));
        let ignoring = Capture::new().global_privacy_control(GlobalPrivacyControl::Ignore);
        assert!(passes(&ignoring, None, &denying));
    }

    proptest! {
        #[test]
        fn no_click_passes_unseen(
            query in "([rx%+72&=é ?;#]|refp|_id|%72|%E9|amp;|#038;|%61mp;|%6D|%3B|refp_id=1){0,24}",
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
