use http::Uri;

use crate::{
    Error, Lead, PartliResponse, Sale,
    client::{
        base_url::BaseUrl,
        call::{Call, Repeat},
        endpoint::Endpoint,
    },
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

    /// Reports a sign-up: `POST /api/track/lead`.
    ///
    /// A repeat counts once, by the lead's [`external_id`](Lead::external_id) or, without one, by
    /// its customer and event name. Partli has no field for the customer's ID and picture on leads,
    /// so they are not sent as such.
    ///
    /// # Errors
    ///
    /// When the lead is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes within the time budgets, or the answer cannot be read. That it was attributed to
    /// nobody is no error.
    pub async fn lead(&self, lead: Lead) -> Result<PartliResponse, Error> {
        let call = self.lead_call(&lead)?;
        drop(lead);
        self.endpoint.post(call).await
    }

    fn lead_call(&self, lead: &Lead) -> Result<Call, Error> {
        let body = LeadBody::new(lead).map_err(Error::Invalid)?;
        Ok(Call::new(
            "partli.track.lead",
            &self.lead,
            &body,
            Repeat::Always,
        ))
    }

    /// Reports a purchase: `POST /api/track/sale`.
    ///
    /// The [`invoice_id`](Sale::invoice_id) is required, and a repeat with the same one counts
    /// once. The amount is in the currency's smallest unit. Partli has no fields for the payment
    /// processor and the customer's name, e-mail address and picture on sales, so they are not
    /// sent.
    ///
    /// # Errors
    ///
    /// When the sale has no invoice ID or is otherwise certainly wrong, or its amount is zero
    /// (nothing is sent), the service answers an error, no answer comes within the time budgets, or
    /// the answer cannot be read. That it was attributed to nobody is no error.
    pub async fn sale(&self, sale: Sale) -> Result<PartliResponse, Error> {
        let call = self.sale_call(&sale)?;
        drop(sale);
        self.endpoint.post(call).await
    }

    fn sale_call(&self, sale: &Sale) -> Result<Call, Error> {
        // A free order may well have no invoice.
        if sale.is_zero() {
            return Err(Error::NothingToReport(NothingToReport::ZeroAmount));
        }
        let body = SaleBody::new(sale).map_err(Error::Invalid)?;
        Ok(Call::new(
            "partli.track.sale",
            &self.sale,
            &body,
            Repeat::Always,
        ))
    }

    /// [`lead`](Self::lead) with its outcomes in one type: attributed to nobody is
    /// [`NothingToReport::NotAttributed`].
    ///
    /// # Errors
    ///
    /// As [`lead`](Self::lead).
    pub async fn report_lead(&self, lead: Lead) -> Result<Outcome<PartliResponse>, Error> {
        self.reporting_lead(lead).await
    }

    /// [`sale`](Self::sale) with its outcomes in one type: attributed to nobody is
    /// [`NothingToReport::NotAttributed`], and a zero amount is an outcome here and no error.
    ///
    /// # Errors
    ///
    /// As [`sale`](Self::sale).
    pub async fn report_sale(&self, sale: Sale) -> Result<Outcome<PartliResponse>, Error> {
        self.reporting_sale(sale).await
    }

    /// [`report_lead`](Self::report_lead), with the request written before it is waited for: the
    /// future does not hold the lead.
    pub(crate) fn reporting_lead(
        &self,
        lead: Lead,
    ) -> impl Future<Output = Result<Outcome<PartliResponse>, Error>> + Send + '_ {
        let call = self.lead_call(&lead);
        async { self.endpoint.post(call?).await.map(outcome) }
    }

    /// As [`reporting_lead`](Self::reporting_lead).
    pub(crate) fn reporting_sale(
        &self,
        sale: Sale,
    ) -> impl Future<Output = Result<Outcome<PartliResponse>, Error>> + Send + '_ {
        let call = self.sale_call(&sale);
        async {
            match call {
                Ok(call) => self.endpoint.post(call).await.map(outcome),
                Err(Error::NothingToReport(why)) => Ok(Outcome::NothingToReport(why)),
                Err(error) => Err(error),
            }
        }
    }
}

fn outcome(answer: PartliResponse) -> Outcome<PartliResponse> {
    if answer.attributed {
        Outcome::Accepted(answer)
    } else {
        Outcome::NothingToReport(NothingToReport::NotAttributed)
    }
}
