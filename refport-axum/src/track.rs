use axum_core::extract::FromRequestParts;
use http::request::Parts;
use refport_core::{Error, Lead, LeadResponse, Refport, Sale, SaleResponse, track::Outcome};

use crate::TrackRejection;

/// Reports leads and sales, as an extractor: from `Extension(refport)`.
///
/// What stands behind it is left open on purpose, so that a handler stays as it is when reports
/// come to be queued instead of sent. With a state of your own, use `State<Refport>` and
/// `refport.track` itself.
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

impl<S: Send + Sync> FromRequestParts<S> for Track {
    type Rejection = TrackRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, TrackRejection> {
        let Some(refport) = parts.extensions.get::<Refport>() else {
            let error = TrackRejection(());
            tracing::error!(%error, "tracking is not set up");
            return Err(error);
        };
        Ok(Self(refport.track.clone()))
    }
}
