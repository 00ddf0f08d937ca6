use jiff::{Timestamp, ToSpan, tz::TimeZone};
use refport_core::Currency;

use super::Reason;

/// What a partner earns for one event, and for how long in a customer's life.
///
/// ```
/// use refport_server::{Amount, Interval, Reward};
///
/// let reward = Reward::new(Amount::percent("12.5")?, Interval::Recurring { months: 12 })?;
/// assert_eq!(reward.to_string(), "12.5 % of each sale within 12 months");
/// # Ok::<(), refport_server::InvalidReward>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reward {
    amount: Amount,
    interval: Interval,
}

/// How much a reward pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A share of the sale in basis points (hundredths of a percent), 1 to 10,000.
    BasisPoints(u16),
    /// A fixed sum in the smallest unit of the program's currency, 1 or more.
    Flat(i64),
}

impl Amount {
    /// A share from text like `10` or `12.5`: above 0 and up to 100, with at most two decimals.
    ///
    /// # Errors
    ///
    /// When the text is no such number.
    pub fn percent(text: &str) -> Result<Self, InvalidReward> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 3
            || decimals.len() > 2
            || !digits(whole)
            || !digits(decimals)
        {
            return Err(InvalidReward(
                "percent must be a number like 10 or 12.5, with at most two decimals",
            ));
        }
        let basis_points = format!("{whole}{decimals:0<2}").parse().unwrap_or(u16::MAX);
        Self::BasisPoints(basis_points).checked()
    }

    fn checked(self) -> Result<Self, InvalidReward> {
        match self {
            Self::BasisPoints(1..=10_000) | Self::Flat(1..) => Ok(self),
            Self::BasisPoints(_) => Err(InvalidReward("percent must be above 0 and at most 100")),
            Self::Flat(_) => Err(InvalidReward(
                "flat must be 1 or more, in the currency's smallest unit",
            )),
        }
    }
}

/// For how long in a customer's life a reward is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// For the customer's first rewarded sale only.
    OneTime,
    /// For sales within so many calendar months (UTC) from the first rewarded one; 1 or more.
    Recurring {
        /// How many months.
        months: u16,
    },
    /// For every sale.
    Lifetime,
}

/// What is wrong with a reward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidReward(&'static str);

impl Reward {
    /// The reward of a new program: 10 % of each sale for 12 months.
    pub const DEFAULT: Self = Self {
        amount: Amount::BasisPoints(1000),
        interval: Interval::Recurring { months: 12 },
    };

    /// Checks the bounds.
    ///
    /// # Errors
    ///
    /// When the share or sum is out of bounds, or there are no months.
    pub fn new(amount: Amount, interval: Interval) -> Result<Self, InvalidReward> {
        if interval == (Interval::Recurring { months: 0 }) {
            return Err(InvalidReward(
                "months must be 1 or more; for a single commission use one-time",
            ));
        }
        let amount = amount.checked()?;
        Ok(Self { amount, interval })
    }

    /// How much it pays.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.amount
    }

    /// For how long it pays.
    #[must_use]
    pub const fn interval(&self) -> Interval {
        self.interval
    }

    /// What one sale earns, in the sale's own currency: integer arithmetic, half up.
    pub(crate) fn earn(
        &self,
        sale_amount: i64,
        sale_currency: Currency,
        program_currency: Currency,
    ) -> Result<i64, Reason> {
        let earned = match self.amount {
            Amount::BasisPoints(points) => share(sale_amount, points),
            Amount::Flat(_) if sale_amount <= 0 => 0,
            Amount::Flat(_) if sale_currency != program_currency => {
                return Err(Reason::OtherCurrency);
            }
            Amount::Flat(amount) => amount,
        };
        if earned > 0 {
            Ok(earned)
        } else {
            Err(Reason::RoundsToNothing)
        }
    }

    /// Whether it still pays at `now` for a customer whose first commission was made at `first`.
    /// Both in milliseconds since 1970.
    pub(crate) fn still_pays(&self, first: Option<i64>, now: i64) -> Result<(), Reason> {
        match (self.interval, first) {
            (Interval::Lifetime, _) | (_, None) => Ok(()),
            (Interval::OneTime, Some(_)) => Err(Reason::OnlyOnce),
            (Interval::Recurring { months }, Some(first)) => {
                if now < months_after(first, months) {
                    Ok(())
                } else {
                    Err(Reason::PastDuration)
                }
            }
        }
    }
}

/// Half up, and exact: the product is made in 128 bits.
fn share(amount: i64, basis_points: u16) -> i64 {
    let product = i128::from(amount) * i128::from(basis_points);
    i64::try_from((product + 5_000).div_euclid(10_000))
        .expect("a share is no larger than the whole")
}

