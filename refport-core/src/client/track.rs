use http::Uri;

use super::{
    base_url::BaseUrl,
    call::{Call, Repeat},
    endpoint::Endpoint,
};
use crate::{
    Error, Lead, LeadResponse, Sale, SaleResponse,
    track::{NothingToReport, Outcome},
};

/// Reports leads and sales: `refport.track`.
#[derive(Clone, Debug)]
pub struct Track {
    endpoint: Endpoint,
    lead: Uri,
    sale: Uri,
}

impl Track {
    pub(super) fn new(endpoint: Endpoint, base: &BaseUrl) -> Self {
        Self {
            endpoint,
            lead: base.join("/api/track/lead"),
            sale: base.join("/api/track/sale"),
        }
    }

    /// Reports a sign-up: `POST /api/track/lead`.
    ///
    /// `None` means that the service took the lead but the click belongs to no link any more.
    ///
    /// # Errors
    ///
    /// When the lead is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes within the time budgets, or the answer cannot be read.
    pub async fn lead(&self, lead: Lead) -> Result<Option<LeadResponse>, Error> {
        let call = self.lead_call(lead)?;
        self.endpoint.post(call).await
    }

    fn lead_call(&self, lead: Lead) -> Result<Call, Error> {
        lead.check().map_err(Error::Invalid)?;
        let lead = lead.for_refport();
        let repeat = if self.repeats_leads() {
            Repeat::Always
        } else {
            Repeat::IfUnseen
        };
        Ok(Call::new("track.lead", &self.lead, &lead, repeat))
    }

    /// Whether the service is known to count a repeated lead once.
    pub(crate) fn repeats_leads(&self) -> bool {
        self.endpoint.settings().repeat_leads
    }

    /// Reports a purchase: `POST /api/track/sale`.
    ///
    /// A repeat with the same [`invoice_id`](Sale::invoice_id) counts once.
    ///
    /// # Errors
    ///
    /// When the sale is certainly wrong or its amount is zero (nothing is sent), the service
    /// answers an error, no answer comes within the time budgets, or the answer cannot be read.
    pub async fn sale(&self, sale: Sale) -> Result<SaleResponse, Error> {
        let call = self.sale_call(&sale)?;
        drop(sale);
        self.endpoint.post(call).await
    }

    fn sale_call(&self, sale: &Sale) -> Result<Call, Error> {
        sale.check().map_err(Error::Invalid)?;
        if sale.is_zero() {
            return Err(Error::NothingToReport(NothingToReport::ZeroAmount));
        }
        let repeat = if sale.counts_once() {
            Repeat::Always
        } else {
            Repeat::IfUnseen
        };
        Ok(Call::new("track.sale", &self.sale, sale, repeat))
    }

    /// [`lead`](Self::lead) with its outcomes in one type, as the adapters' `Track` answers it.
    ///
    /// # Errors
    ///
    /// As [`lead`](Self::lead).
    pub async fn report_lead(&self, lead: Lead) -> Result<Outcome<LeadResponse>, Error> {
        self.reporting_lead(lead).await
    }

    /// [`sale`](Self::sale) with its outcomes in one type, as the adapters' `Track` answers it: a
    /// zero amount is an outcome here and no error.
    ///
    /// # Errors
    ///
    /// As [`sale`](Self::sale).
    pub async fn report_sale(&self, sale: Sale) -> Result<Outcome<SaleResponse>, Error> {
        self.reporting_sale(sale).await
    }

    /// [`report_lead`](Self::report_lead), with the request written before it is waited for: the
    /// future does not hold the lead.
    pub(crate) fn reporting_lead(
        &self,
        lead: Lead,
    ) -> impl Future<Output = Result<Outcome<LeadResponse>, Error>> + Send + '_ {
        let call = self.lead_call(lead);
        async {
            Ok(match self.endpoint.post(call?).await? {
                Some(answer) => Outcome::Accepted(answer),
                None => Outcome::NothingToReport(NothingToReport::NoLink),
            })
        }
    }

    /// As [`reporting_lead`](Self::reporting_lead).
    pub(crate) fn reporting_sale(
        &self,
        sale: Sale,
    ) -> impl Future<Output = Result<Outcome<SaleResponse>, Error>> + Send + '_ {
        let call = self.sale_call(&sale);
        async {
            match call {
                Ok(call) => self.endpoint.post(call).await.map(Outcome::Accepted),
                Err(Error::NothingToReport(why)) => Ok(Outcome::NothingToReport(why)),
                Err(error) => Err(error),
            }
        }
    }
}
