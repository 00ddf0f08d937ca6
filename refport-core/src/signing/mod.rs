//! Click IDs that bear the site's own signature: in a cookie, so that an ID that the site did not
//! itself capture is told apart, and in a token that carries the click across a login.
//!
//! Anyone can put a click ID into a browser's cookie by a script. With
//! [`Capture::signed_by`](crate::capture::Capture::signed_by) each captured click gets a second
//! cookie with its signature, and the layer that reads, given the same keys, answers signed IDs
//! only. What the browser SDK captures is not signed, so let the server capture then.
//!
//! # What a signature does not prove
//!
//! It says that this site saw this ID on a landing URL, not longer ago than
//! [`SigningKeys::max_age`]. It does not say
//!
//! - that a person clicked: whoever opens the landing URL gets a signature for the ID on it;
//! - that this visitor did: both cookies can be copied to another browser, and hold there until
//!   their age is over;
//! - anything to who does not ask: an extractor of a plain click ID checks nothing outside of the
//!   layer. The adapters' `SignedClickId` checks by itself, by keys from the application's state.
//!
//! The MAC is the `cookie` library's: HMAC-SHA256 over program, ID and time, compared in constant
//! time.

mod carry;
mod keys;

use std::time::SystemTime;

pub(crate) use self::keys::signature_name;
pub use self::{
    carry::{Carrier, CarryError},
    keys::{InvalidKeyError, SigningKeys},
};

/// Unix time in whole seconds.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
