//! From a cookie's value to the click ID in it.

use arrayvec::ArrayVec;
use memchr::memchr;
use percent_encoding::percent_decode;

use crate::ClickId;

/// The click ID in a value that has no blanks around it: without one pair of quotes, with its
/// escapes decoded.
#[inline(always)]
pub(super) fn click_id(value: &[u8]) -> Option<ClickId> {
    let value = unquote(value);
    ClickId::from_unescaped(value).or_else(|| decoded(value))
}

/// What is long, or malformed, or has escapes. A header may be made of such values.
#[cold]
fn decoded(value: &[u8]) -> Option<ClickId> {
    match memchr(b'%', value) {
        Some(_) => ClickId::from_bytes(&decode(value)?).ok(),
        None => ClickId::from_bytes(value).ok(),
    }
}

fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

/// The decoded value, or `None` as soon as it is longer than any click ID.
fn decode(value: &[u8]) -> Option<ArrayVec<u8, { ClickId::MAX_LEN }>> {
    let mut decoded = ArrayVec::new();
    for byte in percent_decode(value) {
        decoded.try_push(byte).ok()?;
    }
    Some(decoded)
}
