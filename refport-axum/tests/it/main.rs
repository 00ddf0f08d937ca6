//! The extractors in real routers.

#[cfg(feature = "reqwest")]
mod checkout;
#[cfg(feature = "reqwest")]
mod clear;
mod click_id;
mod http2;
#[cfg(feature = "client")]
mod recorder;
