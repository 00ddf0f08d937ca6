//! What happens, decided: no SQL, no dialect, no clock, no I/O.
//!
//! - [`event`]: what was reported; [`facts`]: what is known; [`decide()`]: what follows from both;
//! - [`plan`]: the rows to write; [`outcome`]: what to answer, with the reason;
//! - [`reward`]: what is paid, and for how long; [`click_id`]: IDs that stand by themselves.
//!
//! Times are milliseconds since 1970 (UTC), amounts are in the currency's smallest unit.

pub(crate) mod click_id;
mod decide;
mod event;
mod facts;
pub(crate) mod id;
pub(crate) mod money;
mod outcome;
mod plan;
mod reward;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use self::reward::{Amount, Interval, InvalidReward, Reward};
pub(crate) use self::{
    decide::decide,
    event::{ClaimedClick, Customer, Event, FreshIds, Kind, Lead, Policy, Report, Sale, Standing},
    facts::{Click, Facts, KnownCustomer, Link, VersionedReward, identity_of_external_id},
    outcome::{Outcome, Reason, Recorded, RecordedLink, RecordedSale},
    plan::{Commission, CustomerChange, NewClick, NewCustomer, OtherAmount, Plan, Refusal},
};

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long a click can make a first attribution: 90 days, as long as the cookie.
pub(crate) const CLICK_WINDOW_MS: i64 = 90 * DAY_MS;

/// How far two machines' clocks may be apart: 5 minutes.
pub(crate) const CLOCK_SKEW_MS: i64 = 5 * 60 * 1000;
