//! The server as its callers see it: the router in process, on a database file of its own.

mod api;
mod cli;
mod dialects;
mod errors;
mod harness;
mod idempotency;
mod link;
mod portal;
mod rewards;
