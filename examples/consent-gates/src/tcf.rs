use refport_core::consent::Consent;

/// The cookie in which most consent platforms keep a TC string. Each is free to choose another.
pub const TCF_COOKIE: &str = "euconsent-v2";

const PURPOSES: usize = 24;
/// Where the core string has the purposes of the vendors on IAB Europe's list.
const CORE_PURPOSES: usize = 152;
const CORE_VERSION_BITS: usize = 6;
const SEGMENT_TYPE_BITS: usize = 3;
const PUBLISHER_SEGMENT: u32 = 3;

/// Whether the visitor agreed to a purpose, from 1 ("store and/or access information on a device")
/// to 24, as a TC string of IAB Europe's Transparency and Consent Framework says it.
///
/// Source: "Consent string and vendor list formats v2" of IAB Tech Lab. A site that sets a cookie
/// for itself is the publisher, and what it was granted stands in the segment "Publisher purposes":
/// that one counts where the string has it. Else the purposes of the core string do, which were
/// granted to the vendors: the best there is to read, and weaker. Neither legitimate interests nor
/// the treatment of purpose 1 in the publisher's country are read.
#[must_use]
pub fn tcf(value: &str, purpose: usize) -> Consent {
    read(value, purpose).map_or(Consent::Unknown, Consent::from_answer)
}

fn read(value: &str, purpose: usize) -> Option<bool> {
    let at = (1..=PURPOSES).contains(&purpose).then(|| purpose - 1)?;
    let mut segments = value.split('.');
    let core = segments.next()?;
    if bits(core, 0, CORE_VERSION_BITS)? != 2 {
        return None;
    }
    let is_publishers =
        |segment: &&str| bits(segment, 0, SEGMENT_TYPE_BITS) == Some(PUBLISHER_SEGMENT);
    let answer = match segments.find(is_publishers) {
        Some(publishers) => bits(publishers, SEGMENT_TYPE_BITS + at, 1)?,
        None => bits(core, CORE_PURPOSES + at, 1)?,
    };
    Some(answer == 1)
}

/// `count` bits from `start` on, of which each character of base64url carries six. `None` where the
/// text ends before, or has another character.
fn bits(text: &str, start: usize, count: usize) -> Option<u32> {
    (start..start + count).try_fold(0, |number, bit| {
        let sextet = sextet(*text.as_bytes().get(bit / 6)?)?;
        Some(number << 1 | u32::from(sextet >> (5 - bit % 6) & 1))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields of so many bits, one after another, in base64url.
    fn written(fields: &[(u64, usize)]) -> String {
        let mut bits: Vec<bool> = Vec::new();
        for (value, width) in fields {
            bits.extend((0..*width).rev().map(|bit| value >> bit & 1 == 1));
        }
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

    fn purposes(agreed: &[usize]) -> (u64, usize) {
        let bits = agreed.iter().map(|it| 1 << (PURPOSES - it));
        (bits.sum(), PURPOSES)
    }

    /// A core string by the specification's list of fields.
    fn core(version: u64, agreed: &[usize]) -> String {
        let before = [
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
        assert_eq!(
            before.iter().map(|it| it.1).sum::<usize>(),
            CORE_PURPOSES,
            "as the specification has it"
        );
        written(&[&before[..], &[purposes(agreed)]].concat())
    }

    /// The publisher's segment: its type, purposes agreed to, those of legitimate interest, and no
    /// custom ones.
    fn publishers(agreed: &[usize]) -> String {
        written(&[(3, 3), purposes(agreed), purposes(&[]), (0, 6)])
    }

    fn agreed(value: &str) -> Vec<usize> {
        (1..=PURPOSES)
            .filter(|purpose| tcf(value, *purpose) == Consent::Granted)
            .collect()
    }

    #[test]
    fn purposes_are_read_where_the_specification_has_them() {
        for purposes in [&[][..], &[1], &[1, 7, 24], &[2, 3, 4]] {
            let core = core(2, purposes);
            assert_eq!(agreed(&core), purposes);
            // Type 1: vendors that were disclosed.
            assert_eq!(agreed(&format!("{core}.IAAAAAAAAAAA")), purposes);
        }
        let none = core(2, &[]);
        assert_eq!(tcf(&none, 1), Consent::Denied);
        assert_eq!(tcf(&none, 0), Consent::Unknown);
        assert_eq!(tcf(&none, 25), Consent::Unknown);
    }

    #[test]
    fn the_publishers_own_purposes_count_before_the_vendors() {
        for (vendors, publisher) in [(&[1, 2][..], &[][..]), (&[], &[1]), (&[1], &[2, 24])] {
            let (core, own) = (core(2, vendors), publishers(publisher));
            assert_eq!(agreed(&format!("{core}.{own}")), publisher);
            assert_eq!(agreed(&format!("{core}.IAAAAAAAAAAA.{own}")), publisher);
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        let good = core(2, &[1]);
        let odd = format!("{}!{}", &good[..25], &good[26..]);
        for value in ["", "CAAA", ".", &core(1, &[1]), &odd] {
            assert_eq!(tcf(value, 1), Consent::Unknown, "{value}");
        }
        let short = format!("{}.Y", core(2, &[1, 24]));
        assert_eq!(tcf(&short, 24), Consent::Unknown, "its own segment ends");
    }
}
