//! Whether a visitor has agreed that a click is stored, and a reader for the cookie with the answer.
//!
//! The capture layers ask a gate of yours, and act by what it says:
//!
//! | the gate says | on the landing URL | an ID in the cookie |
//! |---|---|---|
//! | [`Consent::Granted`] | is stored | is read |
//! | [`Consent::Unknown`] | serves this request only | is read |
//! | [`Consent::Denied`] | is dropped | is expired, and nobody reads it on this request |
//!
//! A request with [Global Privacy Control] (`Sec-GPC: 1`) is denied without asking, unless the
//! rules [ignore it](crate::capture::GlobalPrivacyControl). Brave and DuckDuckGo's browser send it for
//! everybody.
//!
//! Most visitors answer a banner after the landing, when the click is on the page's address only:
//! [`Capture::agree`](crate::capture::Capture::agree) stores it then.
//!
//! [Global Privacy Control]: https://www.w3.org/TR/gpc/

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// What a visitor has said to being tracked.
///
/// Also an entry of a request's extensions, by which a middleware of your own tells the capture
/// layers. Without an answer it is `Unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consent {
    /// Yes: the click may be stored.
    Granted,
    /// No, or no longer: nothing is stored, and what was stored goes.
    Denied,
    /// Not asked, or not answered yet: the click serves this request and is not stored.
    #[default]
    Unknown,
}

impl Consent {
    /// `Granted` or `Denied`, for an answer that is there.
    ///
    /// ```
    /// use refport_core::consent::Consent;
    ///
    /// let answer: Option<bool> = None;
    /// assert_eq!(answer.map_or(Consent::Unknown, Consent::from_answer), Consent::Unknown);
    /// ```
    #[must_use]
    pub const fn from_answer(agreed: bool) -> Self {
        if agreed { Self::Granted } else { Self::Denied }
    }
}

/// The value of a cookie of yours, percent-decoded: what a gate reads.
///
/// The first one of that name counts. `None` where there is none, or where it is not UTF-8.
/// `cookie_headers` are the values of all the request's `Cookie` headers.
///
/// ```
/// use refport_core::consent::cookie_value;
///
/// let answer = cookie_value("cookie_choice", [b"a=1; cookie_choice=yes%21"]);
/// assert_eq!(answer.as_deref(), Some("yes!"));
/// ```
pub fn cookie_value<'a, H>(
    name: &str,
    cookie_headers: impl IntoIterator<Item = &'a H>,
) -> Option<Cow<'a, str>>
where
    H: AsRef<[u8]> + ?Sized + 'a,
{
    let headers = cookie_headers.into_iter().map(AsRef::as_ref);
    let value = values(name, headers).next()?;
    match Cow::from(percent_decode(value)) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The values of all the cookies of one name, as they came, but for a pair of quotes.
pub(crate) fn values<'a>(
    name: &str,
    cookie_headers: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    cookie_headers
        .flat_map(|header| header.split(|&byte| byte == b';'))
        .filter_map(move |pair| value_of(name, pair))
}

fn value_of<'a>(name: &str, pair: &'a [u8]) -> Option<&'a [u8]> {
    let at = pair.iter().position(|&byte| byte == b'=')?;
    let (known, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
    (known == name.as_bytes()).then_some(match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_value_table() {
        let cases: &[(&[&[u8]], Option<&str>)] = &[
            (&[], None),
            (&[b"other=yes"], None),
            (&[b"consent=yes"], Some("yes")),
            (&[b"a=1; consent = yes ; b=2"], Some("yes")),
            (&[b"a=1", b"consent=\"yes\""], Some("yes")),
            (&[b"consent=one; consent=two"], Some("one")),
            (&[b"consent="], Some("")),
            (&[b"consent"], None),
            (&[b"consent=a=b"], Some("a=b")),
            (&[b"consent=%7Ba%3A1%7D"], Some("{a:1}")),
            (&[b"\xff=\xfe; consent=yes"], Some("yes")),
            (&[b"consent=\xff"], None),
            (&[b"consent=%ff"], None),
            (&[b"xconsent=yes; consent2=yes; Consent=yes"], None),
        ];
        for (headers, want) in cases {
            let found = cookie_value("consent", headers.iter().copied());
            assert_eq!(found.as_deref(), *want, "{headers:?}");
        }
    }
}
