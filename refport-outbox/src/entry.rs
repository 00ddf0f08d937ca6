use refport_core::{ClickIds, Lead, Sale};

use crate::Event;

/// An event on its way into the outbox, with what may be said about it.
///
/// A [`Sale`], a [`Lead`] and an [`Event`] are entries by themselves.
///
/// ```
/// use refport_core::{ClickIds, CookieName, Sale};
/// use refport_outbox::Entry;
///
/// let mut clicks = ClickIds::default(); // as the layers found them, or as kept with the customer
/// clicks.insert(CookieName::REFPORT, "clk_1".parse()?);
/// clicks.insert(CookieName::PARTLI, "c_1".parse()?);
///
/// let sale = Sale::without_click("user_001", 4900).currency("usd").invoice_id("inv_001");
/// let entry = Entry::new(sale).clicks(clicks);
/// # let _ = entry;
/// # Ok::<(), refport_core::ParseClickIdError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Entry {
    pub(crate) event: Event,
    pub(crate) key: Option<String>,
    pub(crate) clicks: Option<ClickIds>,
}

impl Entry {
    /// An event with the key that it has by itself, and its own click.
    pub fn new(event: impl Into<Event>) -> Self {
        Self {
            event: event.into(),
            key: None,
            clicks: None,
        }
    }

    /// A key of your own, in place of the event's: what is enqueued under it a second time is the
    /// same event. At most 1,000 bytes or so.
    ///
    /// It keeps the outbox from having the event twice. The service does not see it: without an
    /// invoice ID a sale is not sent again where the first attempt may have arrived.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The clicks of several programs: each destination gets the one under its own cookie name, or
    /// none. The click that the event itself carries is then not sent to any.
    pub fn clicks(mut self, clicks: ClickIds) -> Self {
        self.clicks = Some(clicks);
        self
    }
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Self::new(event)
    }
}

impl From<Lead> for Entry {
    fn from(lead: Lead) -> Self {
        Self::new(lead)
    }
}

impl From<Sale> for Entry {
    fn from(sale: Sale) -> Self {
        Self::new(sale)
    }
}
