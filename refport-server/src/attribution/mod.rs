//! The rules of attribution, without a database: what a partner earns, for how long, and when.

mod reward;

pub use self::reward::{Amount, Interval, InvalidReward, Reward};

/// How long a click can make a first attribution, in milliseconds: 90 days, as long as the cookie.
pub(crate) const CLICK_WINDOW_MS: i64 = 90 * DAY_MS;

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why an event that was recorded earns its partner nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoCommission {
    /// The amount was zero, or so small that the share rounds to zero.
    NothingEarned,
    /// Neither the partner's group nor the program has a reward for this kind of event.
    NoReward,
    /// The reward is paid once a customer, and was.
    OnlyOnce,
    /// The reward's months are over for this customer.
    PastDuration,
    /// A flat reward is in the program's currency, the sale was in another.
    OtherCurrency,
}

impl NoCommission {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NothingEarned => "nothing_earned",
            Self::NoReward => "no_reward",
            Self::OnlyOnce => "only_once",
            Self::PastDuration => "past_duration",
            Self::OtherCurrency => "other_currency",
        }
    }
}
