/// A request that is refused before it is sent: which field, what is wrong, what would be right.
///
/// Never repeats the field's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidRequest {
    field: &'static str,
    problem: String,
    #[cfg(feature = "client")]
    pub(crate) invoice: crate::error::Invoice,
}

impl InvalidRequest {
    /// A request that a service of your own certainly refuses: the field by its name on the wire,
    /// and what is wrong. The problem must not repeat the field's content.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
            #[cfg(feature = "client")]
            invoice: None,
        }
    }

    /// The field by its name on the wire, as in `customerExternalId`.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

/// An ID or name that must say something.
pub(crate) fn not_blank(field: &'static str, text: &str) -> Result<(), InvalidRequest> {
    if text.trim().is_empty() {
        return Err(InvalidRequest::new(
            field,
            "is empty, give your own ID or name",
        ));
    }
    Ok(())
}

/// `metadata` is an object on the wire.
pub(crate) fn is_object(metadata: Option<&serde_json::Value>) -> Result<(), InvalidRequest> {
    match metadata {
        None | Some(serde_json::Value::Object(_)) => Ok(()),
        Some(_) => Err(InvalidRequest::new(
            "metadata",
            "is not an object, give pairs of names and values",
        )),
    }
}
