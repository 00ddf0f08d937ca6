use std::time::{Duration, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{SigningKeys, seconds};
use crate::{ClickId, CookieName};

/// Carries a click across a redirect that loses the cookie: into an OAuth `state`, a link in an
/// e-mail, another domain of yours, and back.
///
/// The token is signed and lives shortly. Its text goes into a URL as it is: letters, digits and
/// `-_.~!`.
///
/// ```
/// use refport_core::{ClickId, signing::{Carrier, SigningKeys}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (secret, nonce) = ([7; 32], "n0nce");
/// let carrier = Carrier::new(SigningKeys::new(&secret)?);
///
/// // Where the visitor leaves for the login:
/// let click_id: ClickId = "clk_1".parse()?;
/// let state = format!("{nonce}.{}", carrier.seal(&click_id));
///
/// // Where the visitor comes back, once the login's own check of the nonce has passed:
/// let (_, token) = state.split_once('.').ok_or("no token")?;
/// assert_eq!(carrier.open(token)?, "clk_1");
/// # Ok(())
/// # }
/// ```
///
/// The token is no replacement for the nonce of a `state`: it says that the site has seen this
/// click, and not that this visitor made it. Within its time it can be used again. To store the
/// click anew, write
/// [`Capture::store_cookies`](crate::capture::Capture::store_cookies).
#[derive(Clone, Debug)]
#[must_use]
pub struct Carrier {
    keys: SigningKeys,
    name: CookieName,
    valid_for: Duration,
}

impl Carrier {
    /// Ten minutes.
    pub const DEFAULT_VALID_FOR: Duration = Duration::from_secs(10 * 60);

    /// Signs and checks by `keys`, for ten minutes.
    pub const fn new(keys: SigningKeys) -> Self {
        Self {
            keys,
            name: CookieName::REFPORT,
            valid_for: Self::DEFAULT_VALID_FOR,
        }
    }

    /// How long a token is valid, in whole seconds. Default ten minutes.
    pub const fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = time;
        self
    }

    /// The program whose clicks are carried: a token of one is no other's. Default
    /// [`CookieName::REFPORT`].
    pub fn cookie_name(mut self, name: CookieName) -> Self {
        self.name = name;
        self
    }

    /// A token that carries `click_id` from now on.
    #[must_use]
    pub fn seal(&self, click_id: &ClickId) -> String {
        self.seal_at(click_id, SystemTime::now())
    }

    /// A token that carries `click_id` from `now` on.
    #[must_use]
    pub fn seal_at(&self, click_id: &ClickId, now: SystemTime) -> String {
        let expires = seconds(now).saturating_add(self.valid_for.as_secs());
        let mac = to_url_safe(&self.keys.mac_of(&self.message(expires, click_id)));
        let id = utf8_percent_encode(click_id.as_str(), UNRESERVED)
            .to_string()
            .replace('%', ESCAPE);
        format!("{expires}.{mac}.{id}")
    }

    /// The click that a token carries.
    ///
    /// # Errors
    ///
    /// When the text is no token, was not signed by these keys for this program, or is too old.
    pub fn open(&self, token: &str) -> Result<ClickId, CarryError> {
        self.open_at(token, SystemTime::now())
    }

    /// The click that a token carries at the time `now`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(&self, token: &str, now: SystemTime) -> Result<ClickId, CarryError> {
        let malformed = CarryError(Problem::Malformed);
        let mut parts = token.splitn(3, '.');
        let (Some(expires), Some(mac), Some(id)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        let (Ok(expires), Ok(id)) = (
            expires.parse(),
            ClickId::from_bytes(&percent_decode_str(&id.replace(ESCAPE, "%")).collect::<Vec<_>>()),
        ) else {
            return Err(malformed);
        };
        if !self
            .keys
            .is_mac_of(&from_url_safe(mac), &self.message(expires, &id))
        {
            return Err(CarryError(Problem::Foreign));
        }
        if seconds(now) >= expires {
            return Err(CarryError(Problem::Expired));
        }
        Ok(id)
    }

    fn message(&self, expires: u64, click_id: &ClickId) -> String {
        format!("refport carry;{expires};{}={click_id}", self.name)
    }
}

/// What RFC 3986 leaves as it is in any part of a URL.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Stands for `%`, which a query would have to escape once more. It is itself escaped in an ID.
const ESCAPE: &str = "!";

/// From the standard alphabet of base64 to the one for URLs, without padding (RFC 4648).
fn to_url_safe(base64: &str) -> String {
    base64
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_")
}

fn from_url_safe(text: &str) -> String {
    let padding = "=".repeat(text.len().next_multiple_of(4) - text.len());
    text.replace('-', "+").replace('_', "/") + &padding
}

/// A token that carries no click, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct CarryError(Problem);

impl CarryError {
    /// Whether the token was good, and its time is over.
    #[must_use]
    pub const fn is_expired(&self) -> bool {
        matches!(self.0, Problem::Expired)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("not a token that carries a click: it has a time, a signature and an ID between dots")]
    Malformed,
    #[error("the token was not signed by these keys for this program")]
    Foreign,
    #[error("the token's time is over")]
    Expired,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrier() -> Carrier {
        Carrier::new(SigningKeys::new(&[1; 32]).unwrap())
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_carried_comes_back() {
        let longest = "x".repeat(128);
        for id in [
            "clk_1",
            "a.b.c",
            "50%41",
            "!#$%&'()*+-./:<=>?@[]^_`{|}~",
            &longest,
        ] {
            let id: ClickId = id.parse().unwrap();
            let token = carrier().seal_at(&id, at(1000));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~!".contains(c);
            assert!(token.chars().all(is_plain), "{token}");
            assert_eq!(carrier().open_at(&token, at(1000)), Ok(id));
        }
    }

    #[test]
    fn its_time_is_over_to_the_second() {
        let id = "clk_1".parse().unwrap();
        let token = carrier()
            .valid_for(Duration::from_secs(60))
            .seal_at(&id, at(1000));
        assert!(carrier().open_at(&token, at(1059)).is_ok());
        let error = carrier().open_at(&token, at(1060)).unwrap_err();
        assert!(error.is_expired(), "{error}");
    }

    #[test]
    fn nothing_about_it_can_be_changed() {
        let id: ClickId = "clk_1".parse().unwrap();
        let token = carrier().seal_at(&id, at(1000));
        let refused = |carrier: &Carrier, token: &str| {
            let error = carrier.open_at(token, at(1000)).unwrap_err();
            assert!(!error.is_expired(), "{token}: {error}");
        };
        refused(&carrier(), &token.replace("clk_1", "clk_2"));
        refused(&carrier(), &token.replacen("1600", "9600", 1));
        refused(&carrier().cookie_name(CookieName::PARTLI), &token);
        refused(&Carrier::new(SigningKeys::new(&[2; 32]).unwrap()), &token);
        for text in [
            "",
            ".",
            "..",
            "1600.x.clk_1",
            "x.y.z",
            "1600.ä.clk_1",
            "1600..a b",
        ] {
            refused(&carrier(), text);
        }
        let older = SigningKeys::new(&[2; 32])
            .unwrap()
            .accept(&[1; 32])
            .unwrap();
        assert_eq!(Carrier::new(older).open_at(&token, at(1000)), Ok(id));
    }
}
