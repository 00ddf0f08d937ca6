use std::{convert::Infallible, sync::Once};

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{Extensions, request::Parts};
use refport_core::{Error, Lead, LeadResponse, Refport, Sale, SaleResponse, track::Outcome};

/// Reports leads and sales, as an extractor: from `Extension(refport)`.
///
/// What stands behind it is left open on purpose, so that a handler stays as it is when reports
/// come to be queued instead of sent: with feature `outbox` and `Extension(outbox)` they are stored,
/// and delivered by a worker. Where both are there, it is the outbox. With a state of your own, use
/// `State<Refport>` and `refport.track` itself.
///
/// It never fails, so that no order is refused for want of tracking: where neither is there, as on a route
/// that was added after `.layer`, each call answers [`Error::NotSetUp`], and the log says once which line
/// to add. `Option<Track>` is `None` then.
#[derive(Clone, Debug)]
pub struct Track(pub(crate) Way);

#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// Each report is sent when it is made.
    Client(refport_core::Track),
    /// Each report is stored, and sent by a worker.
    #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
    Outbox(refport_outbox::Outbox),
    /// Nobody was found.
    Nobody,
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
    /// has no invoice ID, contradicts one that is stored, or the database does not take it. With
    /// neither, [`Error::NotSetUp`].
    pub async fn sale(&self, sale: Sale) -> Result<Outcome<SaleResponse>, Error> {
        match &self.0 {
            Way::Client(track) => track.report_sale(sale).await,
            #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
            Way::Outbox(outbox) => crate::queued::add(outbox, sale).await,
            Way::Nobody => Err(Error::NotSetUp(ADD)),
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
            Way::Nobody => Err(Error::NotSetUp(ADD)),
        }
    }
}

impl From<Refport> for Track {
    fn from(refport: Refport) -> Self {
        Self(Way::Client(refport.track))
    }
}

/// What to do where nobody was found.
#[cfg(not(any(feature = "outbox", feature = "outbox-postgres")))]
const ADD: &str = "add `.layer(Extension(Refport::from_env()?))` to the router, after its routes";
#[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
const ADD: &str = "add `.layer(Extension(Refport::from_env()?))`, or `.layer(Extension(outbox))`, to the \
                   router, after its routes";

impl<S: Send + Sync> FromRequestParts<S> for Track {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        static SAID: Once = Once::new();
        Ok(find(&parts.extensions).unwrap_or_else(|| {
            SAID.call_once(|| tracing::error!("tracking is not set up: {ADD}"));
            Self(Way::Nobody)
        }))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Track {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(find(&parts.extensions))
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
