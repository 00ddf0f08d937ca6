//! Consent that comes after the landing.

use http::Uri;

use super::{Capture, Captured, Landing, RequestHeaders, clean_url};
use crate::{ClickId, consent::Consent};

impl Capture {
    /// Stores the click of a visitor who agrees after the landing, as most do where a banner asks:
    /// what is to be done about the request by which the page says so. Layers call it for a `POST`
    /// to [`agree_at`](Self::agree_at); in another framework, call it in a handler of yours.
    ///
    /// The click is the one of the request's own query, so that
    /// `fetch("/referral/agree" + location.search, {method: "POST"})` brings that of the page, and
    /// a script can set one. Else it is taken from the query of the page that the request comes
    /// from, by a `Referer` of the same origin, so that a plain form does it, too. `consent` is
    /// asked as by [`decide_with`](Self::decide_with), after the page has written the answer to
    /// where the gate looks, and all settings hold.
    ///
    /// The answer is always [the layer's own](Captured::status): `204`; for a form `303` to the
    /// page it stands on, without the parameter where the click was stored; and `403`, with nothing
    /// stored, for what is no `POST` or comes from elsewhere: by `Sec-Fetch-Site`, or by an `Origin`
    /// that is not the host. A request that has neither header is refused.
    pub fn agree<H: RequestHeaders>(
        &self,
        landing: &Landing<'_, H>,
        consent: impl FnOnce() -> Consent,
    ) -> Captured {
        if !can_agree(landing) {
            return Captured::answering(403);
        }
        let page = landing.referring_page();
        // The visitor goes on from the page, so that is where no other cookie must stand.
        let landing = &Landing {
            shown_path: page.as_ref().map_or("/", Uri::path),
            ..*landing
        };
        let arrived = self.brought(landing);
        let stored = self.stored(landing.headers);
        let nothing = arrived.is_none() && stored.is_none();
        let consent = if self.is_denied(landing.headers) {
            Consent::Denied
        } else if nothing {
            Consent::Unknown
        } else {
            consent()
        };
        let keeps = || stored.is_some() && self.kept(landing.headers).is_some();
        let set_cookies = match (consent, &arrived) {
            (Consent::Denied, _) if stored.is_some() => self.clear(landing),
            (Consent::Granted, Some(id)) if !keeps() => self.store(id, landing),
            _ => Vec::new(),
        };
        let is_settled = consent == Consent::Granted && arrived.is_some();
        let form = page.as_ref().filter(|_| landing.is_page_navigation());
        let redirect = form.and_then(|page| {
            let param = is_settled.then_some(&*self.param);
            clean_url::address(page.path(), page.query(), param)
        });
        Captured {
            set_cookies,
            status: Some(if redirect.is_some() { 303 } else { 204 }),
            redirect,
            ..Captured::default()
        }
    }

    /// Whether the request is the one that says that the visitor agrees.
    #[inline]
    pub(super) fn is_agreement<H>(&self, landing: &Landing<'_, H>) -> bool {
        let path = self.agree_at.as_deref();
        path.is_some_and(|path| path == landing.path && landing.method == "POST")
    }

    /// Whether [`agree`](Self::agree) would ask for consent.
    pub(super) fn asks_to_agree<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> bool {
        can_agree(landing)
            && (self.stored(landing.headers).is_some() || self.brought(landing).is_some())
    }

    /// The click of the request itself, or of the page it comes from.
    fn brought<H: RequestHeaders>(&self, landing: &Landing<'_, H>) -> Option<ClickId> {
        let own = landing.query.and_then(|query| self.click_in(query));
        own.or_else(|| self.click_in(landing.referring_page()?.query()?))
    }
}

fn can_agree<H: RequestHeaders>(landing: &Landing<'_, H>) -> bool {
    landing.method == "POST" && landing.is_same_origin()
}
