//! What the whole-system tests share: a shop in a process of its own, a browser, and the way of a
//! visitor through both.
//!
//! The tests themselves stand with the shops (`examples/*/tests`), where cargo knows their
//! programs, and in this package's `tests` folder.

mod api;
mod browser;
pub mod capturing;
mod clock;
pub mod drop_in;
mod journey;
mod outage;
mod process;
mod recorder;
mod service;
mod tap;
mod visitor;

pub use self::{
    api::Api,
    browser::Browser,
    journey::{buy_with_the_service_dead, follow_sign_up_and_buy},
    outage::{kill_after_the_order_page, sell_with_the_service_stopped},
    process::{Running, Shop},
    recorder::serve_recorder,
    service::Service,
    tap::Tap,
    visitor::Visitor,
};

// The example of that page compiles and holds.
#[cfg(doctest)]
#[doc = include_str!("../../docs/FRAMEWORKS.md")]
mod frameworks {}
