use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::builder::{BuildError, Problem};

/// A checked API key, kept out of `Debug`.
#[derive(Debug)]
pub(crate) struct ApiKey(SecretString);

impl ApiKey {
    /// Refuses a blank key, and one with bytes that cannot stand in a header.
    pub(crate) fn new(key: SecretString) -> Result<Self, BuildError> {
        let text = key.expose_secret();
        if text.trim().is_empty() {
            return Err(Problem::BlankKey.into());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Problem::MalformedKey.into());
        }
        Ok(Self(key))
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn authorization(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0.expose_secret()))
            .expect("checked to be visible ASCII when made");
        value.set_sensitive(true);
        value
    }
}
