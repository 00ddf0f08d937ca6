use http::StatusCode;

use super::Invoice;

/// The service accepted the request, and its answer could not be read. Says what came, without
/// repeating it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("service answered {} with a body that cannot be read: {problem}", status.as_u16())]
pub struct DecodeError {
    status: StatusCode,
    problem: String,
    pub(super) invoice: Invoice,
}

impl DecodeError {
    /// An answer that cannot be read: for a [destination](crate::destination) of your own. The
    /// problem must not repeat what came.
    pub fn new(status: StatusCode, problem: impl Into<String>) -> Self {
        Self {
            status,
            problem: problem.into(),
            invoice: None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}
