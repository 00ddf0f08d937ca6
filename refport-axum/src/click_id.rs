use std::{convert::Infallible, fmt, ops::Deref, str::FromStr};

use axum_core::{
    RequestPartsExt,
    extract::{FromRequestParts, OptionalFromRequestParts},
};
use http::request::Parts;
use refport_core::ParseClickIdError;
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

impl ClickId {
    /// The core's click ID.
    #[must_use]
    pub fn into_inner(self) -> refport_core::ClickId {
        self.0
    }
}

impl Deref for ClickId {
    type Target = refport_core::ClickId;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<refport_core::ClickId> for ClickId {
    fn from(id: refport_core::ClickId) -> Self {
        Self(id)
    }
}

/// As kept with a customer: the text of the ID.
impl FromStr for ClickId {
    type Err = ParseClickIdError;

    fn from_str(text: &str) -> Result<Self, ParseClickIdError> {
        text.parse().map(Self)
    }
}

impl TryFrom<&str> for ClickId {
    type Error = ParseClickIdError;

    fn try_from(text: &str) -> Result<Self, ParseClickIdError> {
        text.parse()
    }
}

impl TryFrom<String> for ClickId {
    type Error = ParseClickIdError;

    fn try_from(text: String) -> Result<Self, ParseClickIdError> {
        text.parse()
    }
}

impl From<ClickId> for refport_core::ClickId {
    fn from(id: ClickId) -> Self {
        id.0
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
