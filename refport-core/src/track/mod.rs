//! Leads and sales: what is reported, and what comes of it.

mod acknowledged;
#[cfg(feature = "client")]
mod background;
#[cfg(feature = "client")]
mod handle;
pub(crate) mod lead;
#[cfg(feature = "client")]
mod or_warn;
pub(crate) mod partli;
pub(crate) mod payment_processor;
#[cfg(feature = "client")]
mod reporter;
pub(crate) mod sale;
pub(crate) mod sale_answer;
mod unknown_name;

use std::fmt;

use serde::Deserialize;

use crate::{lenient, personal::Personal};

pub use self::{
    acknowledged::Acknowledged,
    lead::{LeadClick, LeadLink},
    sale_answer::{CommissionStatus, SaleRecord},
    unknown_name::UnknownName,
};
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::{
    background::{Background, Unreported},
    handle::Track,
    or_warn::OrWarn,
    reporter::{Reporter, Transaction},
};

/// What became of a report, by a client or by a `Track`.
///
/// [`Acknowledged`] says whether the click has done its duty then.
///
/// More outcomes come as more ways of delivery do, so match with a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<T> {
    /// The service took it and answered this.
    Accepted(T),
    /// An outbox stands behind the `Track`: it has stored it, now or before, and delivers it later.
    /// Where it was written into a transaction of yours, it is stored once that is committed.
    Queued,
    /// There was nothing to count, which is no failure.
    NothingToReport(NothingToReport),
}

impl<T> Outcome<T> {
    /// What the service answered, where it took the report.
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accepted(answer) => Some(answer),
            Self::Queued | Self::NothingToReport(_) => None,
        }
    }

    /// The same outcome, with another form of what the service answered.
    pub fn map<U>(self, answer: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Accepted(was) => Outcome::Accepted(answer(was)),
            Self::Queued => Outcome::Queued,
            Self::NothingToReport(why) => Outcome::NothingToReport(why),
        }
    }
}

/// Why there was nothing to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NothingToReport {
    /// The sale's amount is zero (a trial, a full discount): no sale, so it is not sent.
    ZeroAmount,
    /// The service took the lead, but the click belongs to no link any more.
    NoLink,
    /// The service took the sale or lead and attributed it to nobody: its click is unknown or
    /// expired, or it has none. So answers Partli.
    NotAttributed,
    /// There is no click of this program, which counts nothing without one, so it is not sent. So
    /// answers a fan-out.
    NoClick,
    /// The client is a disabled one, which sends nothing.
    Disabled,
}

impl fmt::Display for NothingToReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroAmount => "the amount is zero",
            Self::NoLink => "the click belongs to no link",
            Self::NotAttributed => "it was attributed to nobody",
            Self::NoClick => "there is no click of this program",
            Self::Disabled => "tracking is off",
        })
    }
}

/// The customer as the service knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Customer {
    /// Your own ID of the customer.
    #[serde(deserialize_with = "lenient::optional")]
    pub external_id: Option<String>,
    #[serde(deserialize_with = "lenient::optional")]
    email: Option<Personal>,
    #[serde(deserialize_with = "lenient::optional")]
    name: Option<Personal>,
}

impl Customer {
    /// The e-mail address, where the service has one. Left out of `Debug`.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_ref().map(Personal::as_str)
    }

    /// The name, where the service has one. Left out of `Debug`.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Personal::as_str)
    }
}
