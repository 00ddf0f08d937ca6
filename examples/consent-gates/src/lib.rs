//! Three gates for the capture layers, each a function over one cookie's value: copy the one that
//! fits, and change it to what your lawyers say.
//!
//! They answer what the cookie says and no more. Which category or purpose a referral click falls
//! under is the site's decision, and a cookie that cannot be read is [`Consent::Unknown`], as if
//! nobody had been asked: the click then serves its request and is not stored.
//!
//! ```
//! use consent_gates::{COOKIEBOT_COOKIE, cookiebot};
//! use refport_core::consent::Consent;
//! use refport_tower::CaptureLayer;
//!
//! let layer = CaptureLayer::new().consent(|request| {
//!     let choice = request.cookie(COOKIEBOT_COOKIE);
//!     choice.map_or(Consent::Unknown, |choice| cookiebot(&choice, "marketing"))
//! });
//! # let _ = layer;
//! ```
//!
//! On actix it is the same closure, with `request.cookie_value(…)` of `ClickIdExt`.

mod cookiebot;
mod onetrust;
mod tcf;

pub use self::{
    cookiebot::{COOKIEBOT_COOKIE, cookiebot},
    onetrust::{ONETRUST_COOKIE, onetrust},
    tcf::{TCF_COOKIE, tcf},
};

#[cfg(doc)]
use refport_core::consent::Consent;
