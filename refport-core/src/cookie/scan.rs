//! Finding the values of one cookie in a `Cookie` header's bytes, in time linear in its length.
//!
//! A header is split at its semicolons. In a long one that costs most, so there the name is searched
//! for first, many bytes at a step, and splitting begins where it stands: in most headers nowhere.
//! Nothing is allocated.

use std::fmt;

use memchr::{memchr, memmem, memrchr};

/// In fewer bytes than these, splitting costs less than setting out to search.
const LONG: usize = 40;

/// Looks for the cookie of one name. Made once for each name.
pub(crate) struct Scanner {
    name: Box<str>,
    finder: Box<memmem::Finder<'static>>,
}

impl Scanner {
    /// `name` is not empty and holds neither blanks nor `;`.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            finder: Box::new(memmem::Finder::new(name).into_owned()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first that `accept` makes of a value of the cookie, in the header's order. A value
    /// comes without the blanks around it, with its quotes and escapes.
    #[inline]
    pub(crate) fn first<T>(&self, header: &[u8], accept: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        if header.len() < LONG {
            return self.split(header, accept);
        }
        let at = self.finder.find(header)?;
        let pair = memrchr(b';', &header[..at]).map_or(0, |semicolon| semicolon + 1);
        self.split(&header[pair..], accept)
    }

    /// Goes from one pair to the next.
    #[inline(never)]
    fn split<T>(&self, mut pairs: &[u8], accept: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        loop {
            let pair = trim_start(pairs);
            if let Some(rest) = strip_name(pair, self.name.as_bytes())
                && let Some(found) = value(rest).and_then(&accept)
            {
                return Some(found);
            }
            pairs = &pair[memchr(b';', pair)? + 1..];
        }
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scanner").field(&self.name).finish()
    }
}

/// The value, when after the name comes an equals sign.
fn value(after_name: &[u8]) -> Option<&[u8]> {
    let value = trim_start(after_name).strip_prefix(b"=")?;
    let end = memchr(b';', value).unwrap_or(value.len());
    Some(trim_end(trim_start(&value[..end])))
}

/// [`strip_prefix`](slice::strip_prefix), quick to tell that the first byte is another.
fn strip_name<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    (pair.first() == name.first()).then(|| pair.strip_prefix(name))?
}

/// Without the blanks that RFC 9110 has in header values: space and tab.
fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
