// The page's example reports a sale, so it compiles with the client only.
#![cfg_attr(feature = "client", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "client"),
    doc = "Referral tracking with Refport: click IDs and cookies, without the client. See the README."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod capture;
mod click_id;
mod click_ids;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
mod client;
pub mod consent;
mod cookie;
mod currency;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub mod destination;
mod embed_token;
#[cfg(feature = "client")]
mod error;
mod extensions;
mod lenient;
mod newtype;
mod personal;
#[cfg(feature = "signed")]
#[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
pub mod signing;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod test_util;
mod timestamp;
pub mod track;
mod validate;

pub use crate::{
    click_id::{ClickId, ParseClickIdError},
    click_ids::ClickIds,
    cookie::{CookieName, ParseCookieNameError},
    currency::{Currency, ParseCurrencyError},
    embed_token::{EmbedToken, EmbedTokenRequest},
    extensions::{ClickIdReader, RequestExtensions, RequestExtensionsMut},
    timestamp::{ParseTimestampError, Timestamp},
    track::{
        lead::{Lead, LeadResponse},
        partli::PartliResponse,
        payment_processor::PaymentProcessor,
        sale::Sale,
        sale_answer::SaleResponse,
    },
    validate::InvalidRequest,
};

#[cfg(feature = "reqwest-client")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest-client")))]
pub use reqwest;

#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub use crate::client::blocking;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use crate::{
    client::{
        BoxError, BuildError, Client, ClientBuilder, EmbedTokens, Partli, PartliBuilder,
        PartliTrack, Refport, RefportBuilder, RefportTrack, Transport,
    },
    error::{ApiError, DecodeError, Error, ErrorKind, NotSetUpError, QueueError, TransportError},
    track::Track,
};
