use std::sync::Arc;

use refport_core::{ClickId, ClickIds, CookieName, Partli, destination::Destination};

/// A destination as the application that enqueues knows it: its name, and which click it gets.
///
/// The client itself, with its key, is needed in the worker only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Target {
    name: Arc<str>,
    cookie_name: CookieName,
    needs_click: bool,
}

impl Target {
    /// The Refport service, by the name `refport`, with the clicks of `refp_id`. It counts nothing
    /// without a click.
    pub fn refport() -> Self {
        Self::new("refport", CookieName::REFPORT).needs_click(true)
    }

    /// The Partli service, by the name `partli`, with the clicks of `pref_cid`.
    pub fn partli() -> Self {
        Self::new("partli", Partli::COOKIE_NAME)
    }

    /// A destination of another name, with its clicks under `cookie_name`. It is given events
    /// without a click too.
    pub fn new(name: impl Into<Arc<str>>, cookie_name: CookieName) -> Self {
        Self {
            name: name.into(),
            cookie_name,
            needs_click: false,
        }
    }

    /// As the destination says of itself.
    pub fn of(destination: &dyn Destination) -> Self {
        Self::new(destination.name(), destination.cookie_name())
            .needs_click(destination.needs_click())
    }

    /// Whether it counts nothing without a click, and is given nothing without one.
    pub const fn needs_click(mut self, needs: bool) -> Self {
        self.needs_click = needs;
        self
    }

    /// The name, by which a worker finds what it delivers.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) const fn is_needing_click(&self) -> bool {
        self.needs_click
    }

    /// The click of its program, and of no other.
    pub(crate) fn own_click(&self, clicks: &ClickIds) -> Option<ClickId> {
        if clicks.is_withheld(&self.cookie_name) {
            return None;
        }
        clicks.get(&self.cookie_name).cloned()
    }
}
