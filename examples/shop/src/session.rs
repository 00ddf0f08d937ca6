use crate::random;

/// Whom a browser belongs to: a random token in the cookie `shop_session`.
#[derive(Clone, PartialEq, Eq)]
pub struct Session(String);

impl Session {
    const COOKIE: &str = "shop_session";

    pub(crate) fn new() -> Self {
        Self(random::text(32))
    }

    pub(crate) fn token(&self) -> &str {
        &self.0
    }

    /// The session that a request's `Cookie` headers carry.
    pub fn from_cookies<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        headers
            .into_iter()
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == Self::COOKIE)
            .map(|(_, token)| Self(token.to_owned()))
    }

    /// The value of the `Set-Cookie` header that starts this session.
    ///
    /// A shop on https adds `Secure`.
    #[must_use]
    pub fn set_cookie(&self) -> String {
        format!(
            "{}={}; HttpOnly; SameSite=Lax; Path=/",
            Self::COOKIE,
            self.0
        )
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_read_back() {
        let session = Session::new();
        let set_cookie = session.set_cookie();
        let pair = set_cookie.split(';').next().unwrap();
        let headers = ["refp_id=clk_1; theme=dark", pair];
        assert_eq!(Session::from_cookies(headers), Some(session));
    }

    #[test]
    fn other_cookies_are_no_session() {
        assert_eq!(
            Session::from_cookies(["refp_id=clk_1", "shop_session"]),
            None
        );
        assert_eq!(Session::from_cookies([]), None);
    }
}
