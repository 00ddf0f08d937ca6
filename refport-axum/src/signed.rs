use std::{convert::Infallible, ops::Deref};

use axum_core::{
    RequestPartsExt,
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts},
};
use http::{header::COOKIE, request::Parts};
use refport_core::{CookieName, signing::SigningKeys};

use crate::{ClickId, ClickIdRejection};

/// The visitor's click ID where the site's own signature stands beside it, as an extractor.
///
/// It checks by the [`SigningKeys`] in the router's state, whatever layers there are, and over a
/// state without keys it does not compile. `Option<SignedClickId>` never fails; plain
/// `SignedClickId` answers 400 to a visitor without a signed ID.
/// [`Capture::signed_by`](crate::Capture::signed_by) writes the signature.
///
/// ```
/// use axum::{Router, extract::FromRef, routing::post};
/// use refport_axum::{SignedClickId, refport_core::signing::SigningKeys};
///
/// #[derive(Clone)]
/// struct Shop {
///     keys: SigningKeys,
/// }
///
/// impl FromRef<Shop> for SigningKeys {
///     fn from_ref(shop: &Shop) -> Self {
///         shop.keys.clone()
///     }
/// }
///
/// async fn checkout(click_id: Option<SignedClickId>) -> &'static str {
///     if click_id.is_some() { "referred" } else { "organic" }
/// }
///
/// # let secret = [1; 32];
/// let shop = Shop { keys: SigningKeys::new(&secret)? };
/// let app: Router = Router::new().route("/checkout", post(checkout)).with_state(shop);
/// # Ok::<(), refport_axum::refport_core::signing::InvalidKeyError>(())
/// ```
///
/// Where the state has no keys, `checkout` is no handler:
///
/// ```compile_fail,E0277
/// use axum::{Router, routing::post};
/// use refport_axum::SignedClickId;
///
/// async fn checkout(_: Option<SignedClickId>) {}
/// let app: Router = Router::new().route("/checkout", post(checkout));
/// ```
///
/// It is the ID of the cookie `refp_id`. On the landing request itself there is none, since its
/// signature is only being written. A cookie of another name is for
/// [`ClickIdLayer::signed_by`](crate::ClickIdLayer::signed_by).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedClickId(refport_core::ClickId);

impl SignedClickId {
    /// The core's click ID.
    #[must_use]
    pub fn into_inner(self) -> refport_core::ClickId {
        self.0
    }
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

impl<S> OptionalFromRequestParts<S> for SignedClickId
where
    S: Send + Sync,
    SigningKeys: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Infallible> {
        let keys = SigningKeys::from_ref(state);
        let is_signed = |id: &refport_core::ClickId| {
            keys.is_signed(&CookieName::REFPORT, id, parts.headers.get_all(COOKIE))
        };
        Ok(refport_tower::find_click_id(parts)
            .filter(is_signed)
            .map(Self))
    }
}

impl<S> FromRequestParts<S> for SignedClickId
where
    S: Send + Sync,
    SigningKeys: FromRef<S>,
{
    type Rejection = ClickIdRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ClickIdRejection> {
        match parts.extract_with_state::<Option<Self>, S>(state).await {
            Ok(found) => found.ok_or(ClickIdRejection(())),
        }
    }
}
