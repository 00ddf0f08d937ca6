#![doc = include_str!("../README.md")]

mod api_key;
#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub mod bench;
mod config;
mod dialect;
mod domain;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod serve;
mod store;

pub use self::{
    config::Config,
    domain::{Amount, Interval, InvalidReward, Reward},
    http::router,
    serve::serve,
    store::{
        Explanation, Group, NewPartner, NewProgram, Partner, Question, RewardTarget, Setup, Store,
        StoreError,
    },
};

// Of the binary.
use anyhow as _;
use clap as _;
use tracing_appender as _;
use tracing_subscriber as _;
