use std::fmt;

use serde::{Deserialize, Serialize};

/// What may tell of a person (e-mail, name, picture, metadata) and must not reach logs through
/// `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Personal<T = String>(pub(crate) T);

impl Personal {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Personal {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
