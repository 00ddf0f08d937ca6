//! The cookie reader beside `Cookie::split_parse` of the `cookie` crate.
//!
//! They split alike and differ at the edges: the crate wants the whole header in UTF-8, it trims
//! what Unicode calls white space where we trim space and tab, and it leaves escapes to its caller,
//! who decodes them here. Where none of this comes up, they must agree.

use cookie::Cookie;
use percent_encoding::percent_decode_str;
use proptest::{prelude::*, sample::select};
use refport_core::{ClickId, CookieName};

/// What its caller would read: the first valid one, without quotes, decoded.
fn peer(name: &CookieName, header: &str) -> Option<ClickId> {
    Cookie::split_parse(header)
        .flatten()
        .filter(|cookie| cookie.name() == name.as_str())
        .map(|cookie| percent_decode_str(cookie.value_trimmed()).collect::<Vec<u8>>())
        .find_map(|value| ClickId::from_bytes(&value).ok())
}

fn ours(name: &CookieName, header: &str) -> Option<ClickId> {
    ClickId::from_cookie_header_named(name, header)
}

fn header() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(&[
            "refp_id", "refp_id=", "refp_id=clk_1", "; refp_id=clk_2", "pref_cid=c_1", "pref_cid",
            "xrefp_id=1", "refp_id2=1", "refp_i", "f__", "ab=", "ab", "abab=1", ";", "; ", "=",
            " ", "\t", "\"", "\"clk_3\"", "%41", "%3B", "%ff", "%", "clk", "ü",
        ][..]).prop_map(str::to_owned),
        1 => "[x ;=_]{20,70}",
        1 => "[!-~ \t]{0,5}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn headers_without_odd_blanks_are_read_as_by_the_cookie_crate(header in header()) {
        for name in ["refp_id", "pref_cid", "ab", "abab", "a"] {
            let name = name.parse().unwrap();
            prop_assert_eq!(ours(&name, &header), peer(&name, &header));
        }
    }
}

/// Where they differ, and who is right.
#[test]
fn where_they_differ() {
    let differ = |header: &str, want_ours: Option<&str>, want_peer: Option<&str>| {
        let name = CookieName::REFPORT;
        assert_eq!(
            ours(&name, header).as_ref().map(ClickId::as_str),
            want_ours,
            "{header:?}"
        );
        assert_eq!(
            peer(&name, header).as_ref().map(ClickId::as_str),
            want_peer,
            "{header:?}"
        );
    };
    // RFC 9110 knows space and tab as blanks. What else Unicode has is part of a value, and makes
    // it none of a click ID.
    for blank in [
        "\u{b}", "\u{c}", "\r", "\n", "\u{85}", "\u{a0}", "\u{2003}", "\u{3000}",
    ] {
        differ(&format!("refp_id={blank}clk_1"), None, Some("clk_1"));
        differ(&format!("refp_id=clk_1{blank}; a=1"), None, Some("clk_1"));
        differ(&format!("{blank}refp_id=clk_1"), None, Some("clk_1"));
        differ(&format!("refp_id{blank}=clk_1"), None, Some("clk_1"));
    }
    // Header values may hold bytes that are no UTF-8, and one cookie's must not hide another.
    let header = b"name=J\xf6rg; refp_id=clk_1".as_slice();
    assert!(str::from_utf8(header).is_err(), "the crate takes text only");
    assert_eq!(ClickId::from_cookie_header(header).unwrap(), "clk_1");
}
