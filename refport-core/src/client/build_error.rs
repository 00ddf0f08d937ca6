use std::{error::Error as StdError, fmt};

/// Why a client could not be made.
///
/// `Debug` is the same text, because that is what `main` prints of an error it returns.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct BuildError(Problem);

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("{0} is not set, give it the key from your account's settings")]
    NoKey(&'static str),
    #[error("the API key is blank, give the key from your account's settings")]
    BlankKey,
    #[error("the API key has white space or other bytes that cannot stand in a header")]
    MalformedKey,
    #[error("{0} is set and blank: give it the address of your server, or take it away")]
    BlankVariable(&'static str),
    #[error("the base URL {0}, give one like https://app.refport.co")]
    BaseUrl(&'static str),
    #[error(
        "the base URL is plain http, which would show the API key to the network: \
         use https, or say `.allow_http(true)` where the network is your own"
    )]
    PlainHttp,
    #[error(
        "the base URL in {url} is plain http, which would show the API key to the network: \
         use https, or set {allow}=1 where the network is your own (in code `.allow_http(true)`)"
    )]
    PlainHttpOfVariable {
        url: &'static str,
        allow: &'static str,
    },
    #[error("{0} must be at least {1}")]
    TooSmall(&'static str, &'static str),
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(dead_code, reason = "TLS is the transport's affair")
    )]
    #[error(
        "the base URL asks for https, but refport-core was built without one of its features `rustls`, `rustls-ring` and `native-tls`"
    )]
    NoTls,
    #[cfg_attr(
        feature = "reqwest",
        expect(dead_code, reason = "there is a default transport")
    )]
    #[error(
        "there is no transport: turn on the feature `reqwest`, or give one with `.transport(service)`"
    )]
    NoTransport,
    #[cfg_attr(
        not(any(feature = "rustls", feature = "rustls-ring", feature = "native-tls")),
        expect(dead_code, reason = "certificates are the affair of TLS")
    )]
    #[error("a root certificate {0}, give one or several in PEM")]
    RootCertificate(&'static str),
    #[cfg_attr(
        not(feature = "reqwest"),
        expect(dead_code, reason = "there is no default transport")
    )]
    #[error("the HTTP client cannot be set up")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
}

impl BuildError {
    /// The same, where the base URL is that of the variable `url`: who set that knows of no method.
    pub(super) fn of_variable(self, url: &'static str, allow: &'static str) -> Self {
        match self.0 {
            Problem::PlainHttp => Self(Problem::PlainHttpOfVariable { url, allow }),
            _ => self,
        }
    }
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
    fn what_main_prints_of_it_is_a_sentence_with_its_cause() {
        let blank = BuildError::from(Problem::BlankKey);
        assert_eq!(format!("{blank:?}"), blank.to_string());
        let tls = BuildError::from(Problem::Transport("no roots".into()));
        assert_eq!(
            format!("{tls:?}"),
            "the HTTP client cannot be set up: no roots"
        );
    }
}
