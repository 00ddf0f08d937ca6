//! Click IDs that bear the site's own signature: in a cookie, so that an ID that the site did not
//! itself capture is told apart, and in a token that carries the click across a login.
//!
//! Anyone can put a click ID into a browser's cookie by a script. With
//! [`Capture::signed_by`](crate::capture::Capture::signed_by) each captured click gets a second
//! cookie with its signature, and the layer that reads, given the same keys, answers signed IDs
//! only. What the browser SDK captures is not signed, so let the server capture then.
//!
//! The MAC is the `cookie` library's: HMAC-SHA256, compared in constant time.

mod carry;
mod keys;

pub(crate) use self::keys::signature_name;
pub use self::{
    carry::{Carrier, CarryError},
    keys::{InvalidKeyError, SigningKeys},
};
