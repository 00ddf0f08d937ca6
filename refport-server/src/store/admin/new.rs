//! What is given to set something up, and what is answered.

use refport_core::Currency;
use serde::Serialize;

/// What [`Store::init`](crate::Store::init) made.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Setup {
    /// The API key. Only its hash is kept, so this is the one time to see it. Left out of `Debug`.
    pub api_key: String,
    /// The program's ID.
    pub program_id: String,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup")
            .field("program_id", &self.program_id)
            .finish_non_exhaustive()
    }
}

/// A program to add: what partners are paid for, in which currency, and when.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewProgram {
    pub(super) name: String,
    pub(super) currency: Currency,
    pub(super) other_currencies: Vec<String>,
    pub(super) holding_days: u32,
}

impl NewProgram {
    /// A program of this name, which pays flat rewards in US dollars, 30 days after the sale.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            currency: Currency::USD,
            other_currencies: Vec::new(),
            holding_days: 30,
        }
    }

    /// The currency of flat rewards. A share is paid in the sale's own.
    pub const fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self
    }

    /// A code of three letters that is not in ISO 4217 and is taken all the same, as for points.
    pub fn other_currency(mut self, code: Currency) -> Self {
        self.other_currencies.push(String::from(code));
        self
    }

    /// How many days after the sale a commission is payable. Default: 30.
    pub const fn holding_days(mut self, days: u32) -> Self {
        self.holding_days = days;
        self
    }
}

/// A partner to add, with a link.
#[derive(Clone)]
#[must_use]
pub struct NewPartner {
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) key: Option<String>,
    pub(super) destination: Option<String>,
    pub(super) program: Option<String>,
    pub(super) group: Option<String>,
    pub(super) tenant_id: Option<String>,
}

impl NewPartner {
    /// A partner with this e-mail address and name.
    pub fn new(email: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::unnamed(email)
        }
    }

    pub(crate) fn unnamed(email: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            name: None,
            key: None,
            destination: None,
            program: None,
            group: None,
            tenant_id: None,
        }
    }

    /// The link's key: `demo` makes `/r/demo`. Default: eight random letters and digits.
    ///
    /// 1 to 100 letters, digits, `-` and `_`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Where the link leads, an `http` or `https` URL. Default: where the program's first link
    /// leads; without one the partner gets no link.
    pub fn destination(mut self, url: impl Into<String>) -> Self {
        self.destination = Some(url.into());
        self
    }

    /// The program in which the partner earns, by its name. Default: the first one. A partner who is
    /// in another program already is enrolled in this one too.
    pub fn program(mut self, name: impl Into<String>) -> Self {
        self.program = Some(name.into());
        self
    }

    /// The group whose rewards the partner earns, by its name.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    pub(crate) fn tenant_id(mut self, tenant_id: Option<String>) -> Self {
        self.tenant_id = tenant_id;
        self
    }

    pub(crate) fn name_if_given(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }
}

impl std::fmt::Debug for NewPartner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPartner")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A partner that was added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Partner {
    /// The partner's ID.
    pub partner_id: String,
    /// The key of their link, where they have one.
    pub link_key: Option<String>,
}

/// A group that was added.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Group {
    /// The group's ID.
    pub group_id: String,
}

/// Whose reward is set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RewardTarget {
    /// The first program's, for sales of partners whose group has none.
    Program,
    /// Another program's, by its name.
    NamedProgram(String),
    /// A group's for sales, by the group's name.
    GroupSale(String),
    /// A group's for leads, by the group's name: a flat sum, paid once a customer.
    GroupLead(String),
}
