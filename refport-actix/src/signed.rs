use std::{
    future::{Ready, ready},
    ops::Deref,
    sync::Once,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::COOKIE, web::Data};
use refport_core::{CookieName, signing::SigningKeys};

use crate::{ClickId, ClickIdExt, SignedClickIdError};

/// The visitor's click ID where the site's own signature stands beside it, as an extractor.
///
/// It checks by the [`SigningKeys`] in the application's data, whatever middlewares there are.
/// Plain `SignedClickId` answers 400 to a visitor without a signed ID, `Option<SignedClickId>` is
/// `None` then. [`Capture::signed_by`](crate::Capture::signed_by) writes the
/// signature.
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use refport_actix::{SignedClickId, refport_core::signing::SigningKeys};
///
/// async fn checkout(click_id: Option<SignedClickId>) -> &'static str {
///     if click_id.is_some() { "referred" } else { "organic" }
/// }
///
/// # let secret = [1; 32];
/// let keys = SigningKeys::new(&secret)?;
/// let app = App::new()
///     .app_data(web::Data::new(keys))
///     .route("/checkout", web::post().to(checkout));
/// # Ok::<(), refport_actix::refport_core::signing::InvalidKeyError>(())
/// ```
///
/// Without keys in the data, plain `SignedClickId` answers 500. actix turns every failure of an
/// extractor in an `Option` into `None`, so there the first request is told at `error`, and no ID
/// is ever answered that was not checked.
///
/// It is the ID of the cookie `refp_id`. On the landing request itself there is none, since its
/// signature is only being written. A cookie of another name is for
/// [`ClickIdMiddleware::signed_by`](crate::ClickIdMiddleware::signed_by).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedClickId(refport_core::ClickId);

impl SignedClickId {
    /// The core's click ID.
    #[must_use]
    pub fn into_inner(self) -> refport_core::ClickId {
        self.0
    }

    fn find(request: &HttpRequest) -> Result<Self, SignedClickIdError> {
        static TOLD: Once = Once::new();
        let Some(keys) = keys(request) else {
            let error = SignedClickIdError::NotSetUp;
            TOLD.call_once(|| tracing::error!(%error, "signed click IDs are not answered"));
            return Err(error);
        };
        let cookies = request.headers().get_all(COOKIE);
        let found = request.click_id().map(ClickId::into_inner);
        found
            .filter(|id| keys.is_signed(&CookieName::REFPORT, id, cookies))
            .map(Self)
            .ok_or(SignedClickIdError::Missing)
    }
}

fn keys(request: &HttpRequest) -> Option<&SigningKeys> {
    let data = request.app_data::<Data<SigningKeys>>();
    data.map(|data| &***data).or_else(|| request.app_data())
}

impl Deref for SignedClickId {
    type Target = refport_core::ClickId;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<SignedClickId> for refport_core::ClickId {
    fn from(id: SignedClickId) -> Self {
        id.0
    }
}

impl From<SignedClickId> for ClickId {
    fn from(id: SignedClickId) -> Self {
        Self(id.0)
    }
}

impl FromRequest for SignedClickId {
    type Error = SignedClickIdError;
    type Future = Ready<Result<Self, SignedClickIdError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::find(request))
    }
}
