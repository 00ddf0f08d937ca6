//! The crate as its users see it: parsers, and the client over scripts and real sockets.

#[cfg(feature = "client")]
mod background;
#[cfg(all(feature = "blocking", feature = "reqwest"))]
mod blocking;
#[path = "../../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "a library for the fuzz targets")]
mod checks;
#[cfg(feature = "reqwest")]
mod client;
mod cookie_peer;
mod cookie_scan;
#[cfg(feature = "client")]
mod destination;
#[cfg(feature = "client")]
mod disabled;
mod fuzz_corpus;
#[cfg(feature = "reqwest")]
mod hostile;
#[cfg(feature = "reqwest")]
mod leaving;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "client")]
mod occurred_at;
#[cfg(feature = "client")]
mod partli;
#[cfg(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"))]
mod private_ca;
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
#[cfg(feature = "reqwest")]
mod threaded;
