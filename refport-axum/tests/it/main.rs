//! The extractors in real routers.

#[cfg(feature = "reqwest")]
mod checkout;
#[cfg(feature = "reqwest")]
mod clear;
mod click_id;
mod composition;
mod connections;
#[cfg(feature = "outbox")]
mod queued;
#[cfg(feature = "client")]
mod recorder;
#[cfg(feature = "signed")]
mod signed;
