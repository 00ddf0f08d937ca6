use http::Uri;

use super::{
    base_url::BaseUrl,
    call::{Call, Repeat, Unsent},
    endpoint::Endpoint,
};
use crate::{
    Error, Lead, LeadResponse, Sale, SaleResponse,
    destination::Patience,
    track::{NothingToReport, Outcome},
};

/// Reports leads and sales to Refport: `refport.track`. Handlers that need not know what stands
/// behind it take a [`Track`](crate::Track) instead, which is made from the client.
///
/// A report is written when it is asked for and sent when it is awaited. Its future borrows nothing,
/// so that it can be spawned.
#[derive(Clone, Debug)]
pub struct RefportTrack {
    endpoint: Endpoint,
    lead: Uri,
    sale: Uri,
}

impl RefportTrack {
    pub(super) fn new(endpoint: Endpoint, base: &BaseUrl) -> Self {
        Self {
            endpoint,
            lead: base.join("/api/track/lead"),
            sale: base.join("/api/track/sale"),
        }
    }

    /// The same, for callers who wait otherwise.
    pub(crate) fn with(&self, patience: Patience) -> Self {
        Self {
            endpoint: self.endpoint.with(patience),
            ..self.clone()
        }
    }

    /// Reports a sign-up: `POST /api/track/lead`.
    ///
    /// A click that belongs to no link any more is [`NothingToReport::NoLink`].
    ///
    /// # Errors
    ///
    /// When the lead is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes within the time budgets, or the answer cannot be read.
    pub fn lead(
        &self,
        lead: Lead,
    ) -> impl Future<Output = Result<Outcome<LeadResponse>, Error>> + Send + use<> {
        self.endpoint.report(self.lead_call(lead), of_lead)
    }

    /// Reports a purchase: `POST /api/track/sale`.
    ///
    /// A repeat with the same [`invoice_id`](Sale::invoice_id) counts once. A sale of nothing is not
    /// sent, and is [`NothingToReport::ZeroAmount`].
    ///
    /// # Errors
    ///
    /// When the sale is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes within the time budgets, or the answer cannot be read.
    pub fn sale(
        &self,
        sale: Sale,
    ) -> impl Future<Output = Result<Outcome<SaleResponse>, Error>> + Send + use<> {
        self.endpoint
            .report(self.sale_call(sale), Outcome::Accepted)
    }

    fn lead_call(&self, lead: Lead) -> Result<Call, Unsent> {
        lead.check()?;
        let repeat = if self.repeats_leads() {
            Repeat::Always
        } else {
            Repeat::IfUnseen
        };
        let lead = lead
            .for_refport()
            .with_time_if(self.endpoint.sends_occurred_at());
        Ok(Call::new("track.lead", &self.lead, &lead, repeat))
    }

    fn sale_call(&self, sale: Sale) -> Result<Call, Unsent> {
        let refused = |refused| Unsent::from(refused).of_invoice(sale.get_invoice_id());
        sale.check().map_err(refused)?;
        if sale.is_zero() {
            return Err(Unsent::Nothing(NothingToReport::ZeroAmount));
        }
        let repeat = if sale.counts_once() {
            Repeat::Always
        } else {
            Repeat::IfUnseen
        };
        sale.mind_the_currency();
        let sale = sale.with_time_if(self.endpoint.sends_occurred_at());
        Ok(Call::new("track.sale", &self.sale, &sale, repeat))
    }

    /// Whether the service is known to count a repeated lead once.
    pub(crate) fn repeats_leads(&self) -> bool {
        self.endpoint.repeats_leads()
    }
}

fn of_lead(answer: Option<LeadResponse>) -> Outcome<LeadResponse> {
    answer.map_or(
        Outcome::NothingToReport(NothingToReport::NoLink),
        Outcome::Accepted,
    )
}
