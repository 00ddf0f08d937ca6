use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cookie::{self, CookieName};

/// Bytes kept inline: `clk_` with a prefixed or plain UUID fits, and the whole value stays at 48 bytes.
const INLINE: usize = 40;

/// The identifier of one visit through a partner's link, as it lands in the `refp_id` cookie.
///
/// A value of this type is checked: 1 to [`MAX_LEN`](ClickId::MAX_LEN) bytes of visible ASCII
/// without space, `"`, `,`, `;` and `\`, the bytes that may stand in a cookie as they are.
/// Whoever makes the ID is free to choose its form (`clk_…`, a UUID, `c_…`); treat it as opaque.
///
/// Cloning is cheap and IDs of the usual lengths (up to 40 bytes) never touch the heap.
///
/// ```
/// use refport_core::ClickId;
///
/// let id: ClickId = "clk_8f14e45fceea167a".parse()?;
/// assert_eq!(id.as_str(), "clk_8f14e45fceea167a");
///
/// let from_cookie = ClickId::from_cookie_header("theme=dark; refp_id=clk_8f14e45fceea167a");
/// assert_eq!(from_cookie, Some(id));
/// # Ok::<(), refport_core::ParseClickIdError>(())
/// ```
#[derive(Clone)]
pub struct ClickId(Repr);

#[derive(Clone)]
enum Repr {
    Inline(ArrayString<INLINE>),
    Shared(Arc<str>),
}

impl ClickId {
    /// The longest click ID that is accepted, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Checks `bytes` and makes a click ID of them.
    ///
    /// # Errors
    ///
    /// When the input is empty, longer than [`MAX_LEN`](Self::MAX_LEN) bytes, or has a byte that
    /// may not stand in a cookie. The error tells where, and never repeats the input.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseClickIdError> {
        if bytes.is_empty() {
            return Err(ParseClickIdError(Problem::Empty));
        }
        if bytes.len() > Self::MAX_LEN {
            return Err(ParseClickIdError(Problem::TooLong(bytes.len())));
        }
        if let Some(inline) = inline(bytes, None) {
            return Ok(Self(Repr::Inline(inline)));
        }
        if let Some(at) = bytes.iter().position(|&byte| !is_click_id_byte(byte)) {
            return Err(ParseClickIdError(Problem::Forbidden(at)));
        }
        let text = std::str::from_utf8(bytes).expect("visible ASCII is UTF-8");
        Ok(Self(Repr::Shared(Arc::from(text))))
    }

    /// [`from_bytes`](Self::from_bytes), quick for the usual lengths, where nothing is escaped.
    #[inline]
    pub(crate) fn from_unescaped(bytes: &[u8]) -> Option<Self> {
        inline(bytes, Some(b'%')).map(|inline| Self(Repr::Inline(inline)))
    }

    /// Reads the click ID from the value of one `Cookie` header, by the default cookie name
    /// [`CookieName::REFPORT`].
    ///
    /// Missing, empty and malformed IDs are all `None`: a stray cookie must never fail a page.
    /// [`from_cookie_headers`](Self::from_cookie_headers) tells the rules.
    ///
    /// ```
    /// use refport_core::ClickId;
    ///
    /// assert!(ClickId::from_cookie_header(b"refp_id=clk_1".as_slice()).is_some());
    /// assert!(ClickId::from_cookie_header("theme=dark").is_none());
    /// ```
    #[inline]
    pub fn from_cookie_header(header: impl AsRef<[u8]>) -> Option<Self> {
        Self::from_cookie_header_named(&CookieName::REFPORT, header)
    }

    /// [`from_cookie_header`](Self::from_cookie_header) for another cookie.
    #[inline]
    pub fn from_cookie_header_named(name: &CookieName, header: impl AsRef<[u8]>) -> Option<Self> {
        cookie::find_click_id(name, header.as_ref())
    }

    /// Reads the click ID from all `Cookie` headers of a request, by the default cookie name.
    ///
    /// HTTP/2 may split the cookies over several headers, so give it every one. The rules:
    ///
    /// - the first *valid* value of that name wins, across headers: an empty or malformed one
    ///   before it is passed over;
    /// - names are compared exactly, with their case;
    /// - blanks around the name and around the value do not count;
    /// - one pair of double quotes around the value is taken off, then `%41` escapes are decoded
    ///   (the browser SDK encodes what it writes);
    /// - whatever stands in other cookies, bytes that are not UTF-8 included, does no harm.
    ///
    /// Nothing is allocated before the name has matched.
    #[inline]
    pub fn from_cookie_headers<I>(headers: I) -> Option<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        Self::from_cookie_headers_named(&CookieName::REFPORT, headers)
    }

    /// [`from_cookie_headers`](Self::from_cookie_headers) for another cookie.
    #[inline]
    pub fn from_cookie_headers_named<I>(name: &CookieName, headers: I) -> Option<Self>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        headers
            .into_iter()
            .find_map(|header| cookie::find_click_id(name, header.as_ref()))
    }

    /// Reads the click ID from a request's headers, by the default cookie name.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    /// use refport_core::ClickId;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.append(COOKIE, HeaderValue::from_static("theme=dark"));
    /// headers.append(COOKIE, HeaderValue::from_static("refp_id=clk_1"));
    /// assert_eq!(ClickId::from_headers(&headers).unwrap().as_str(), "clk_1");
    /// ```
    #[must_use]
    #[inline]
    pub fn from_headers(headers: &http::HeaderMap) -> Option<Self> {
        Self::from_headers_named(&CookieName::REFPORT, headers)
    }

    /// [`from_headers`](Self::from_headers) for another cookie.
    #[must_use]
    #[inline]
    pub fn from_headers_named(name: &CookieName, headers: &http::HeaderMap) -> Option<Self> {
        Self::from_cookie_headers_named(name, headers.get_all(http::header::COOKIE))
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline(text) => text,
            Repr::Shared(text) => text,
        }
    }
}

