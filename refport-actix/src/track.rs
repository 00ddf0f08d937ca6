use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use refport_core::{Error, Lead, LeadResponse, Refport, Sale, SaleResponse, track::Outcome};

use crate::TrackError;

/// Reports leads and sales, as an extractor: from `web::Data<Refport>` in the application's data,
/// or from a plain `Refport` there.
///
/// What stands behind it is left open on purpose: an outbox will, on request, and a handler stays
/// as it is when reports come to be queued instead of sent. For the client itself, extract
/// `web::Data<Refport>`.
#[derive(Clone, Debug)]
pub struct Track(refport_core::Track);

impl Track {
    /// Reports a purchase.
    ///
    /// It takes as long as the service does, up to the client's time budgets, and a failure is
    /// yours to log: the order stands either way.
    ///
    /// # Errors
    ///
    /// When the sale is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes in time, or the answer cannot be read.
    pub async fn sale(&self, sale: Sale) -> Result<Outcome<SaleResponse>, Error> {
        self.0.report_sale(sale).await
    }

    /// Reports a sign-up.
    ///
    /// # Errors
    ///
    /// As [`sale`](Self::sale).
    pub async fn lead(&self, lead: Lead) -> Result<Outcome<LeadResponse>, Error> {
        self.0.report_lead(lead).await
    }
}

impl From<Refport> for Track {
    fn from(refport: Refport) -> Self {
        Self(refport.track)
    }
}

impl FromRequest for Track {
    type Error = TrackError;
    type Future = Ready<Result<Self, TrackError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match client(request) {
            Some(refport) => Ok(Self(refport.track.clone())),
            None => {
                let error = TrackError(());
                tracing::error!(%error, "tracking is not set up");
                Err(error)
            }
        })
    }
}

fn client(request: &HttpRequest) -> Option<&Refport> {
    let shared = request.app_data::<web::Data<Refport>>();
    shared
        .map(web::Data::get_ref)
        .or_else(|| request.app_data::<Refport>())
}
