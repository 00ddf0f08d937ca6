use http::Uri;

use super::build_error::{BuildError, Problem};

/// Where a service lives, in a form to which a path can be added.
#[derive(Debug)]
pub(super) struct BaseUrl(String);

impl BaseUrl {
    /// Takes a URL with or without a path and trailing slashes. Plain http is taken for the
    /// machine itself, elsewhere only when told so.
    pub(super) fn parse(text: &str, allow_http: bool) -> Result<Self, BuildError> {
        let problem = |what| BuildError::from(Problem::BaseUrl(what));
        let text = text.trim().trim_end_matches('/');
        let url: Uri = text.parse().map_err(|_| problem("is not a URL"))?;
        let authority = url.authority().ok_or_else(|| problem("is not a URL"))?;
        if authority.as_str().contains('@') {
            return Err(problem(
                "has a user name or password, which belong in the API key",
            ));
        }
        let port = authority
            .as_str()
            .strip_prefix(authority.host())
            .unwrap_or_default();
        if !port.is_empty() && authority.port_u16().is_none() {
            return Err(problem("has an impossible port"));
        }
        if url.query().is_some() || text.contains('#') {
            return Err(problem("has a query or fragment"));
        }
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if allow_http || is_loopback(authority.host()) => {}
            Some("http") => return Err(Problem::PlainHttp.into()),
            _ => return Err(problem("is neither http nor https")),
        }
        Ok(Self(text.to_owned()))
    }

    #[cfg(feature = "reqwest")]
    pub(super) fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether the service is on this machine.
    #[cfg(feature = "reqwest")]
    pub(super) fn is_loopback(&self) -> bool {
        let url: Result<Uri, _> = self.0.parse();
        url.is_ok_and(|url| url.host().is_some_and(is_loopback))
    }

    /// Whether it is where Refport or Partli itself lives, and no server of somebody's own.
    pub(super) fn is_public_service(&self) -> bool {
        const PUBLIC: [&str; 2] = [
            crate::Refport::DEFAULT_BASE_URL,
            crate::Partli::DEFAULT_BASE_URL,
        ];
        PUBLIC.iter().any(|url| host(url) == host(&self.0))
    }

    /// The URL of `path`, which begins with a slash.
    pub(super) fn join(&self, path: &str) -> Uri {
        format!("{}{path}", self.0)
            .parse()
            .expect("a URL and a plain path are a URL")
    }
}

/// As far as it tells one server from another.
fn host(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    Some(url.host()?.trim_end_matches('.').to_ascii_lowercase())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_local_address = host
        .parse()
        .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    is_local_address || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slashes_go_and_paths_are_added() {
        for (text, want) in [
            ("http://127.0.0.1:4800", "http://127.0.0.1:4800/api"),
            ("http://localhost:4800/", "http://localhost:4800/api"),
            ("http://[::1]:4800/", "http://[::1]:4800/api"),
            (
                " https://example.com/refport// ",
                "https://example.com/refport/api",
            ),
        ] {
            assert_eq!(BaseUrl::parse(text, false).unwrap().join("/api"), want);
        }
    }

    #[test]
    fn the_public_services_are_told_by_their_hosts() {
        for (text, want) in [
            (crate::Refport::DEFAULT_BASE_URL, true),
            (crate::Partli::DEFAULT_BASE_URL, true),
            ("https://APP.Refport.co:443/", true),
            ("https://partli.app./v2", true),
            ("http://127.0.0.1:4800", false),
            ("https://refport.example.com", false),
            ("https://app.refport.co.example.com", false),
            ("https://example.com/app.refport.co", false),
        ] {
            let base = BaseUrl::parse(text, false).unwrap();
            assert_eq!(base.is_public_service(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_explained() {
        for (text, want) in [
            ("", "is not a URL"),
            ("app.refport.co", "neither http nor https"),
            ("/api", "is not a URL"),
            ("https://localhost:99999", "impossible port"),
            ("ftp://example.com", "neither http nor https"),
            ("https://me:secret@example.com", "user name or password"),
            ("https://example.com/?a=1", "query or fragment"),
            ("http://example.com", "plain http"),
            ("http://127.0.0.1.example.com", "plain http"),
        ] {
            let error = BaseUrl::parse(text, false).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
            assert!(!error.contains("secret"));
        }
        assert!(BaseUrl::parse("http://refport:4800", true).is_ok());
    }
}
