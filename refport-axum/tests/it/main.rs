//! The extractors in real routers.

#[cfg(feature = "client")]
mod checkout;
mod click_id;
mod http2;
