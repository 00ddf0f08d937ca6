use bytes::Bytes;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::build_error::{BuildError, Problem};

/// A checked API key.
pub(super) struct ApiKey(SecretString);

impl ApiKey {
    /// Refuses a blank key, and one with bytes that cannot stand in a header.
    pub(super) fn new(key: SecretString) -> Result<Self, BuildError> {
        let text = key.expose_secret();
        if text.trim().is_empty() {
            return Err(Problem::BlankKey.into());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Problem::MalformedKey.into());
        }
        Ok(Self(key))
    }

    /// The value of the `Authorization` header, marked as sensitive: what respects the mark leaves
    /// it out of its logs. All its clones share one piece of memory, wiped with the last of them.
    pub(super) fn authorization(&self) -> HeaderValue {
        let text = format!("Bearer {}", self.0.expose_secret());
        let shared = Bytes::from_owner(Zeroizing::new(text.into_bytes()));
        let mut value =
            HeaderValue::from_maybe_shared(shared).expect("checked to be visible ASCII when made");
        value.set_sensitive(true);
        value
    }
}
