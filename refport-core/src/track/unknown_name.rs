/// A name on the wire that this version does not know, as a later one may: so it is not to be matched, and
/// not to be made, but by the type that it is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownName(String);

impl UnknownName {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
