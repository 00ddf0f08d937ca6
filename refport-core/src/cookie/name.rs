//! The names of cookies.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use super::scan::Scanner;

/// The name of a cookie that carries a click ID.
///
/// ```
/// use refport_core::{ClickId, CookieName};
///
/// let name = CookieName::new("acme_ref")?;
/// let id = ClickId::from_cookie_header_named(&name, "acme_ref=clk_1");
/// assert_eq!(id.unwrap().as_str(), "clk_1");
/// # Ok::<(), refport_core::ParseCookieNameError>(())
/// ```
#[derive(Clone)]
pub struct CookieName {
    name: Repr,
    default_program: bool,
}

#[derive(Clone)]
enum Repr {
    Refport,
    Partli,
    Own(Arc<Scanner>),
}

static REFPORT: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(CookieName::REFPORT.as_str()));
static PARTLI: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(CookieName::PARTLI.as_str()));

impl CookieName {
    /// `refp_id`, the cookie of the Refport browser SDK and the default everywhere.
    pub const REFPORT: Self = Self {
        name: Repr::Refport,
        default_program: true,
    };

    /// `pref_cid`, the cookie of Partli.
    pub const PARTLI: Self = Self {
        name: Repr::Partli,
        default_program: false,
    };

    /// Checks a name of your own.
    ///
    /// # Errors
    ///
    /// When the name is empty or has a byte that RFC 6265 does not allow in a cookie's name
    /// (allowed are letters, digits and ``!#$%&'*+-.^_`|~``).
    pub fn new(name: &str) -> Result<Self, ParseCookieNameError> {
        if name.is_empty() {
            return Err(ParseCookieNameError(Problem::Empty));
        }
        match name.bytes().position(|byte| !is_token_byte(byte)) {
            Some(at) => Err(ParseCookieNameError(Problem::Forbidden(at))),
            None => Ok(Self {
                name: Repr::Own(Arc::new(Scanner::new(name))),
                default_program: name == Self::REFPORT.as_str(),
            }),
        }
    }

    /// Makes this the cookie of the default program: the one whose ID layers leave as a plain
    /// [`ClickId`](crate::ClickId) in a request's extensions, where the extractors look.
    ///
    /// `refp_id` is that already. Say it of a name of your own when it *replaces* `refp_id` on
    /// your site; leave it when it serves a second program, whose IDs stand in
    /// [`ClickIds`](crate::ClickIds) and are never mistaken for the first one's.
    #[must_use]
    pub fn for_default_program(self) -> Self {
        Self {
            default_program: true,
            ..self
        }
    }

    /// Whether the ID under this name is the default program's.
    #[must_use]
    pub const fn is_default_program(&self) -> bool {
        self.default_program
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.name {
            Repr::Refport => "refp_id",
            Repr::Partli => "pref_cid",
            Repr::Own(scanner) => scanner.name(),
        }
    }

    /// What looks for it, prepared for this name.
    pub(super) fn scanner(&self) -> &Scanner {
        match &self.name {
            Repr::Refport => &REFPORT,
            Repr::Partli => &PARTLI,
            Repr::Own(scanner) => scanner,
        }
    }
}

impl Default for CookieName {
    fn default() -> Self {
        Self::REFPORT
    }
}

impl PartialEq for CookieName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for CookieName {}

impl fmt::Debug for CookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CookieName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for CookieName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CookieName {
    type Err = ParseCookieNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

/// RFC 9110 `tchar`.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Text that is not a cookie name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ParseCookieNameError(Problem);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("cookie name is empty")]
    Empty,
    #[error(
        "cookie name has a byte at position {0} that is not allowed: use letters, digits, `-` and `_`"
    )]
    Forbidden(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_names_are_tokens() {
        assert_eq!(CookieName::new("refp_id").unwrap(), CookieName::REFPORT);
        assert_eq!(
            CookieName::new("").unwrap_err().to_string(),
            "cookie name is empty"
        );
        for (name, at) in [("a b", 1), ("a=b", 1), ("ä", 0), ("a;", 1), ("\"a\"", 0)] {
            let error = CookieName::new(name).unwrap_err().to_string();
            assert!(error.contains(&format!("position {at}")), "{name}: {error}");
        }
    }
}
