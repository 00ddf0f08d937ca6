use std::sync::Arc;

use refport_core::Currency;

use super::Kind;

/// What became of a report.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It was recorded, now or at the first of its repeats.
    Recorded(Arc<Recorded>),
    /// It was not: nobody is to be paid, and a later, right attempt still counts.
    Refused(Reason),
}

/// The first step that decided, as the database spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// A commission was made.
    Earned,
    /// Neither the partner's group nor the program has a reward for this kind of event.
    NoReward,
    /// The reward is paid once a customer, and was.
    OnlyOnce,
    /// The reward's months are over for this customer.
    PastDuration,
    /// A flat reward is in the program's currency, the sale was in another.
    OtherCurrency,
    /// The share of the amount rounds to zero.
    RoundsToNothing,
    /// The amount was zero: the customer is bound, and nothing is earned.
    ZeroAmount,
    /// The click is none of ours, and the customer is not known.
    UnknownClick,
    /// There was no click, and the customer is not known.
    NoClick,
    /// The click is older than its 90 days.
    ClickExpired,
    /// It happened before the click that it names.
    BeforeClick,
    /// The click is known, its link is gone.
    NoLink,
    /// The invoice belongs to another customer.
    Conflict,
    /// The currency is neither in ISO 4217 nor allowed by the program.
    UnknownCurrency,
    /// A field was wrong.
    Invalid,
}

impl Reason {
    const ALL: [Self; 15] = [
        Self::Earned,
        Self::NoReward,
        Self::OnlyOnce,
        Self::PastDuration,
        Self::OtherCurrency,
        Self::RoundsToNothing,
        Self::ZeroAmount,
        Self::UnknownClick,
        Self::NoClick,
        Self::ClickExpired,
        Self::BeforeClick,
        Self::NoLink,
        Self::Conflict,
        Self::UnknownCurrency,
        Self::Invalid,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Earned => "earned",
            Self::NoReward => "no_reward",
            Self::OnlyOnce => "only_once",
            Self::PastDuration => "past_duration",
            Self::OtherCurrency => "other_currency",
            Self::RoundsToNothing => "rounds_to_nothing",
            Self::ZeroAmount => "zero_amount",
            Self::UnknownClick => "unknown_click",
            Self::NoClick => "no_click",
            Self::ClickExpired => "click_expired",
            Self::BeforeClick => "before_click",
            Self::NoLink => "no_link",
            Self::Conflict => "conflict",
            Self::UnknownCurrency => "unknown_currency",
            Self::Invalid => "invalid",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The reason as a sentence for a merchant.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Earned => "a commission was made",
            Self::NoReward => {
                "neither the partner's group nor the program pays for this kind of event"
            }
            Self::OnlyOnce => "the reward is paid once a customer, and was paid before",
            Self::PastDuration => "the months of the reward are over for this customer",
            Self::OtherCurrency => {
                "the reward is a fixed sum in the program's currency, and the sale was in another"
            }
            Self::RoundsToNothing => "the partner's share of the amount rounds to zero",
            Self::ZeroAmount => {
                "the amount was zero: the customer is bound to the partner, no more"
            }
            Self::UnknownClick => {
                "the click ID is none of this workspace's, and the customer was not known"
            }
            Self::NoClick => "the report named no click, and the customer was not known",
            Self::ClickExpired => {
                "the click was 90 days old or more, and the customer was not known"
            }
            Self::BeforeClick => "it happened before the click that it names",
            Self::NoLink => "the link that was clicked is gone",
            Self::Conflict => "the invoice was reported before, for another customer",
            Self::UnknownCurrency => {
                "the currency is not in ISO 4217, and the program does not allow it"
            }
            Self::Invalid => "a field of the report was wrong",
        }
    }
}

/// A lead or sale as it was recorded: all that an answer shows, in each dialect and at each repeat.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) id: String,
    pub(crate) workspace_id: String,
    pub(crate) kind: Kind,
    pub(crate) key: Option<String>,
    pub(crate) program_id: String,
    pub(crate) partner_id: String,
    pub(crate) link_id: String,
    pub(crate) customer_id: String,
    pub(crate) click_id: String,
    /// The click that the report named, where the customer's first one stayed.
    pub(crate) named_click_id: Option<String>,
    pub(crate) event_name: String,
    /// Stands in the customer's row, where it never changes once it is there.
    pub(crate) customer_external_id: Option<String>,
    /// As it was known then.
    pub(crate) customer_email: Option<String>,
    /// As it was known then.
    pub(crate) customer_name: Option<String>,
    /// Of leads: the link as it was then.
    pub(crate) link: Option<RecordedLink>,
    /// Of sales.
    pub(crate) sale: Option<RecordedSale>,
    pub(crate) metadata: Option<String>,
    pub(crate) reason: Reason,
    /// Whether the customer's e-mail address is the partner's own.
    pub(crate) self_referral: bool,
    pub(crate) occurred_at: i64,
    pub(crate) received_at: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordedLink {
    pub(crate) domain: String,
    pub(crate) key: String,
    pub(crate) destination: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordedSale {
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) commission_amount: i64,
    pub(crate) invoice_id: Option<String>,
    pub(crate) payment_processor: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            assert!(!reason.sentence().is_empty());
        }
        assert_eq!(Reason::parse("because"), None);
    }
}
