use std::{
    convert::Infallible,
    future::{Ready, ready},
    ops::Deref,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use crate::ClickIdExt;

/// The click IDs of all programs on the request, as an extractor: for a report to several of them.
/// It never fails; an organic request has none.
///
/// The default program's is the one that [`ClickId`](crate::ClickId) would be; every other program
/// needs a [`ClickIdMiddleware`](crate::ClickIdMiddleware) with its cookie's name.
///
/// ```
/// # #[cfg(feature = "client")]
/// # mod shop {
/// use actix_web::{HttpResponse, web};
/// use refport_actix::{ClickIds, OrWarn, Sale, refport_core::destination::FanOut};
///
/// async fn checkout(clicks: ClickIds, programs: web::Data<FanOut>) -> HttpResponse {
///     let sale = Sale::without_click("user_001", 4900).currency("eur").invoice_id("inv_001");
///     for report in programs.report_sale(sale, &clicks).await {
///         report.outcome.or_warn();
///     }
///     HttpResponse::Created().finish()
/// }
/// # fn is_a_handler() -> actix_web::Route { actix_web::web::post().to(checkout) }
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

impl FromRequest for ClickIds {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.click_ids()))
    }
}
