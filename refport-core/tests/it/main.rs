//! The crate as its users see it: parsers, and the client over scripts and real sockets.

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a library for the fuzz targets")]
mod checks;
#[cfg(feature = "reqwest")]
#[cfg(feature = "blocking")]
mod blocking;
mod client;
mod fuzz_corpus;
#[cfg(feature = "metrics")]
mod metrics;
mod proptests;
#[cfg(feature = "client")]
mod retries;
#[cfg(feature = "client")]
mod scripted;
#[cfg(feature = "client")]
mod secrets;
#[cfg(feature = "reqwest")]
mod server;
#[cfg(feature = "test-util")]
mod test_util;
