// The page's example reports a sale, so it compiles with the client only.
#![cfg_attr(feature = "client", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "client"),
    doc = "Referral tracking with Refport for axum, without the client. See the README."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clear;
mod click_id;
mod click_ids;
mod rejection;
#[cfg(feature = "client")]
mod track;

pub use self::{
    clear::ClearClickId, click_id::ClickId, click_ids::ClickIds, rejection::ClickIdRejection,
};
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::{rejection::TrackRejection, track::Track};
pub use refport_core::{
    self, CookieName, Currency, EmbedToken, EmbedTokenRequest, InvalidRequest, Lead, LeadResponse,
    PaymentProcessor, Sale, SaleResponse, Timestamp,
    capture::{Capture, SameSite},
    consent::Consent,
    track::{Acknowledged, NothingToReport, Outcome},
};
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use refport_core::{ApiError, BuildError, Error, ErrorKind, Refport, RefportBuilder};
pub use refport_tower::{self, CaptureLayer, ClickIdLayer};
