use http::Uri;

use crate::{
    Error, Lead, PartliResponse, Sale,
    client::{
        base_url::BaseUrl,
        call::{Call, Repeat, Unsent},
        endpoint::Endpoint,
    },
    destination::Patience,
    track::{
        NothingToReport, Outcome,
        partli::{LeadBody, SaleBody},
    },
};

/// Reports leads and sales to Partli: `partli.track`.
#[derive(Clone, Debug)]
pub struct PartliTrack {
    endpoint: Endpoint,
    lead: Uri,
    sale: Uri,
}

impl PartliTrack {
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
    /// A repeat counts once, by the lead's [`external_id`](Lead::external_id) or, without one, by
    /// its customer and event name. Partli has no field for the customer's ID and picture on leads,
    /// so they are not sent as such. What is attributed to nobody is
    /// [`NothingToReport::NotAttributed`].
    ///
    /// # Errors
    ///
    /// When the lead is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes within the time budgets, or the answer cannot be read.
    pub fn lead(
        &self,
        lead: Lead,
    ) -> impl Future<Output = Result<Outcome<PartliResponse>, Error>> + Send + use<> {
        self.endpoint.report(self.lead_call(lead), outcome)
    }

    /// Reports a purchase: `POST /api/track/sale`.
    ///
    /// The [`invoice_id`](Sale::invoice_id) is required, and a repeat with the same one counts
    /// once. The amount is in the currency's smallest unit. Partli has no fields for the payment
    /// processor and the customer's name, e-mail address and picture on sales, so they are not
    /// sent. What is attributed to nobody is [`NothingToReport::NotAttributed`]; a sale of nothing is
    /// not sent, and is [`NothingToReport::ZeroAmount`].
    ///
    /// # Errors
    ///
    /// When the sale has no invoice ID or is otherwise certainly wrong (nothing is sent), the
    /// service answers an error, no answer comes within the time budgets, or the answer cannot be
    /// read.
    pub fn sale(
        &self,
        sale: Sale,
    ) -> impl Future<Output = Result<Outcome<PartliResponse>, Error>> + Send + use<> {
        self.endpoint.report(self.sale_call(sale), outcome)
    }

    fn lead_call(&self, lead: Lead) -> Result<Call, Unsent> {
        let lead = lead.with_time_if(self.endpoint.sends_occurred_at());
        let body = LeadBody::new(&lead)?;
        let name = "partli.track.lead";
        Ok(Call::new(name, &self.lead, &body, Repeat::Always))
    }

    fn sale_call(&self, sale: Sale) -> Result<Call, Unsent> {
        // A free order may well have no invoice.
        if sale.is_zero() {
            return Err(Unsent::Nothing(NothingToReport::ZeroAmount));
        }
        let sale = sale.with_time_if(self.endpoint.sends_occurred_at());
        let refused = |refused| Unsent::from(refused).of_invoice(sale.get_invoice_id());
        let body = SaleBody::new(&sale).map_err(refused)?;
        sale.mind_the_currency();
        let name = "partli.track.sale";
        Ok(Call::new(name, &self.sale, &body, Repeat::Always))
    }
}

fn outcome(answer: PartliResponse) -> Outcome<PartliResponse> {
    if answer.attributed {
        Outcome::Accepted(answer)
    } else {
        Outcome::NothingToReport(NothingToReport::NotAttributed)
    }
}
