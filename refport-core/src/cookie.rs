//! Reading one cookie out of a `Cookie` header's bytes.
//!
//! Ours and not a cookie jar, because a jar builds a map of all cookies for one look-up, and most
//! jars lose every cookie to one malformed neighbour.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use memchr::memchr_iter;
use percent_encoding::percent_decode;

use crate::click_id::ClickId;

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
    Static(&'static str),
    Shared(Arc<str>),
}

impl CookieName {
    /// `refp_id`, the cookie of the Refport browser SDK and the default everywhere.
    pub const REFPORT: Self = Self {
        name: Repr::Static("refp_id"),
        default_program: true,
    };

    /// `pref_cid`, the cookie of Partli.
    pub const PARTLI: Self = Self {
        name: Repr::Static("pref_cid"),
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
                name: Repr::Shared(Arc::from(name)),
                default_program: name == Self::REFPORT.as_str(),
            }),
        }
    }

    /// Makes this the cookie of the default program: the one whose ID layers leave as a plain
    /// [`ClickId`] in a request's extensions, where the extractors look.
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
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
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

/// The first valid click ID under `name` in one header's value.
pub(crate) fn find_click_id(name: &CookieName, header: &[u8]) -> Option<ClickId> {
    let name = name.as_str().as_bytes();
    pairs(header)
        .filter_map(|pair| value_of(name, pair))
        .find_map(|value| ClickId::from_bytes(&decode(value)).ok())
}

fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b';', header)
        .chain([header.len()])
        .map(move |end| {
            let pair = &header[start..end];
            start = end + 1;
            pair
        })
}

fn value_of<'a>(name: &[u8], pair: &'a [u8]) -> Option<&'a [u8]> {
    let rest = trim_start(pair).strip_prefix(name)?;
    let value = trim_start(rest).strip_prefix(b"=")?;
    let value = trim_end(trim_start(value));
    match value {
        [b'"', inner @ .., b'"'] => Some(inner),
        _ => Some(value),
    }
}

fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    percent_decode(value).into()
}

/// Blanks as RFC 9110 has them in header values: space and tab.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_blank(byte));
    start.map_or(&[], |start| &bytes[start..])
}

fn trim_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| !is_blank(byte));
    end.map_or(&[], |end| &bytes[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: impl AsRef<[u8]>) -> Option<String> {
        ClickId::from_cookie_header(header).map(String::from)
    }

    #[test]
    fn cookie_reader_table() {
        let cases: &[(&str, &[u8], Option<&str>)] = &[
            ("no header text", b"", None),
            ("only it", b"refp_id=clk_1", Some("clk_1")),
            ("among others", b"a=1; refp_id=clk_1; b=2", Some("clk_1")),
            (
                "no blank after the semicolon",
                b"a=1;refp_id=clk_1;b=2",
                Some("clk_1"),
            ),
            (
                "last, with a trailing semicolon",
                b"a=1; refp_id=clk_1;",
                Some("clk_1"),
            ),
            (
                "blanks around the value",
                b"refp_id=  clk_1 \t; b=2",
                Some("clk_1"),
            ),
            (
                "blanks before the name",
                b" \t refp_id=clk_1",
                Some("clk_1"),
            ),
            (
                "blanks before the equals sign",
                b"refp_id \t=clk_1",
                Some("clk_1"),
            ),
            (
                "equals signs inside the value",
                b"refp_id=a=b==",
                Some("a=b=="),
            ),
            ("quoted", b"refp_id=\"clk_1\"", Some("clk_1")),
            ("one quote only is malformed", b"refp_id=\"clk_1", None),
            ("a lone quote is malformed", b"refp_id=\"", None),
            (
                "only one pair of quotes comes off",
                b"refp_id=\"\"clk_1\"\"",
                None,
            ),
            ("quoted and empty", b"refp_id=\"\"", None),
            ("percent-encoded", b"refp_id=clk%5F1", Some("clk_1")),
            (
                "a stray percent sign stays",
                b"refp_id=50%_off",
                Some("50%_off"),
            ),
            ("decoded to a forbidden byte", b"refp_id=a%3Bb", None),
            ("decoded to bytes that are not UTF-8", b"refp_id=a%ff", None),
            ("empty", b"refp_id=", None),
            ("blank", b"refp_id=   ", None),
            ("no equals sign", b"refp_id", None),
            (
                "no equals sign, then a good one",
                b"refp_id; refp_id=clk_1",
                Some("clk_1"),
            ),
            ("the first of two", b"refp_id=one; refp_id=two", Some("one")),
            (
                "an empty one is passed over",
                b"refp_id=; refp_id=two",
                Some("two"),
            ),
            (
                "a malformed one is passed over",
                b"refp_id=a b; refp_id=two",
                Some("two"),
            ),
            ("case counts", b"REFP_ID=one; Refp_Id=two", None),
            (
                "a longer name is another cookie",
                b"refp_id2=x; xrefp_id=y; refp_id.a=z",
                None,
            ),
            ("the name inside another's value", b"a=refp_id=clk_1", None),
            (
                "neighbours without sense",
                b"=; ;;==; \xff\xfe=\x80; refp_id=clk_1; \"",
                Some("clk_1"),
            ),
            (
                "bytes that are not UTF-8 in the value",
                b"refp_id=a\xffb",
                None,
            ),
        ];
        for (what, header, want) in cases {
            assert_eq!(find(header).as_deref(), *want, "{what}");
        }
    }

    #[test]
    fn too_long_is_no_click_id() {
        assert_eq!(
            find(format!("refp_id={}", "x".repeat(128))).unwrap().len(),
            128
        );
        assert_eq!(find(format!("refp_id={}", "x".repeat(129))), None);
    }

    #[test]
    fn the_first_valid_value_wins_across_headers() {
        let found = |headers: &[&str]| ClickId::from_cookie_headers(headers).map(String::from);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&["a=1", "refp_id=two"]).as_deref(), Some("two"));
        assert_eq!(
            found(&["refp_id=", "refp_id=a b", "refp_id=three", "refp_id=four"]).as_deref(),
            Some("three")
        );
    }

    #[test]
    fn another_name_reads_another_cookie() {
        let header = "refp_id=one; pref_cid=two; acme=three";
        let found = |name| ClickId::from_cookie_header_named(&name, header).map(String::from);
        assert_eq!(found(CookieName::REFPORT).as_deref(), Some("one"));
        assert_eq!(found(CookieName::PARTLI).as_deref(), Some("two"));
        assert_eq!(
            found(CookieName::new("acme").unwrap()).as_deref(),
            Some("three")
        );
        assert_eq!(found(CookieName::new("absent").unwrap()), None);
    }

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
