use std::str::FromStr;

use super::Consent;

/// What a visitor agreed to, as a TC string of IAB Europe's Transparency and Consent Framework
/// says it.
///
/// Only the purposes are read. Source: "Consent string and vendor list formats v2" of IAB Tech Lab,
/// the core string: fields of fixed widths, most significant bit first, in base64url. Version 2
/// has the 24 purposes from bit 152 on. Where the string stands is left to each site's consent
/// platform, most often in the cookie `euconsent-v2`.
///
/// ```
/// use refport_core::consent::{Consent, TcString};
///
/// // A string in which all purposes are agreed to.
/// let tc: TcString = "CAAAAAAAAAAAAAAAAAAAAAAAAP___w".parse()?;
/// // Purpose 1 is "store and/or access information on a device".
/// assert_eq!(tc.purpose(1), Consent::Granted);
/// # Ok::<(), refport_core::consent::ParseTcStringError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcString {
    /// Purpose 1 is the highest of 24 bits.
    purposes: u32,
}

impl TcString {
    const VERSION_BITS: usize = 6;
    const PURPOSES_FROM: usize = 152;
    const PURPOSES: usize = 24;

    /// Whether the visitor agreed to a purpose, which are counted from 1 to 24. `Unknown` for
    /// another number.
    #[must_use]
    pub fn purpose(self, number: usize) -> Consent {
        if (1..=Self::PURPOSES).contains(&number) {
            Consent::from_answer(self.purposes >> (Self::PURPOSES - number) & 1 == 1)
        } else {
            Consent::Unknown
        }
    }
}

impl FromStr for TcString {
    type Err = ParseTcStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let core = text.split('.').next().unwrap_or_default();
        let version = bits(core, 0, Self::VERSION_BITS)?;
        if version != 2 {
            return Err(ParseTcStringError(Problem::Version(version)));
        }
        let purposes = bits(core, Self::PURPOSES_FROM, Self::PURPOSES)?;
        Ok(Self { purposes })
    }
}

/// `count` bits from `start` on, of which each character carries six.
fn bits(core: &str, start: usize, count: usize) -> Result<u32, ParseTcStringError> {
    (start..start + count).try_fold(0, |number, bit| {
        let character = *core
            .as_bytes()
            .get(bit / 6)
            .ok_or(ParseTcStringError(Problem::Short))?;
        let sextet = sextet(character).ok_or(ParseTcStringError(Problem::Forbidden(bit / 6)))?;
        Ok(number << 1 | u32::from(sextet >> (5 - bit % 6) & 1))
    })
}

/// The six bits of a character of base64url (RFC 4648, section 5).
const fn sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// Text that is no TC string of version 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ParseTcStringError(Problem);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("TC string has version {0}, where 2 is known")]
    Version(u32),
    #[error("TC string ends before the purposes: the core string has at least 30 characters")]
    Short,
    #[error("TC string has a character at position {0} that base64url does not have")]
    Forbidden(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A core string with these purposes, by the specification's list of fields.
    fn written(version: u64, purposes: &[usize]) -> String {
        let fields = [
            (version, 6),
            (17_000_000_000, 36), // created
            (17_000_000_001, 36), // last updated
            (300, 12),            // consent platform
            (7, 12),              // its version
            (1, 6),               // screen
            (3, 12),              // language, two letters
            (250, 12),            // version of the vendor list
            (4, 6),               // version of the policy
            (1, 1),               // specific to this service
            (0, 1),               // texts of its own
            (0, 12),              // special features
        ];
        let mut bits: Vec<bool> = Vec::new();
        for (value, width) in fields {
            bits.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
        }
        assert_eq!(bits.len(), TcString::PURPOSES_FROM);
        bits.extend((1..=24).map(|purpose| purposes.contains(&purpose)));
        bits.resize(bits.len().next_multiple_of(6), false);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        bits.chunks(6)
            .map(|six| {
                six.iter()
                    .fold(0, |number, bit| number << 1 | usize::from(*bit))
            })
            .map(|number| char::from(alphabet[number]))
            .collect()
    }

    #[test]
    fn purposes_are_read_where_the_specification_has_them() {
        for purposes in [&[][..], &[1], &[1, 7, 24], &[2, 3, 4]] {
            let text = written(2, purposes);
            for text in [text.clone(), format!("{text}.YAAAAAAAAAAA")] {
                let tc: TcString = text.parse().unwrap();
                for purpose in 1..=24 {
                    let want = Consent::from_answer(purposes.contains(&purpose));
                    assert_eq!(tc.purpose(purpose), want, "{purpose} of {purposes:?}");
                }
                assert_eq!(tc.purpose(0), Consent::Unknown);
                assert_eq!(tc.purpose(25), Consent::Unknown);
            }
        }
    }

    #[test]
    fn what_is_no_string_of_version_2_says_why() {
        let why = |text: &str| text.parse::<TcString>().unwrap_err().to_string();
        assert!(why(&written(1, &[1])).contains("version 1"));
        assert!(why("").contains("ends before"));
        assert!(why("CAAA").contains("ends before"));
        let odd = written(2, &[1]).replace('_', "-");
        let odd = format!("{}!{}", &odd[..26], &odd[27..]);
        assert!(why(&odd).contains("position 26"), "{}", why(&odd));
    }
}
