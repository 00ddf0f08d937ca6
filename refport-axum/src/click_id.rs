use std::convert::Infallible;

use axum_core::{
    RequestPartsExt,
    extract::{FromRequestParts, OptionalFromRequestParts},
};
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::ClickIdRejection;

/// The visitor's click ID, as an extractor.
///
/// `Option<ClickId>` never fails and is what most handlers want; plain `ClickId` answers 400 to a
/// visitor without one. Neither needs a layer, unless the cookie has a name of your own: see the
/// [crate's page](crate#extractors).
///
/// It is a newtype of [`refport_core::ClickId`], because axum's traits and the core's type are
/// both foreign here; it goes wherever that one does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClickId(pub refport_core::ClickId);

refport_core::click_id_newtype!(ClickId);

impl<S: Send + Sync> OptionalFromRequestParts<S> for ClickId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(refport_tower::find_click_id(parts).map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClickId {
    type Rejection = ClickIdRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClickIdRejection> {
        match parts.extract::<Option<Self>>().await {
            Ok(found) => found.ok_or(ClickIdRejection(())),
        }
    }
}
