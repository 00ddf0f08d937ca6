//! API keys: `rk_<id>_<secret>`. Only a hash of the secret is kept.
//!
//! The secret has 256 random bits, so a fast hash is enough: there is nothing to guess.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::id;

const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;

/// A key that was just made; the only time that its text is known.
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) secret_hash: [u8; 32],
}

impl NewKey {
    pub(crate) fn make() -> Self {
        let id = id::random_text(ID_LENGTH);
        let secret = id::random_text(SECRET_LENGTH);
        Self {
            text: format!("rk_{id}_{secret}"),
            secret_hash: hash(&secret),
            id,
        }
    }
}

/// A key as a request shows it.
#[derive(Clone, Copy)]
pub(crate) struct PresentedKey<'a> {
    pub(crate) id: &'a str,
    secret: &'a str,
}

impl<'a> PresentedKey<'a> {
    /// Reads `Bearer rk_…`; the scheme in any case, as RFC 9110 has it.
    pub(crate) fn from_authorization(value: &'a str) -> Option<Self> {
        let (scheme, key) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (id, secret) = key.trim().strip_prefix("rk_")?.split_once('_')?;
        Some(Self { id, secret })
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, secret_hash: &[u8]) -> bool {
        hash(self.secret).ct_eq(secret_hash).into()
    }
}

/// The hash under which secrets and embed tokens are kept.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_matches_its_own_hash_only() {
        let key = NewKey::make();
        let header = format!("bearer {}", key.text);
        let presented = PresentedKey::from_authorization(&header).unwrap();
        assert_eq!(presented.id, key.id);
        assert!(presented.matches(&key.secret_hash));
        assert!(!presented.matches(&NewKey::make().secret_hash));
        assert!(!presented.matches(b""));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for header in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer rk_",
            "Bearer rk_abc",
            "Basic rk_a_b",
            "rk_a_b",
        ] {
            assert!(
                PresentedKey::from_authorization(header).is_none(),
                "{header}"
            );
        }
    }
}
