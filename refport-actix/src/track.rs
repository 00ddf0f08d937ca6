use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Once,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use refport_core::{Error, Lead, LeadResponse, Refport, Sale, SaleResponse, track::Outcome};

/// Reports leads and sales, as an extractor: from `web::Data<Refport>` in the application's data,
/// or from a plain `Refport` there.
///
/// What stands behind it is left open on purpose, so that a handler stays as it is when reports
/// come to be queued instead of sent: with feature `outbox` and a `web::Data<Outbox>` or a plain
/// `Outbox` they are stored, and delivered by a worker. Where both are there, it is the outbox. For
/// the client itself, extract `web::Data<Refport>`.
///
/// It never fails, so that no order is refused for want of tracking: where neither is there, each call
/// answers [`Error::NotSetUp`], and the log says once which line to add.
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
const ADD: &str = "add `.app_data(web::Data::new(Refport::from_env()?))` to the `App`";
#[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
const ADD: &str = "add `.app_data(web::Data::new(Refport::from_env()?))`, or \
                   `.app_data(web::Data::new(outbox))`, to the `App`";

impl FromRequest for Track {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        static SAID: Once = Once::new();
        ready(Ok(find(request).unwrap_or_else(|| {
            SAID.call_once(|| tracing::error!("tracking is not set up: {ADD}"));
            Self(Way::Nobody)
        })))
    }
}

fn find(request: &HttpRequest) -> Option<Track> {
    #[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
    if let Some(outbox) = app_data::<refport_outbox::Outbox>(request) {
        return Some(outbox.clone().into());
    }
    let refport = app_data::<Refport>(request)?;
    Some(Track(Way::Client(refport.track.clone())))
}

/// As `web::Data`, or plain.
fn app_data<T: 'static>(request: &HttpRequest) -> Option<&T> {
    let shared = request.app_data::<web::Data<T>>();
    shared
        .map(web::Data::get_ref)
        .or_else(|| request.app_data::<T>())
}
