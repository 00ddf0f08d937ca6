//! What must hold of every input to refport-core's parsers: one plain function for each fuzz
//! target. The ordinary tests of refport-core include this file too, to replay the corpus and to
//! feed it from property tests.
//!
//! Each function panics when its input breaks the promise.

mod answers;
mod click_id;
mod cookie_header;
mod landing_url;
#[path = "../../refport-core/src/cookie/scan.rs"]
#[allow(
    dead_code,
    reason = "the reader's own, of which its name is not asked here"
)]
mod scan;

pub use self::{
    answers::answers, click_id::click_id, cookie_header::cookie_header, landing_url::landing_url,
};

/// Whether `bytes` may be a click ID, spelled out slowly.
fn is_click_id(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| (0x21..=0x7e).contains(byte) && !b"\",;\\".contains(byte);
    (1..=128).contains(&bytes.len()) && bytes.iter().all(allowed)
}
