//! Finding the values of one cookie in a `Cookie` header's bytes, in time linear in its length.
//!
//! A short header is split at its semicolons. In a long one that costs most, so there the name
//! itself is searched for, many bytes at a step, and what stands around each find is checked.
//! Nothing is allocated.

use std::fmt;

#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::avx2::packedpair;
use memchr::{memchr, memmem};

/// In fewer bytes than these, splitting costs less than setting out to search.
const LONG: usize = 40;

/// Looks for the cookie of one name. Made once for each name.
pub(crate) struct Scanner {
    name: Box<str>,
    /// From how many bytes on a header is searched rather than split.
    long: usize,
    /// From how many bytes on what is left of it is searched on.
    least: usize,
    search: Search,
}

/// How the name is found in a long header.
enum Search {
    /// Two bytes of the name at once, 32 places at a step. Where there is AVX2.
    #[cfg(target_arch = "x86_64")]
    Pair(packedpair::Finder, FindPair),
    /// Whatever the machine has.
    Portable(Box<memmem::Finder<'static>>),
    /// Not at all: one byte occurs too often.
    Split,
}

/// [`packedpair::Finder::find_prefilter`]. Called through a pointer, because compiled for its one
/// caller the loop in it came out a fifth longer.
#[cfg(target_arch = "x86_64")]
type FindPair = fn(&packedpair::Finder, &[u8]) -> Option<usize>;

impl Scanner {
    /// The fastest way on this machine. `name` is not empty and holds neither blanks nor `;`.
    pub(crate) fn new(name: &str) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(finder) = packedpair::Finder::new(name.as_bytes()) {
            let least = finder.min_haystack_len();
            let search = Search::Pair(finder, packedpair::Finder::find_prefilter);
            return Self::with(name, least, search);
        }
        Self::portable(name)
    }

    /// The way on every machine.
    pub(crate) fn portable(name: &str) -> Self {
        let search = match name.len() {
            1 => Search::Split,
            _ => Search::Portable(Box::new(memmem::Finder::new(name).into_owned())),
        };
        Self::with(name, 0, search)
    }

    fn with(name: &str, least: usize, search: Search) -> Self {
        Self {
            name: name.into(),
            long: least.max(LONG),
            least,
            search,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first that `accept` makes of a value of the cookie, in the header's order. A value
    /// comes without the blanks around it, with its quotes and escapes.
    #[inline]
    pub(crate) fn first<T>(
        &self,
        header: &[u8],
        accept: impl Fn(&[u8]) -> Option<T> + Copy,
    ) -> Option<T> {
        match &self.search {
            #[cfg(target_arch = "x86_64")]
            Search::Pair(finder, find) if header.len() >= self.long => {
                self.search(header, |rest| find(finder, rest), accept)
            }
            Search::Portable(finder) if header.len() >= self.long => {
                self.search(header, |rest| finder.find(rest), accept)
            }
            _ => self.split(header, accept),
        }
    }

    /// Looks where the name may stand. `find` tells the first such place in a long header.
    #[inline]
    fn search<T>(
        &self,
        header: &[u8],
        find: impl Fn(&[u8]) -> Option<usize>,
        accept: impl Fn(&[u8]) -> Option<T> + Copy,
    ) -> Option<T> {
        let at = find(header)?;
        let before = header[..at].last().unwrap_or(&b';');
        let after = header.get(at + self.name.len())?;
        if may_part(*before, *after)
            && let Some(found) = self.at(header, at, accept)
        {
            return Some(found);
        }
        self.search_on(header, at, find, accept)
    }

    /// Goes on after `at`, where it was not, from one place to the next.
    #[inline(never)]
    fn search_on<T>(
        &self,
        header: &[u8],
        at: usize,
        find: impl Fn(&[u8]) -> Option<usize>,
        accept: impl Fn(&[u8]) -> Option<T> + Copy,
    ) -> Option<T> {
        let to_after = 1 + self.name.len();
        // Begins with the byte before the first place that is still open.
        let mut rest = &header[at..];
        while rest.len() > self.least {
            rest = rest.get(find(&rest[1..])?..)?;
            let (before, after) = (rest[0], *rest.get(to_after)?);
            rest = &rest[1..];
            if may_part(before, after)
                && let Some(found) = self.at(header, header.len() - rest.len(), accept)
            {
                return Some(found);
            }
        }
        let (before, mut rest) = header.split_at(header.len() - rest.len() + 1);
        if !is_between_pairs(before) {
            rest = &rest[memchr(b';', rest)? + 1..];
        }
        self.split(rest, accept)
    }

    /// What `accept` makes of the value, if the cookie stands at `at`.
    #[inline(never)]
    fn at<T>(
        &self,
        header: &[u8],
        at: usize,
        accept: impl Fn(&[u8]) -> Option<T> + Copy,
    ) -> Option<T> {
        let (before, pair) = header.split_at(at);
        let rest = pair.strip_prefix(self.name.as_bytes())?;
        if is_between_pairs(before) {
            value(rest).and_then(accept)
        } else {
            None
        }
    }

    /// Goes from one pair to the next.
    #[inline(never)]
    fn split<T>(&self, mut pairs: &[u8], accept: impl Fn(&[u8]) -> Option<T> + Copy) -> Option<T> {
        loop {
            let pair = trim_start(pairs);
            if let Some(rest) = strip_name(pair, self.name.as_bytes())
                && let Some(found) = value(rest).and_then(accept)
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

/// Whether a cookie's name may stand between the two. A quick look at the many that are none: no
/// byte above `;` comes before such a name, and none above `=` after it.
fn may_part(before: u8, after: u8) -> bool {
    before <= b';' && after <= b'='
}

/// Whether a name may begin after `before`: nothing but blanks since the last semicolon.
fn is_between_pairs(before: &[u8]) -> bool {
    let last = before.iter().rev().find(|byte| !is_blank(**byte));
    matches!(last, None | Some(b';'))
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

/// Blanks as RFC 9110 has them in header values: space and tab.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

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
