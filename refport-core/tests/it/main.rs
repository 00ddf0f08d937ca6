//! The client against a server in the test, on real sockets.
#![cfg(feature = "client")]

mod client;
mod proptests;
mod server;
