//! The cookie reader beside a slow and obvious one, on headers that are made to mislead it. `PROPTEST_CASES` sets how many.

use http::{HeaderMap, HeaderValue, header::COOKIE};
use proptest::{prelude::*, sample::select};
use refport_core::{ClickId, CookieName};

use crate::checks;

/// What makes headers that mislead: names and what nearly is one, all that parts and quotes.
const PIECES: &[&str] = &[
    "refp_id",
    "refp_id=",
    "refp_id=clk_1",
    "; refp_id=clk_1",
    ";refp_id =\tclk_2 ;",
    "pref_cid",
    "pref_cid=c_1",
    "xrefp_id=",
    "refp_idx=",
    "refp_id2",
    "Refp_Id=",
    "refp_i",
    "efp_id=",
    "f__",
    "ff__",
    "p_id=",
    "a=",
    "a",
    "re=",
    "re",
    "aaab",
    "aaab=1",
    "aaa",
    "abab",
    "abab=1",
    "ab",
    "__Host-refp_id.of-the-second-shop=1",
    "__Host-refp_id.of-the-second-sho",
    "_",
    "f",
    "=",
    "==",
    ";",
    "; ",
    ";;",
    " ",
    "\t",
    "  \t ",
    "\"",
    "\"clk_3\"",
    "%41",
    "%",
    "%3B",
    "%ff",
    "%22",
    ",",
    "\\",
    "clk_1",
    "\n",
    "\r",
    "\u{a0}",
    "ü",
];

/// So many bytes of no meaning that what follows stands on either side of a boundary.
fn filling() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        0..8_usize,
        (select(&[16_usize, 32, 64, 96, 128, 256]), 0..12_usize)
            .prop_map(|(boundary, around)| boundary + around - 6),
    ];
    (length, select(&[b'x', b' ', b'=', b';', b'_', b'p', 0xff]))
        .prop_map(|(length, byte)| vec![byte; length])
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        16 => select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        3 => filling(),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn headers_are_read_as_by_the_slow_version(header in header()) {
        checks::cookie_header(&header);
    }
}

/// The cookie at every place of a header, whatever stands around it: no length, no block of bytes
/// and no end of a block hides it.
#[test]
fn it_is_found_at_every_place() {
    for before in 0..140 {
        for after in [0, 1, 5, 16, 31, 32, 33, 64, 100] {
            for cookie in [
                "refp_id=clk_1",
                "refp_id \t= \"clk%5F1\"",
                "refp_id; refp_id=clk_1",
            ] {
                let (before, after) = ("b".repeat(before), "a".repeat(after));
                let header = format!("{before};{cookie};{after}");
                let found = ClickId::from_cookie_header(&header);
                assert_eq!(found.unwrap(), "clk_1", "{header}");
                checks::cookie_header(header.as_bytes());
                checks::cookie_header(format!("{before}{cookie}{after}").as_bytes());
            }
        }
    }
}

/// Names of any length, up to one that is longer than the header.
#[test]
fn names_of_all_lengths_are_found() {
    for length in (1..80).chain([253, 254, 255, 256, 257, 300, 5000]) {
        for name in [
            "n".repeat(length),
            "refp_id".repeat(length)[..length].to_owned(),
        ] {
            let parsed = CookieName::new(&name).unwrap();
            let found = |header: String| ClickId::from_cookie_header_named(&parsed, header);
            let filling = "f".repeat(70);
            assert_eq!(found(format!("{name}=1")).unwrap(), "1");
            assert_eq!(
                found(format!("{filling}; {name} =1; {filling}")).unwrap(),
                "1"
            );
            assert_eq!(
                found(format!("x{name}=1; {name}x=2; {filling}={name}=3")),
                None
            );
            assert_eq!(found(filling), None);
        }
    }
}

/// Headers of 8 and 100 KB, made of what nearly is the cookie.
#[test]
fn a_long_header_of_near_misses_hides_nothing() {
    let near_misses = [
        "refp_id",
        "refp_id;",
        "refp_id=;",
        "xrefp_id=1; ",
        "refp_id2=1; ",
        "a=refp_id=1; ",
        "refp_id=a b; ",
        "refp_id \t ; ",
        "ff__",
        ";",
        " ",
        "=",
        "refp_id=\";",
        "refp_id=%;%",
        "refp_id=%22;",
        "\u{fc};",
        "re",
    ];
    for near_miss in near_misses {
        for bytes in [8_000, 100_000] {
            let header = near_miss.repeat(bytes / near_miss.len());
            let found = |header: &str| ClickId::from_cookie_header(header).map(String::from);
            // The one that ends in a stray escape is valid.
            let want = (near_miss == "refp_id=%;%").then(|| "%".to_owned());
            assert_eq!(found(&header), want, "{near_miss}");
            let last = want.unwrap_or_else(|| "clk_1".to_owned());
            assert_eq!(
                found(&format!("{header};refp_id=clk_1")),
                Some(last),
                "{near_miss}"
            );
            checks::cookie_header(header.as_bytes());
        }
    }
}

/// As HTTP/2 may bring them: a field for each cookie.
#[test]
fn twenty_crumbs_are_read_in_their_order() {
    let mut headers = HeaderMap::new();
    for number in 0..20 {
        let crumb = match number {
            4 => "refp_id=".to_owned(),
            7 => "refp_id=a b".to_owned(),
            13 => format!("refp_id=clk_1; {}=1", "x".repeat(80)),
            17 => "refp_id=clk_2".to_owned(),
            _ => format!("cookie_{number}={}", "v".repeat(number * 7)),
        };
        headers.append(COOKIE, HeaderValue::try_from(crumb).unwrap());
    }
    assert_eq!(ClickId::from_headers(&headers).unwrap(), "clk_1");
    assert_eq!(
        ClickId::from_headers_named(&CookieName::PARTLI, &headers),
        None
    );
    headers.append(
        COOKIE,
        HeaderValue::from_bytes(b"\xff; pref_cid=c_1; \xfe").unwrap(),
    );
    let partli = ClickId::from_headers_named(&CookieName::PARTLI, &headers);
    assert_eq!(partli.unwrap(), "c_1");
}
