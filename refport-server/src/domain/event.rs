use refport_core::Currency;

use super::id::{self, Prefix};

/// Something that was reported, checked and ready to be decided.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Lead(Lead),
    Sale(Sale),
}

impl Event {
    pub(crate) const fn report(&self) -> &Report {
        match self {
            Self::Lead(Lead { report }) | Self::Sale(Sale { report, .. }) => report,
        }
    }

    pub(crate) const fn report_mut(&mut self) -> &mut Report {
        match self {
            Self::Lead(Lead { report }) | Self::Sale(Sale { report, .. }) => report,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Lead(_) => Kind::Lead,
            Self::Sale(_) => Kind::Sale,
        }
    }

    /// The amount and currency of a sale.
    pub(crate) const fn amount(&self) -> Option<(i64, Currency)> {
        match self {
            Self::Lead(_) => None,
            Self::Sale(sale) => Some((sale.amount, sale.currency)),
        }
    }

    /// The invoice of a sale, as its sender wrote it.
    pub(crate) fn invoice_id(&self) -> Option<&str> {
        match self {
            Self::Lead(_) => None,
            Self::Sale(sale) => sale.invoice_id.as_deref(),
        }
    }

    /// What makes a repeat a repeat. `None` where the sender gave nothing to tell by, and for a
    /// zero amount: it is no sale, so it does not use up its invoice.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Sale(Sale { amount: 0, .. }) => None,
            _ => self.report().key.as_deref(),
        }
    }
}

/// What an event is, as the database spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Lead,
    Sale,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Sale => "sale",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "lead" => Some(Self::Lead),
            "sale" => Some(Self::Sale),
            _ => None,
        }
    }
}

/// A visitor signed up.
#[derive(Clone, Debug)]
pub(crate) struct Lead {
    pub(crate) report: Report,
}

/// A customer bought.
#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) report: Report,
    /// 0 or more.
    pub(crate) amount: i64,
    pub(crate) currency: Currency,
    pub(crate) invoice_id: Option<String>,
    pub(crate) payment_processor: String,
}

/// What leads and sales have in common.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) workspace_id: String,
    pub(crate) ids: FreshIds,
    pub(crate) policy: Policy,
    pub(crate) click: Option<ClaimedClick>,
    pub(crate) event_name: String,
    pub(crate) customer: Customer,
    /// What makes a repeat a repeat, in its canonical form.
    pub(crate) key: Option<String>,
    /// A JSON object.
    pub(crate) metadata: Option<String>,
    /// The host of the short links, for the answer.
    pub(crate) domain: String,
    /// When it happened; where the sender does not say, when it arrived.
    pub(crate) occurred_at: i64,
    pub(crate) received_at: i64,
}

/// IDs for the rows that the event may make. They hold chance and time, so that they are made before
/// anything is decided.
#[derive(Clone, Debug)]
pub(crate) struct FreshIds {
    pub(crate) event: String,
    pub(crate) customer: String,
    pub(crate) commission: String,
    pub(crate) refusal: String,
}

impl FreshIds {
    pub(crate) fn new(kind: Kind) -> Self {
        let event = match kind {
            Kind::Lead => Prefix::Lead,
            Kind::Sale => Prefix::Sale,
        };
        Self {
            event: id::new(event),
            customer: id::new(Prefix::Customer),
            commission: id::new(Prefix::Commission),
            refusal: id::new(Prefix::Refusal),
        }
    }
}

/// What the two services' documents see differently, and an owner may see differently again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether a known customer's partner is paid although the report names a click that is unknown.
    pub(crate) unknown_click_is_forgiven: bool,
    /// Whether a known customer's partner is paid although the report names no click.
    pub(crate) missing_click_is_forgiven: bool,
}

/// The click that a report names.
#[derive(Clone, Debug)]
pub(crate) struct ClaimedClick {
    pub(crate) id: String,
    /// What the ID itself proves, where it is one that stands by itself.
    pub(crate) standing: Option<Standing>,
}

/// What is inside a click ID whose MAC was found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) link_number: i64,
    pub(crate) clicked_at: i64,
}

/// The customer as the sender describes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Customer {
    /// `None` in a Partli lead only.
    pub(crate) external_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) avatar: Option<String>,
}
