use std::{convert::Infallible, ops::Deref};

use axum_core::extract::FromRequestParts;
use http::request::Parts;

/// The click IDs of all programs on the request, as an extractor: for a report to several of them.
/// It never fails; an organic request has none.
///
/// The default program's is the one that [`ClickId`](crate::ClickId) would be; every other program
/// needs a [`ClickIdLayer`](crate::ClickIdLayer) with its cookie's name.
///
/// ```
/// # #[cfg(feature = "client")]
/// # mod shop {
/// use axum::{Extension, http::StatusCode};
/// use refport_axum::{ClickIds, OrWarn, Sale, refport_core::destination::FanOut};
///
/// async fn checkout(clicks: ClickIds, Extension(programs): Extension<FanOut>) -> StatusCode {
///     let sale = Sale::without_click("user_001", 4900).currency("eur").invoice_id("inv_001");
///     for report in programs.report_sale(sale, &clicks).await {
///         report.outcome.or_warn();
///     }
///     StatusCode::CREATED
/// }
/// # fn is_a_handler() -> axum::routing::MethodRouter { axum::routing::post(checkout) }
/// # }
/// ```
///
/// It is a copy of what stands on the request, so it lets nothing be changed there: a middleware
/// of your own [withholds](refport_core::ClickIds::withhold) an ID by the core's type in the
/// request's extensions.
#[derive(Clone, Debug)]
pub struct ClickIds(pub refport_core::ClickIds);

impl ClickIds {
    /// The core's click IDs.
    #[must_use]
    pub fn into_inner(self) -> refport_core::ClickIds {
        self.0
    }
}

impl Deref for ClickIds {
    type Target = refport_core::ClickIds;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<refport_core::ClickIds> for ClickIds {
    fn from(ids: refport_core::ClickIds) -> Self {
        Self(ids)
    }
}

impl From<ClickIds> for refport_core::ClickIds {
    fn from(ids: ClickIds) -> Self {
        ids.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClickIds {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(refport_tower::find_click_ids(parts)))
    }
}
