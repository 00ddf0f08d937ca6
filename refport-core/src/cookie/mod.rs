//! Reading one cookie out of a `Cookie` header's bytes.
//!
//! Ours and not a cookie jar, because a jar builds a map of all cookies for one look-up, and most
//! jars lose every cookie to one malformed neighbour.

mod name;
mod scan;
mod value;

pub use self::name::{CookieName, ParseCookieNameError};

use crate::ClickId;

/// The first valid click ID under `name` in one header's value.
pub(crate) fn find_click_id(name: &CookieName, header: &[u8]) -> Option<ClickId> {
    name.scanner().first(header, value::click_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: impl AsRef<[u8]>) -> Option<String> {
        ClickId::from_cookie_header(header).map(String::from)
    }

    #[test]
    fn cookie_reader_table() {
        let cases: &[(&str, &[u8], Option<&str>)] = &[
            ("no header text", b"", None),
            ("only it", b"refp_id=clk_1", Some("clk_1")),
            ("among others", b"a=1; refp_id=clk_1; b=2", Some("clk_1")),
            (
                "no blank after the semicolon",
                b"a=1;refp_id=clk_1;b=2",
                Some("clk_1"),
            ),
            (
                "last, with a trailing semicolon",
                b"a=1; refp_id=clk_1;",
                Some("clk_1"),
            ),
            (
                "blanks around the value",
                b"refp_id=  clk_1 \t; b=2",
                Some("clk_1"),
            ),
            (
                "blanks before the name",
                b" \t refp_id=clk_1",
                Some("clk_1"),
            ),
            (
                "blanks before the equals sign",
                b"refp_id \t=clk_1",
                Some("clk_1"),
            ),
            (
                "equals signs inside the value",
                b"refp_id=a=b==",
                Some("a=b=="),
            ),
            ("quoted", b"refp_id=\"clk_1\"", Some("clk_1")),
            ("one quote only is malformed", b"refp_id=\"clk_1", None),
            ("a lone quote is malformed", b"refp_id=\"", None),
            (
                "only one pair of quotes comes off",
                b"refp_id=\"\"clk_1\"\"",
                None,
            ),
            ("quoted and empty", b"refp_id=\"\"", None),
            ("percent-encoded", b"refp_id=clk%5F1", Some("clk_1")),
            (
                "a stray percent sign stays",
                b"refp_id=50%_off",
                Some("50%_off"),
            ),
            ("decoded to a forbidden byte", b"refp_id=a%3Bb", None),
            ("decoded to bytes that are not UTF-8", b"refp_id=a%ff", None),
            ("empty", b"refp_id=", None),
            ("blank", b"refp_id=   ", None),
            ("no equals sign", b"refp_id", None),
            (
                "no equals sign, then a good one",
                b"refp_id; refp_id=clk_1",
                Some("clk_1"),
            ),
            ("the first of two", b"refp_id=one; refp_id=two", Some("one")),
            (
                "an empty one is passed over",
                b"refp_id=; refp_id=two",
                Some("two"),
            ),
            (
                "a malformed one is passed over",
                b"refp_id=a b; refp_id=two",
                Some("two"),
            ),
            ("case counts", b"REFP_ID=one; Refp_Id=two", None),
            (
                "a longer name is another cookie",
                b"refp_id2=x; xrefp_id=y; refp_id.a=z",
                None,
            ),
            ("the name inside another's value", b"a=refp_id=clk_1", None),
            (
                "neighbours without sense",
                b"=; ;;==; \xff\xfe=\x80; refp_id=clk_1; \"",
                Some("clk_1"),
            ),
            (
                "bytes that are not UTF-8 in the value",
                b"refp_id=a\xffb",
                None,
            ),
        ];
        for (what, header, want) in cases {
            assert_eq!(find(header).as_deref(), *want, "{what}");
        }
    }

    #[test]
    fn too_long_is_no_click_id() {
        assert_eq!(
            find(format!("refp_id={}", "x".repeat(128))).unwrap().len(),
            128
        );
        assert_eq!(find(format!("refp_id={}", "x".repeat(129))), None);
    }

    #[test]
    fn the_first_valid_value_wins_across_headers() {
        let found = |headers: &[&str]| ClickId::from_cookie_headers(headers).map(String::from);
        assert_eq!(found(&[]), None);
        assert_eq!(found(&["a=1", "refp_id=two"]).as_deref(), Some("two"));
        assert_eq!(
            found(&["refp_id=", "refp_id=a b", "refp_id=three", "refp_id=four"]).as_deref(),
            Some("three")
        );
    }

    #[test]
    fn another_name_reads_another_cookie() {
        let header = "refp_id=one; pref_cid=two; acme=three";
        let found = |name| ClickId::from_cookie_header_named(&name, header).map(String::from);
        assert_eq!(found(CookieName::REFPORT).as_deref(), Some("one"));
        assert_eq!(found(CookieName::PARTLI).as_deref(), Some("two"));
        assert_eq!(
            found(CookieName::new("acme").unwrap()).as_deref(),
            Some("three")
        );
        assert_eq!(found(CookieName::new("absent").unwrap()), None);
    }
}
