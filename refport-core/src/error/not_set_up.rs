use super::Invoice;

/// A [`Track`](crate::Track) has found nobody to report to, or its client is a disabled one. `Display` says what
/// to do about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("tracking is not set up: {add}")]
pub struct NotSetUpError {
    add: &'static str,
    pub(super) invoice: Invoice,
}

impl NotSetUpError {
    /// With what is to be added where.
    #[must_use]
    pub const fn new(add: &'static str) -> Self {
        Self { add, invoice: None }
    }
}