/// By the calendar in UTC; the day is cut to the month's last (31 January + 1 month is 28 or 29
/// February).
fn months_after(first: i64, months: u16) -> i64 {
    Timestamp::from_millisecond(first)
        .map(|first| first.to_zoned(TimeZone::UTC))
        .and_then(|first| first.checked_add(i64::from(months).months()))
        .map_or(i64::MAX, |end| end.timestamp().as_millisecond())
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BasisPoints(points) => {
                let (whole, decimals) = (points / 100, format!("{:02}", points % 100));
                match decimals.trim_end_matches('0') {
                    "" => write!(f, "{whole} % of"),
                    decimals => write!(f, "{whole}.{decimals} % of"),
                }
            }
            Self::Flat(amount) => write!(f, "{amount} (smallest unit) for"),
        }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OneTime => f.write_str("the first sale"),
            Self::Recurring { months: 1 } => f.write_str("each sale within 1 month"),
            Self::Recurring { months } => write!(f, "each sale within {months} months"),
            Self::Lifetime => f.write_str("each sale"),
        }
    }
}

impl std::fmt::Display for Reward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(text: &str) -> Reward {
        Reward::new(Amount::percent(text).unwrap(), Interval::Lifetime).unwrap()
    }

    fn earn(reward: Reward, amount: i64) -> Result<i64, Reason> {
        reward.earn(amount, Currency::USD, Currency::USD)
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn shares_round_half_up() {
        let cases = [
            ("10", 4900, Ok(490)),
            ("10", 5, Ok(1)),
            ("10", 4, Err(Reason::RoundsToNothing)),
            ("10", 0, Err(Reason::RoundsToNothing)),
            ("12.5", 4, Ok(1)),
            ("12.5", 3, Err(Reason::RoundsToNothing)),
            ("33.33", 10_000, Ok(3333)),
            ("0.01", 4999, Err(Reason::RoundsToNothing)),
            ("0.01", 5000, Ok(1)),
            ("100", i64::MAX, Ok(i64::MAX)),
        ];
        for (share, amount, want) in cases {
            assert_eq!(earn(percent(share), amount), want, "{share} % of {amount}");
        }
    }

    #[test]
    fn flat_sums_need_the_programs_currency_and_a_sale() {
        let flat = Reward::new(Amount::Flat(500), Interval::Lifetime).unwrap();
        assert_eq!(earn(flat, 4900), Ok(500));
        assert_eq!(earn(flat, 0), Err(Reason::RoundsToNothing));
        assert_eq!(
            flat.earn(4900, Currency::EUR, Currency::USD),
            Err(Reason::OtherCurrency)
        );
        assert_eq!(
            percent("10").earn(4900, Currency::EUR, Currency::USD),
            Ok(490)
        );
    }

    #[test]
    fn intervals_end_when_they_say() {
        let reward = |interval| Reward::new(Amount::Flat(1), interval).unwrap();
        let first = at("2026-01-31T12:00:00Z");
        let one_time = reward(Interval::OneTime);
        assert_eq!(one_time.still_pays(None, first), Ok(()));
        assert_eq!(
            one_time.still_pays(Some(first), first + 1),
            Err(Reason::OnlyOnce)
        );
        assert_eq!(
            reward(Interval::Lifetime).still_pays(Some(first), i64::MAX),
            Ok(())
        );

        let cases = [
            (1, "2026-02-28T12:00:00Z"),
            (12, "2027-01-31T12:00:00Z"),
            (25, "2028-02-29T12:00:00Z"),
        ];
        for (months, end) in cases {
            let reward = reward(Interval::Recurring { months });
            assert_eq!(reward.still_pays(None, at(end)), Ok(()));
            assert_eq!(
                reward.still_pays(Some(first), at(end) - 1),
                Ok(()),
                "{months}"
            );
            assert_eq!(
                reward.still_pays(Some(first), at(end)),
                Err(Reason::PastDuration),
                "{months}"
            );
        }
    }

    #[test]
    fn bounds_are_checked() {
        for text in ["10", "0.01", "100", "12.5", "100.00"] {
            assert!(Amount::percent(text).is_ok(), "{text}");
        }
        for text in [
            "", "0", "0.00", "100.01", "101", "-1", "ten", "1.234", ".5", "1e1", "99999",
        ] {
            assert!(Amount::percent(text).is_err(), "{text}");
        }
        assert!(Reward::new(Amount::Flat(0), Interval::Lifetime).is_err());
        assert!(Reward::new(Amount::BasisPoints(10_001), Interval::Lifetime).is_err());
        assert!(Reward::new(Amount::Flat(1), Interval::Recurring { months: 0 }).is_err());
    }

    #[test]
    fn rewards_read_as_people_say_them() {
        assert_eq!(
            Reward::DEFAULT.to_string(),
            "10 % of each sale within 12 months"
        );
        let flat = Reward::new(Amount::Flat(500), Interval::OneTime).unwrap();
        assert_eq!(flat.to_string(), "500 (smallest unit) for the first sale");
    }
}
