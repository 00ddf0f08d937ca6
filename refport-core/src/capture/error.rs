use super::domain::ParseDomainError;

/// A setting that browsers would not take: the cookie would be dropped without a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct CaptureError(Problem);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error(
        "cookie path is not one: begin with `/` and use visible ASCII without `;`, as in `/shop`"
    )]
    Path,
    #[error("no click ID begins so: use letters, digits, `-` and `_`, as in `clk_`")]
    IdPrefix,
    #[error(transparent)]
    Domain(ParseDomainError),
    #[error("browsers drop a cookie named `{name}` unless it has {wants}")]
    Name { name: String, wants: &'static str },
}

impl CaptureError {
    pub(super) const fn path() -> Self {
        Self(Problem::Path)
    }

    pub(super) const fn id_prefix() -> Self {
        Self(Problem::IdPrefix)
    }

    pub(super) fn name(name: &str, wants: &'static str) -> Self {
        Self(Problem::Name {
            name: name.to_owned(),
            wants,
        })
    }
}

impl From<ParseDomainError> for CaptureError {
    fn from(error: ParseDomainError) -> Self {
        Self(Problem::Domain(error))
    }
}
