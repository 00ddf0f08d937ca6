#![doc = include_str!("../README.md")]

mod attribution;
mod config;
mod dialect;
mod error;
mod id;
mod key;
mod money;
mod routes;
mod serve;
mod store;

pub use self::{
    attribution::{Amount, Interval, InvalidReward, Reward},
    config::Config,
    routes::router,
    serve::serve,
    store::{Group, NewPartner, Partner, RewardTarget, Setup, Store, StoreError},
};

// Of the binary.
use anyhow as _;
use clap as _;
use tracing_subscriber as _;
