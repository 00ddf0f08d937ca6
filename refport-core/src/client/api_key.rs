use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::builder::{BuildError, Problem};

/// An API key: kept out of `Debug`, wiped from memory when dropped, and never given back.
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Takes a key as the service shows it.
    ///
    /// # Errors
    ///
    /// When the key is blank, or has white space or other bytes that cannot stand in a header.
    pub fn new(key: impl Into<String>) -> Result<Self, BuildError> {
        let key = SecretString::from(key.into());
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

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}
