use crate::{Currency, LeadResponse, PartliResponse, SaleResponse, track::CommissionStatus};

/// What a service answered to a lead or sale that it counts: what the services' own answers have
/// in common, and what one of them says beyond that.
///
/// Where nobody is paid, the outcome is
/// [`NothingToReport`](crate::track::NothingToReport) instead. For all that a service says, call
/// its client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reported {
    /// The service's ID of the sale or lead: Refport's `sale.id`, Partli's `eventId`. Refport
    /// gives leads none.
    pub event_id: Option<String>,
    /// The service's ID of the partner's link. Refport says it of leads.
    pub link_id: Option<String>,
    /// What the partner earns, in the currency's smallest unit. Refport says it of sales.
    pub commission_amount: Option<i64>,
    /// The currency of the sale and its commission. Refport says it of sales.
    pub currency: Option<Currency>,
    /// How far the commission is. Refport says it of sales.
    pub commission_status: Option<CommissionStatus>,
}

impl Reported {
    /// What a service of your own answered, with its ID of the sale or lead. Where there is none,
    /// use `Reported::default()`; the other fields are yours to set.
    pub fn event(id: impl Into<String>) -> Self {
        Self {
            event_id: Some(id.into()),
            ..Self::default()
        }
    }
}

impl From<LeadResponse> for Reported {
    fn from(answer: LeadResponse) -> Self {
        Self {
            link_id: answer.link.id,
            ..Self::default()
        }
    }
}

impl From<SaleResponse> for Reported {
    fn from(SaleResponse { sale, .. }: SaleResponse) -> Self {
        Self {
            event_id: Some(sale.id),
            link_id: None,
            commission_amount: sale.commission_amount,
            currency: sale.currency,
            commission_status: sale.status,
        }
    }
}

impl From<PartliResponse> for Reported {
    fn from(answer: PartliResponse) -> Self {
        Self {
            event_id: answer.event_id,
            ..Self::default()
        }
    }
}