/// The bytes that RFC 6265 allows in a cookie's value unquoted (`cookie-octet`).
const fn is_click_id_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// The text when it is a valid ID that fits inline and has no byte `but`, as nearly all do. It is
/// checked in full blocks, which compilers make a few instructions of; what is not the ID's own is
/// a byte that is fine.
#[inline]
fn inline(bytes: &[u8], but: Option<u8>) -> Option<ArrayString<INLINE>> {
    #[repr(align(16))]
    struct Blocks([u8; 48]);
    const { assert!(INLINE <= size_of::<Blocks>()) };
    let mut blocks = Blocks([b'0'; 48]);
    blocks.0[..INLINE]
        .get_mut(..bytes.len())?
        .copy_from_slice(bytes);
    let fits = |all: bool, &byte: &u8| all & is_click_id_byte(byte) & (Some(byte) != but);
    if bytes.is_empty() || !blocks.0.iter().fold(true, fits) {
        return None;
    }
    let text = std::str::from_utf8(&blocks.0).expect("visible ASCII is UTF-8");
    ArrayString::from(&text[..bytes.len()]).ok()
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClickId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq for ClickId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ClickId {}

impl PartialEq<str> for ClickId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ClickId {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for ClickId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ClickId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for ClickId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for ClickId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for ClickId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for ClickId {
    type Err = ParseClickIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl TryFrom<&str> for ClickId {
    type Error = ParseClickIdError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for ClickId {
    type Error = ParseClickIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<&[u8]> for ClickId {
    type Error = ParseClickIdError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        Self::from_bytes(bytes)
    }
}

impl From<ClickId> for String {
    fn from(id: ClickId) -> Self {
        id.as_str().to_owned()
    }
}

impl Serialize for ClickId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ClickId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = ClickId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a click ID")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ClickId, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// Text that is not a click ID. Tells what is wrong and where, never what the text was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ParseClickIdError(Problem);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("click ID is empty")]
    Empty,
    #[error("click ID has {0} bytes, at most {max} are allowed", max = ClickId::MAX_LEN)]
    TooLong(usize),
    #[error(
        "click ID has a byte at position {0} that may not stand in a cookie: \
         allowed is visible ASCII without space, quote, comma, semicolon and backslash"
    )]
    Forbidden(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_a_cookie_may_carry() {
        for text in [
            "a",
            "clk_1",
            "c_Ab3",
            "!#$%&'()*+-./:<=>?@[]^_`{|}~",
            &"x".repeat(128),
        ] {
            assert_eq!(text.parse::<ClickId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_the_rest_and_says_where() {
        let cases = [
            ("", "click ID is empty"),
            (
                &"x".repeat(129),
                "click ID has 129 bytes, at most 128 are allowed",
            ),
            ("a b", "at position 1"),
            ("ab\"", "at position 2"),
            (",", "at position 0"),
            ("a;b", "at position 1"),
            ("a\\b", "at position 1"),
            ("a\u{7f}", "at position 1"),
            ("aé", "at position 1"),
            ("a\n", "at position 1"),
        ];
        for (text, want) in cases {
            let error = text.parse::<ClickId>().unwrap_err().to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn errors_do_not_repeat_the_input() {
        let error = "secret cookie".parse::<ClickId>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn usual_lengths_stay_inline_and_the_value_small() {
        assert!(matches!(
            "x".repeat(40).parse::<ClickId>().unwrap().0,
            Repr::Inline(_)
        ));
        assert!(matches!(
            "x".repeat(41).parse::<ClickId>().unwrap().0,
            Repr::Shared(_)
        ));
        assert!(size_of::<ClickId>() <= 48);
        assert_eq!(size_of::<Option<ClickId>>(), size_of::<ClickId>());
    }

    #[test]
    fn long_and_short_ids_compare_hash_and_order_by_text() {
        let id = |text: &str| text.parse::<ClickId>().unwrap();
        let long = "x".repeat(41);
        assert_eq!(id(&long), id(&long));
        assert!(id("a") < id(&long));
        let set: std::collections::HashSet<ClickId> = [id("a"), id("a"), id(&long)].into();
        assert_eq!(set.len(), 2);
        assert!(set.contains("a"), "`Borrow<str>` and `Hash` agree");
    }

    #[test]
    fn serde_checks_what_it_reads() {
        let id: ClickId = serde_json::from_str("\"clk_1\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"clk_1\"");
        let error = serde_json::from_str::<ClickId>("\"a b\"").unwrap_err();
        assert!(error.to_string().contains("position 1"), "{error}");
    }
}
