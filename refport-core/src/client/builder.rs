use std::{env, error::Error as StdError, time::Duration};

use http::Uri;
use secrecy::SecretString;

use super::{
    ApiKey, Refport,
    endpoint::{Endpoint, Urls},
    transport::Transport,
};

/// Settings of a [`Refport`] client. Made by [`Refport::builder`].
///
/// | setting | default |
/// |---|---|
/// | [`base_url`](Self::base_url) | `https://app.refport.co` |
/// | [`connect_timeout`](Self::connect_timeout) | 3 s |
/// | [`attempt_timeout`](Self::attempt_timeout) | 10 s |
/// | [`total_timeout`](Self::total_timeout) | 30 s |
#[derive(Clone, Debug)]
#[must_use]
pub struct RefportBuilder {
    api_key: SecretString,
    base_url: String,
    connect_timeout: Duration,
    attempt_timeout: Duration,
    total_timeout: Duration,
}

impl RefportBuilder {
    pub(super) fn new(api_key: String) -> Self {
        Self {
            api_key: api_key.into(),
            base_url: Refport::DEFAULT_BASE_URL.to_owned(),
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
        }
    }

    pub(super) fn from_env() -> Result<Self, BuildError> {
        let builder = match env::var("REFPORT_API_KEY") {
            Ok(key) => Self::new(key),
            Err(env::VarError::NotPresent) => return Err(Problem::NoKey.into()),
            Err(env::VarError::NotUnicode(_)) => return Err(Problem::MalformedKey.into()),
        };
        Ok(match env::var("REFPORT_BASE_URL") {
            Ok(url) if !url.trim().is_empty() => builder.base_url(url),
            Ok(_) | Err(env::VarError::NotPresent) => builder,
            Err(env::VarError::NotUnicode(_)) => return Err(Problem::BaseUrl("is not text").into()),
        })
    }

    /// Where the service lives, with or without a path and a trailing slash.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// How long making a connection may take.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take, from connecting to the last byte of the answer.
    pub const fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How long a call may take in all. Where it is shorter than an attempt, it cuts that short.
    pub const fn total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// When the key is blank or cannot stand in a header, the base URL is none or asks for https
    /// in a build without TLS, or TLS cannot be set up.
    pub fn build(self) -> Result<Refport, BuildError> {
        let api_key = ApiKey::new(self.api_key)?;
        let urls = Urls::new(&parse_base_url(&self.base_url)?);
        let transport = Transport::new(self.connect_timeout)
            .map_err(|error| BuildError(Problem::Transport(error.into())))?;
        Ok(Refport::over(Endpoint {
            transport,
            urls,
            authorization: api_key.authorization(),
            attempt_timeout: self.attempt_timeout,
            total_timeout: self.total_timeout,
        }))
    }
}

/// The base URL without its trailing slashes, in a form to which a path can be added.
fn parse_base_url(text: &str) -> Result<String, BuildError> {
    let problem = |what| BuildError(Problem::BaseUrl(what));
    let text = text.trim().trim_end_matches('/');
    let url: Uri = text.parse().map_err(|_| problem("is not a URL"))?;
    // Stricter than `Uri`: an impossible port, for one.
    reqwest::Url::parse(text).map_err(|_| problem("is not a URL"))?;
    let authority = url.authority().ok_or_else(|| problem("has no host"))?;
    if authority.as_str().contains('@') {
        return Err(problem(
            "has a user name or password, which belong in the API key",
        ));
    }
    if url.query().is_some() || text.contains('#') {
        return Err(problem("has a query or fragment"));
    }
    match url.scheme_str() {
        Some("https") if cfg!(not(feature = "rustls")) => Err(Problem::NoTls.into()),
        Some("http" | "https") => Ok(text.to_owned()),
        _ => Err(problem("is neither http nor https")),
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BuildError(Problem);

#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("REFPORT_API_KEY is not set, give it the key from your Refport settings")]
    NoKey,
    #[error("the API key is blank, give the key from your Refport settings")]
    BlankKey,
    #[error("the API key has white space or other bytes that cannot stand in a header")]
    MalformedKey,
    #[error("the base URL {0}, give one like https://app.refport.co")]
    BaseUrl(&'static str),
    #[error("the base URL asks for https, but refport-core was built without its feature `rustls`")]
    NoTls,
    #[error("the HTTP client cannot be set up")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_lose_their_trailing_slash() {
        for (text, want) in [
            ("http://127.0.0.1:4800", "http://127.0.0.1:4800"),
            ("http://127.0.0.1:4800/", "http://127.0.0.1:4800"),
            (
                " http://example.com/refport// ",
                "http://example.com/refport",
            ),
        ] {
            assert_eq!(parse_base_url(text).unwrap(), want);
        }
    }

    #[test]
    fn what_is_no_base_url_is_explained() {
        for (text, want) in [
            ("", "is not a URL"),
            ("app.refport.co", "is not a URL"),
            ("/api", "is not a URL"),
            ("http://localhost:99999", "is not a URL"),
            ("ftp://example.com", "neither http nor https"),
            ("http://me:secret@example.com", "user name or password"),
            ("http://example.com/?a=1", "query or fragment"),
        ] {
            let error = parse_base_url(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
    }
}
