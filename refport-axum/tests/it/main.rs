//! The extractors in real routers.

#[cfg(feature = "client")]
mod checkout;
#[cfg(feature = "client")]
mod clear;
mod click_id;
mod http2;
