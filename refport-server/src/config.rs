use std::num::NonZeroU32;

use url::Url;

/// Settings of the server.
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    public_url: String,
    rate_limit: Option<NonZeroU32>,
    strict_refport: bool,
    strict_partli: bool,
    refusal_days: u32,
}

impl Config {
    /// `public_url` is where browsers reach the server, with or without a trailing slash: short
    /// links begin with it.
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into().trim_end_matches('/').to_owned(),
            rate_limit: None,
            strict_refport: false,
            strict_partli: false,
            refusal_days: 90,
        }
    }

    /// How many requests a second each API key may make on average, with bursts of as many. More
    /// are answered with 429 and `Retry-After`. Default: no limit.
    ///
    /// Counted in this process.
    pub const fn rate_limit(mut self, per_second: NonZeroU32) -> Self {
        self.rate_limit = Some(per_second);
        self
    }

    /// Whether Refport's reference is taken by its letter: a report that names an unknown click is
    /// refused although its customer is known. Default: no, the customer's partner is paid.
    pub const fn strict_refport(mut self, strict: bool) -> Self {
        self.strict_refport = strict;
        self
    }

    /// Whether a report in Partli's dialect that names no click, or an unknown one, pays nobody although
    /// its customer is known. Default: no, the customer's partner is paid.
    pub const fn strict_partli(mut self, strict: bool) -> Self {
        self.strict_partli = strict;
        self
    }

    /// For how many days reports that were refused are kept, so that `explain` can tell of them, the
    /// latest 100,000 at most. Default: 90.
    pub const fn keep_refused(mut self, days: u32) -> Self {
        self.refusal_days = days;
        self
    }

    pub(crate) const fn is_strict_refport(&self) -> bool {
        self.strict_refport
    }

    pub(crate) const fn is_strict_partli(&self) -> bool {
        self.strict_partli
    }

    pub(crate) const fn refusal_days(&self) -> u32 {
        self.refusal_days
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    pub(crate) const fn requests_per_second(&self) -> Option<NonZeroU32> {
        self.rate_limit
    }

    /// The host of the short links, with its port where it is not the scheme's own.
    pub(crate) fn domain(&self) -> String {
        let url = Url::parse(&self.public_url).ok();
        let host = url
            .as_ref()
            .and_then(Url::host_str)
            .unwrap_or(&self.public_url);
        match url.as_ref().and_then(Url::port) {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_the_public_urls() {
        for (url, want) in [
            ("https://go.example.com/", "go.example.com"),
            ("http://127.0.0.1:4800", "127.0.0.1:4800"),
            ("https://example.com:443/refport", "example.com"),
        ] {
            assert_eq!(Config::new(url).domain(), want);
        }
        assert_eq!(Config::new("http://a/").public_url(), "http://a");
    }
}
