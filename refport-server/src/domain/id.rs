//! Identifiers: TypeIDs for what the server keeps, random text for what visitors carry.

use rand::{Rng, distr::Alphanumeric};
use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

/// What an ID is of: the prefix before its `_`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prefix {
    Workspace,
    Program,
    Group,
    Reward,
    Partner,
    Enrollment,
    Link,
    Customer,
    Lead,
    Sale,
    Commission,
    OutgoingEvent,
    Refusal,
}

impl Prefix {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "ws",
            Self::Program => "prog",
            Self::Group => "grp",
            Self::Reward => "rwd",
            Self::Partner => "prt",
            Self::Enrollment => "enr",
            Self::Link => "lnk",
            Self::Customer => "cus",
            Self::Lead => "lead",
            Self::Sale => "sale",
            Self::Commission => "com",
            Self::OutgoingEvent => "evt",
            Self::Refusal => "ref",
        }
    }
}

/// A new ID, as in `sale_01h455vb4pex5vsknk084sn02q`. Later ones sort after earlier ones.
pub(crate) fn new(prefix: Prefix) -> String {
    let prefix = DynamicType::new(prefix.as_str()).expect("our prefixes are lower-case letters");
    TypeSafeId::from_type_and_uuid(prefix, Uuid::now_v7()).to_string()
}

/// The UUID inside an ID, which Partli shows instead. Text that is no ID of ours stays as it is.
pub(crate) fn uuid_text(id: &str) -> String {
    id.parse::<TypeSafeId<DynamicType>>()
        .map_or_else(|_| id.to_owned(), |id| id.uuid().to_string())
}

/// `length` random letters and digits, 5.95 bits each.
pub(crate) fn random_text(length: usize) -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(length);
    letters.map(char::from).collect()
}

/// Up to 15 bytes as so many letters and digits, the highest first.
pub(crate) fn base62(bytes: &[u8], letters: usize) -> String {
    let mut number = bytes
        .iter()
        .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let mut text = vec![b'0'; letters];
    for letter in text.iter_mut().rev() {
        *letter = LETTERS[(number % 62) as usize];
        number /= 62;
    }
    text.into_iter().map(char::from).collect()
}

/// The bytes that [`base62`] wrote. `None` for other signs, and for more than fits.
pub(crate) fn from_base62(text: &str, bytes: &mut [u8]) -> Option<()> {
    let mut number = 0_u128;
    for letter in text.bytes() {
        let digit = match letter {
            b'0'..=b'9' => letter - b'0',
            b'A'..=b'Z' => letter - b'A' + 10,
            b'a'..=b'z' => letter - b'a' + 36,
            _ => return None,
        };
        number = number.checked_mul(62)?.checked_add(u128::from(digit))?;
    }
    for byte in bytes.iter_mut().rev() {
        *byte = (number & 0xff) as u8;
        number >>= 8;
    }
    (number == 0).then_some(())
}

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_prefix_and_sort_by_time() {
        let ids: Vec<String> = (0..1000).map(|_| new(Prefix::Sale)).collect();
        assert!(
            ids.iter()
                .all(|id| id.starts_with("sale_") && id.len() == 31)
        );
        assert!(ids.is_sorted());
    }

    #[test]
    fn partli_sees_the_uuid() {
        let text = uuid_text(&new(Prefix::Sale));
        assert_eq!(text.parse::<Uuid>().unwrap().get_version_num(), 7);
    }

    #[test]
    fn base62_is_read_back_in_one_spelling() {
        for bytes in [vec![0; 11], vec![255; 11], (0..11).collect::<Vec<u8>>()] {
            let text = base62(&bytes, 15);
            assert_eq!(text.len(), 15);
            let mut read = vec![0; 11];
            from_base62(&text, &mut read).unwrap();
            assert_eq!(read, bytes);
        }
        let mut read = [0; 11];
        assert_eq!(
            from_base62("zzzzzzzzzzzzzzz", &mut read),
            None,
            "88 bits and a half"
        );
        assert_eq!(from_base62("00000000000000-", &mut read), None);
    }
}
