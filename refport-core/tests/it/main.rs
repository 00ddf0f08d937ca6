//! The client against a server in the test, on real sockets.
#![cfg(feature = "client")]

#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a library for the fuzz targets")]
mod checks;
mod client;
mod fuzz_corpus;
#[cfg(feature = "metrics")]
mod metrics;
mod proptests;
mod retries;
mod scripted;
mod secrets;
mod server;
