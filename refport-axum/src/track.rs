use axum_core::extract::FromRequestParts;
use http::{Extensions, request::Parts};
use refport_core::{Error, Lead, LeadResponse, Refport, Sale, SaleResponse, track::Outcome};

use crate::TrackRejection;

/// Reports leads and sales, as an extractor: from `Extension(refport)`.
///
/// What stands behind it is left open on purpose, so that a handler stays as it is when reports
/// come to be queued instead of sent: with feature `outbox` and `Extension(outbox)` they are stored,
/// and delivered by a worker. Where both are there, it is the outbox. With a state of your own, use
/// `State<Refport>` and `refport.track` itself.
#[derive(Clone, Debug)]
pub struct Track(pub(crate) Way);

#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// Each report is sent when it is made.
    Client(refport_core::Track),
    /// Each report is stored, and sent by a worker.
    #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
    Outbox(refport_outbox::Outbox),
}

impl Track {
    /// Reports a purchase.
    ///
    /// It takes as long as the service does, up to the client's time budgets, and a failure is
    /// yours to log: the order stands either way. With an outbox it takes as long as a transaction
    /// of its own in your database, and the outcome is [`Outcome::Queued`].
    ///
    /// # Errors
    ///
    /// When the sale is certainly wrong (nothing is sent), the service answers an error, no answer
    /// comes in time, or the answer cannot be read. With an outbox, [`Error::Queue`] when the sale
    /// has no invoice ID, contradicts one that is stored, or the database does not take it.
    pub async fn sale(&self, sale: Sale) -> Result<Outcome<SaleResponse>, Error> {
        match &self.0 {
            Way::Client(track) => track.report_sale(sale).await,
            #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
            Way::Outbox(outbox) => crate::queued::add(outbox, sale).await,
        }
    }

    /// Reports a sign-up.
    ///
    /// # Errors
    ///
    /// As [`sale`](Self::sale).
    pub async fn lead(&self, lead: Lead) -> Result<Outcome<LeadResponse>, Error> {
        match &self.0 {
            Way::Client(track) => track.report_lead(lead).await,
            #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
            Way::Outbox(outbox) => crate::queued::add(outbox, lead).await,
        }
    }
}

impl From<Refport> for Track {
    fn from(refport: Refport) -> Self {
        Self(Way::Client(refport.track))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Track {
    type Rejection = TrackRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, TrackRejection> {
        let Some(track) = find(&parts.extensions) else {
            let error = TrackRejection(());
            tracing::error!(%error, "tracking is not set up");
            return Err(error);
        };
        Ok(track)
    }
}

fn find(extensions: &Extensions) -> Option<Track> {
    #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
    if let Some(outbox) = extensions.get::<refport_outbox::Outbox>() {
        return Some(outbox.clone().into());
    }
    let refport = extensions.get::<Refport>()?;
    Some(Track(Way::Client(refport.track.clone())))
}
