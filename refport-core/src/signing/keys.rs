use std::{fmt, sync::Arc};

use ::cookie::{Cookie, CookieJar, Key};

use crate::{ClickId, CookieName};

/// The keys by which a site knows its own click IDs. Cheap to clone; `Debug` shows none.
///
/// ```
/// use refport_core::signing::SigningKeys;
///
/// # fn secret(name: &str) -> Vec<u8> { name.bytes().cycle().take(32).collect() }
/// // To change the key: sign by the new one, and accept the old one for as long as cookies live.
/// let keys = SigningKeys::new(&secret("CLICK_KEY"))?.accept(&secret("CLICK_KEY_BEFORE"))?;
/// # Ok::<(), refport_core::signing::InvalidKeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKeys {
    /// The first signs, and all are tried when a signature is checked.
    keys: Arc<[Key]>,
}

impl SigningKeys {
    /// How many bytes a secret has at least.
    pub const MIN_SECRET_BYTES: usize = 32;

    /// Signs and checks by a key made from `secret`: 32 bytes or more of a random generator's, the
    /// same ones on every server of the site.
    ///
    /// # Errors
    ///
    /// When the secret is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, InvalidKeyError> {
        Ok(Self {
            keys: Arc::new([key(secret)?]),
        })
    }

    /// Accepts what was signed by an older secret, too.
    ///
    /// # Errors
    ///
    /// When the secret is shorter than 32 bytes.
    pub fn accept(self, older: &[u8]) -> Result<Self, InvalidKeyError> {
        let older = key(older)?;
        Ok(Self {
            keys: self.keys.iter().cloned().chain([older]).collect(),
        })
    }

    /// Whether the ID in the cookie `name` has a signature of ours beside it.
    ///
    /// `cookie_headers` are the values of all the request's `Cookie` headers.
    pub fn is_signed<I>(&self, name: &CookieName, click_id: &ClickId, cookie_headers: I) -> bool
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        // A MAC in base64 has the form of a click ID, so the same reader finds it.
        ClickId::from_cookie_headers_named(&signature_name(name), cookie_headers)
            .is_some_and(|mac| self.is_mac_of(mac.as_str(), &message(name, click_id)))
    }

    pub(crate) fn sign(&self, name: &CookieName, click_id: &ClickId) -> String {
        self.mac_of(&message(name, click_id))
    }

    /// The MAC of `message`, in base64.
    pub(super) fn mac_of(&self, message: &str) -> String {
        let mut jar = CookieJar::new();
        let cookie = Cookie::new(JAR_NAME, message.to_owned());
        jar.signed_mut(&self.keys[0]).add(cookie);
        let signed = jar.get(JAR_NAME).expect("it was added").value();
        let mac = signed.strip_suffix(message).expect("the MAC comes first");
        mac.to_owned()
    }

    pub(super) fn is_mac_of(&self, mac: &str, message: &str) -> bool {
        let signed = format!("{mac}{message}");
        self.keys.iter().any(|key| {
            let cookie = Cookie::new(JAR_NAME, signed.clone());
            let jar = CookieJar::new();
            let verified = jar.signed(key).verify(cookie);
            verified.is_some_and(|cookie| cookie.value() == message)
        })
    }
}

/// The cookie of the signature that belongs to the cookie `name`.
pub(crate) fn signature_name(name: &CookieName) -> CookieName {
    CookieName::new(&format!("{name}_sig")).expect("a token and a token are a token")
}

/// No cookie has this name: the library signs values, and takes them in a cookie.
const JAR_NAME: &str = "click";

/// What is signed of a click. The program is part of it, so that an ID is no other program's.
fn message(name: &CookieName, click_id: &ClickId) -> String {
    format!("refport click;{name}={click_id}")
}

fn key(secret: &[u8]) -> Result<Key, InvalidKeyError> {
    if secret.len() < SigningKeys::MIN_SECRET_BYTES {
        return Err(InvalidKeyError(secret.len()));
    }
    Ok(Key::derive_from(secret))
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").finish_non_exhaustive()
    }
}

/// A secret that is too short to sign by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing secret has {0} bytes: use 32 or more, from a random generator")]
pub struct InvalidKeyError(usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8) -> SigningKeys {
        SigningKeys::new(&[secret; 32]).unwrap()
    }

    fn id(text: &str) -> ClickId {
        text.parse().unwrap()
    }

    fn cookies(keys: &SigningKeys, name: &CookieName, click_id: &str) -> String {
        let mac = keys.sign(name, &id(click_id));
        format!("{name}={click_id}; {}={mac}", signature_name(name))
    }

    #[test]
    fn a_signature_holds_for_its_id_program_and_key_only() {
        let name = CookieName::REFPORT;
        let header = cookies(&keys(1), &name, "clk_1");
        assert!(keys(1).is_signed(&name, &id("clk_1"), [&header]));
        assert!(!keys(1).is_signed(&name, &id("clk_2"), [&header]));
        assert!(!keys(2).is_signed(&name, &id("clk_1"), [&header]));
        let other = header.replace("refp_id", "pref_cid");
        assert!(!keys(1).is_signed(&CookieName::PARTLI, &id("clk_1"), [other]));
        assert!(!keys(1).is_signed(&name, &id("clk_1"), ["refp_id=clk_1"]));
        assert!(!keys(1).is_signed(&name, &id("clk_1"), ["refp_id=clk_1; refp_id_sig=x"]));
    }

    #[test]
    fn an_older_key_is_accepted_and_signs_nothing() {
        let name = CookieName::REFPORT;
        let both = keys(2).accept(&[1; 32]).unwrap();
        assert!(both.is_signed(&name, &id("clk_1"), [cookies(&keys(1), &name, "clk_1")]));
        let fresh = cookies(&both, &name, "clk_1");
        assert!(keys(2).is_signed(&name, &id("clk_1"), [&fresh]));
        assert!(!keys(1).is_signed(&name, &id("clk_1"), [&fresh]));
    }

    #[test]
    fn the_longest_id_can_be_signed() {
        let long = "x".repeat(128);
        let header = cookies(&keys(1), &CookieName::REFPORT, &long);
        assert!(keys(1).is_signed(&CookieName::REFPORT, &id(&long), [header]));
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        let error = SigningKeys::new(b"short").unwrap_err();
        assert!(error.to_string().contains("5 bytes"));
        assert!(keys(1).accept(&[0; 31]).is_err());
        assert_eq!(format!("{:?}", keys(7)), "SigningKeys { .. }");
    }
}
