//! The services that this crate has a client of.

use futures_util::TryFutureExt;

use super::{Destination, Patience, Reported, Reporting};
use crate::{CookieName, Lead, Partli, Refport, Sale, track::Outcome};

/// By the name `refport` and the cookie `refp_id`. It counts nothing without a click, and a repeated
/// lead once where the client was told so by
/// [`repeat_leads`](crate::ClientBuilder::repeat_leads): the service documents no key for one.
impl Destination for Refport {
    fn name(&self) -> &'static str {
        "refport"
    }

    fn cookie_name(&self) -> CookieName {
        CookieName::REFPORT
    }

    fn needs_click(&self) -> bool {
        true
    }

    fn counts_leads_once(&self) -> bool {
        self.track.repeats_leads()
    }

    fn patient(&self, patience: Patience) -> Option<Box<dyn Destination>> {
        let track = self.track.with(patience);
        let embed_tokens = self.embed_tokens.clone();
        Some(Box::new(Self {
            track,
            embed_tokens,
        }))
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        Box::pin(self.track.lead(lead).map_ok(reported))
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        Box::pin(self.track.sale(sale).map_ok(reported))
    }
}

/// By the name `partli` and the cookie `pref_cid`. It takes reports without a click, which it may
/// attribute by the customer. It counts a repeated lead once, by the `externalId` that it requires:
/// <https://partli.app/docs/api-reference/authentication> says that a repeat has no effect and is
/// answered with the first event's ID.
impl Destination for Partli {
    fn name(&self) -> &'static str {
        "partli"
    }

    fn cookie_name(&self) -> CookieName {
        Self::COOKIE_NAME
    }

    fn counts_leads_once(&self) -> bool {
        true
    }

    fn patient(&self, patience: Patience) -> Option<Box<dyn Destination>> {
        let track = self.track.with(patience);
        Some(Box::new(Self { track }))
    }

    fn report_lead(&self, lead: Lead) -> Reporting<'_> {
        Box::pin(self.track.lead(lead).map_ok(reported))
    }

    fn report_sale(&self, sale: Sale) -> Reporting<'_> {
        Box::pin(self.track.sale(sale).map_ok(reported))
    }
}

fn reported<T: Into<Reported>>(outcome: Outcome<T>) -> Outcome<Reported> {
    outcome.map(Into::into)
}
