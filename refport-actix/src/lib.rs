// The page's example reports a sale, so it compiles with the client only.
#![cfg_attr(feature = "client", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "client"),
    doc = "Referral tracking with Refport for actix-web, without the client. See the README."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clear;
mod click_id;
mod click_ids;
mod error;
mod ext;
pub mod guard;
mod middleware;
mod request;
#[cfg(feature = "signed")]
mod signed;
#[cfg(feature = "client")]
mod track;

#[doc(hidden)]
pub use self::middleware::{CaptureFuture, CaptureService, ClickIdService};
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::track::Track;
pub use self::{
    clear::ClearClickId,
    click_id::ClickId,
    click_ids::ClickIds,
    error::ClickIdError,
    ext::ClickIdExt,
    middleware::{CaptureMiddleware, ClickIdMiddleware},
};
#[cfg(feature = "signed")]
#[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
pub use self::{error::SignedClickIdError, signed::SignedClickId};
pub use refport_core::{
    self, CookieName, Currency, EmbedToken, EmbedTokenRequest, InvalidRequest, Lead,
    PaymentProcessor, Sale, Timestamp,
    capture::{Capture, CaptureError, GlobalPrivacyControl, SameSite, Withheld},
    consent::Consent,
    track::{Acknowledged, NothingToReport, Outcome},
};
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use refport_core::{
    ApiError, BuildError, Error, ErrorKind, QueueError, Refport, RefportBuilder,
    destination::Reported,
    track::{Background, OrWarn, Reporter, Unreported},
};
#[cfg(any(feature = "outbox", feature = "outbox-postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "outbox", feature = "outbox-postgres"))))]
pub use refport_outbox::{self, Entry, Outbox};
