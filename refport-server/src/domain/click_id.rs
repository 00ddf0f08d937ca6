//! Click IDs that stand by themselves: the link, the time and a MAC are inside, so that a redirect
//! waits for no write and a sale whose click was never written still finds its partner.
//!
//! `clk_` and 30 letters and digits hold 22 bytes:
//!
//! | bytes | |
//! |---|---|
//! | 1 | the number of the workspace's key |
//! | 5 | the number of the link |
//! | 5 | milliseconds since the start of 2025 (UTC), until the year 2059 |
//! | 3 | chance, so that two clicks of one millisecond differ |
//! | 8 | the first bytes of HMAC-SHA256 over `clk_` and what stands before |
//!
//! Whoever forges one must guess 64 bits, and each guess costs a report with the merchant's own API
//! key. IDs of other forms are clicks like any others: their row alone knows them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Standing, id};

const PREFIX: &str = "clk_";
/// 2025-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_735_689_600_000;
const BODY: usize = 14;
const LENGTH: usize = BODY + 8;
/// 11 bytes are 15 letters and digits.
const HALF: usize = LENGTH / 2;
const HALF_LETTERS: usize = 15;

/// Links are numbered by chance below this: 5 bytes.
pub(crate) const LINK_NUMBERS: i64 = 1 << 40;

/// A workspace's key, by which it knows its own click IDs and tokens.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) number: u8,
    pub(crate) secret: [u8; 32],
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// The keys of a workspace: the newest signs, all of them verify.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyRing(Vec<SigningKey>);

/// What an ID says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It has another form.
    Opaque,
    /// It has the form, and names a key that is not in the ring.
    UnknownKey,
    /// It has the form, and its MAC is wrong.
    Forged,
    Standing(Standing),
}

impl KeyRing {
    /// `keys` are oldest first.
    pub(crate) const fn new(keys: Vec<SigningKey>) -> Self {
        Self(keys)
    }

    /// The key that signs. `None` in a workspace without keys.
    pub(crate) fn newest(&self) -> Option<&SigningKey> {
        self.0.last()
    }

    /// A number wraps at 256; the newest key of that number counts.
    pub(crate) fn numbered(&self, number: u8) -> Option<&SigningKey> {
        self.0.iter().rev().find(|key| key.number == number)
    }

    /// Reads a click ID.
    pub(crate) fn read(&self, click_id: &str) -> Claim {
        let Some(bytes) = decode(click_id) else {
            return Claim::Opaque;
        };
        let (body, mac) = bytes.split_at(BODY);
        let Some(key) = self.numbered(body[0]) else {
            return Claim::UnknownKey;
        };
        if !bool::from(key.mac(body)[..].ct_eq(mac)) {
            return Claim::Forged;
        }
        Claim::Standing(Standing {
            link_number: number(&body[1..6]),
            clicked_at: EPOCH_MS + number(&body[6..11]),
        })
    }
}

impl SigningKey {
    /// A new click ID for the link, clicked at `now`.
    pub(crate) fn click_id(&self, link_number: i64, now: i64) -> String {
        self.click_id_by_chance(link_number, now, rand::random())
    }

    /// As [`click_id`](Self::click_id), by a chance that is known.
    pub(crate) fn click_id_by_chance(
        &self,
        link_number: i64,
        now: i64,
        chance: [u8; BODY - 11],
    ) -> String {
        let mut bytes = [0; LENGTH];
        bytes[0] = self.number;
        bytes[1..6].copy_from_slice(&link_number.to_be_bytes()[3..]);
        bytes[6..11].copy_from_slice(&(now - EPOCH_MS).to_be_bytes()[3..]);
        bytes[11..BODY].copy_from_slice(&chance);
        let mac = self.mac(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&mac);
        encode(&bytes)
    }

    fn mac(&self, body: &[u8]) -> [u8; LENGTH - BODY] {
        let whole = self.sign(&[PREFIX.as_bytes(), body]);
        let mut mac = [0; LENGTH - BODY];
        mac.copy_from_slice(&whole[..LENGTH - BODY]);
        mac
    }

    /// HMAC-SHA256 over the parts. The first one tells what is signed, so that no MAC serves for two
    /// things.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key may have any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn number(bytes: &[u8]) -> i64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | i64::from(*byte))
}

fn encode(bytes: &[u8; LENGTH]) -> String {
    let mut text = String::with_capacity(PREFIX.len() + 2 * HALF_LETTERS);
    text.push_str(PREFIX);
    for half in bytes.chunks_exact(HALF) {
        text.push_str(&id::base62(half, HALF_LETTERS));
    }
    text
}

/// `None` where the text has another form. Each 22 bytes have one text.
fn decode(text: &str) -> Option<[u8; LENGTH]> {
    let letters = text.strip_prefix(PREFIX)?;
    if letters.len() != 2 * HALF_LETTERS || !letters.is_ascii() {
        return None;
    }
    let mut bytes = [0; LENGTH];
    let (first, second) = letters.split_at(HALF_LETTERS);
    for (half, letters) in bytes.chunks_exact_mut(HALF).zip([first, second]) {
        id::from_base62(letters, half)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u8) -> SigningKey {
        SigningKey {
            number,
            secret: [number; 32],
        }
    }

    const NOW: i64 = 1_795_000_000_000;

    #[test]
    fn an_id_says_its_link_and_time_to_whoever_has_the_key() {
        let ring = KeyRing::new(vec![key(1), key(2)]);
        for (signer, link_number) in [(1, 0), (2, 7), (2, LINK_NUMBERS - 1)] {
            let id = key(signer).click_id(link_number, NOW);
            assert_eq!(id.len(), 34);
            assert!(id.parse::<refport_core::ClickId>().is_ok(), "{id}");
            let want = Standing {
                link_number,
                clicked_at: NOW,
            };
            assert_eq!(ring.read(&id), Claim::Standing(want));
        }
        assert_eq!(ring.newest().unwrap().number, 2);
    }

    #[test]
    fn two_clicks_of_one_millisecond_differ() {
        assert_ne!(key(1).click_id(7, NOW), key(1).click_id(7, NOW));
    }

    #[test]
    fn other_keys_and_other_forms_are_told_apart() {
        let id = key(1).click_id(7, NOW);
        let foreign = KeyRing::new(vec![SigningKey {
            number: 1,
            secret: [9; 32],
        }]);
        assert_eq!(foreign.read(&id), Claim::Forged);
        assert_eq!(KeyRing::default().read(&id), Claim::UnknownKey);
        let ring = KeyRing::new(vec![key(1)]);
        for other in [
            "",
            "clk_",
            "clk_AbCdEfGhIjKlMnOpQrStUv",
            "c_0123456789",
            "clk_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "clk_00000000000000000000000000000\u{e9}",
        ] {
            assert_eq!(ring.read(other), Claim::Opaque, "{other}");
        }
    }

    proptest! {
        #[test]
        fn an_altered_id_is_never_taken(position in 4_usize..34, letter in "[0-9A-Za-z]") {
            let ring = KeyRing::new(vec![key(1)]);
            let id = key(1).click_id(7, NOW);
            let mut altered = id.clone();
            altered.replace_range(position..=position, &letter);
            let taken = matches!(ring.read(&altered), Claim::Standing(_));
            prop_assert_eq!(taken, altered == id);
        }
    }
}
