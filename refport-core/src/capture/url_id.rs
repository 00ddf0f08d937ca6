//! The click ID on a landing URL, as links in the wild carry it.
//!
//! A cookie is written by a program, and is read as it stands. A URL passes through mail clients,
//! chats and people's hands, and gains a second `?`, an HTML escape, or the end of a sentence.

use std::borrow::Cow;

use crate::ClickId;

/// What may stand between two parameters of a damaged URL: a second `?`, and the end of `&amp;`.
const SEPARATORS: [char; 2] = ['?', ';'];

/// What HTML makes of an ampersand, without the ampersand itself.
const ESCAPES: [&str; 2] = ["amp;", "#038;"];

/// What programs write in place of an ID that they do not have.
const NOTHING: [&str; 9] = [
    "undefined",
    "null",
    "nan",
    "none",
    "true",
    "false",
    "click_id",
    "clickid",
    "object",
];

/// The first ID under `param`. Where there is none, the first one under a damaged `param`.
///
/// With a `prefix`, an ID is that and one or more letters and digits.
pub(super) fn find(query: &str, param: &str, prefix: Option<&str>) -> Option<ClickId> {
    let read = |value: &str| {
        let id = cut(value);
        let fits = prefix.is_none_or(|prefix| has_prefix(id, prefix));
        fits.then(|| id.parse().ok()).flatten()
    };
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == param)
        .find_map(|(_, value)| read(&value))
        .or_else(|| {
            let mut segments = query.split('&').flat_map(|pair| pair.split(SEPARATORS));
            segments.find_map(|segment| read(&damaged(segment, param)?))
        })
}

/// What is left of one pair of a query without the parameter, damaged or not. `None` where that is
/// nothing.
pub(super) fn without<'a>(pair: &'a str, param: &str) -> Option<Cow<'a, str>> {
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    if pairs.next().is_some_and(|(name, _)| name == param) {
        return None;
    }
    let is_ours = |segment: &str| damaged(segment, param).is_some();
    if !pair.split(SEPARATORS).any(is_ours) {
        return Some(Cow::Borrowed(pair));
    }
    let mut rest = String::new();
    let mut separator = None;
    for segment in pair.split_inclusive(SEPARATORS) {
        let text = segment.trim_end_matches(SEPARATORS);
        if !is_ours(text) {
            rest.extend(separator.filter(|_| !rest.is_empty()));
            rest.push_str(text);
        }
        separator = segment[text.len()..].chars().next();
    }
    let text = form_urlencoded::parse(rest.as_bytes()).next();
    let is_escape =
        text.is_some_and(|(text, _)| ESCAPES.iter().any(|it| it.trim_end_matches(';') == text));
    (!rest.is_empty() && !is_escape).then_some(Cow::Owned(rest))
}

/// The value, if the segment is the parameter, be it behind the rest of an HTML escape.
fn damaged<'a>(segment: &'a str, param: &str) -> Option<Cow<'a, str>> {
    let (name, value) = form_urlencoded::parse(segment.as_bytes()).next()?;
    let bare = ESCAPES.iter().find_map(|it| name.strip_prefix(it));
    (bare.unwrap_or(&name) == param).then_some(value)
}

/// The ID that a value begins with, which may be none. Cut are blanks, what is in no ID of
/// Refport, Partli or `refport-server` with all that follows it, then dots and colons at the end.
fn cut(value: &str) -> &str {
    let value = value.trim();
    let end = value.find(|character| !is_in_ids(character));
    let id = value[..end.unwrap_or(value.len())].trim_end_matches(['.', ':']);
    let is_nothing = NOTHING.iter().any(|word| word.eq_ignore_ascii_case(id));
    if is_nothing { "" } else { id }
}

/// Not what parts the pieces of a URL, nor what brackets or ends text.
fn is_in_ids(character: char) -> bool {
    character.is_ascii_alphanumeric() || "*+-.:@_~".contains(character)
}

fn has_prefix(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether an ID on a URL can begin with `prefix` and go on.
pub(super) fn is_prefix(prefix: &str) -> bool {
    prefix.len() < ClickId::MAX_LEN && prefix.chars().all(is_in_ids)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(query: &str) -> Option<String> {
        find(query, "refp_id", None).map(String::from)
    }

    #[test]
    fn what_cannot_be_part_of_an_id_is_cut() {
        let cases = [
            // A second question mark, and other joints of URLs.
            ("clk_1?utm_source=fb", "clk_1"),
            ("clk_1%3Futm_source%3Dfb", "clk_1"),
            ("clk_1?fbclid=1", "clk_1"),
            ("clk_1%26amp;a=1", "clk_1"),
            ("clk_1%23top", "clk_1"),
            ("clk_1/", "clk_1"),
            ("clk_1=", "clk_1"),
            ("clk_1%", "clk_1"),
            ("clk_1|x", "clk_1"),
            ("clk_1%5Cx", "clk_1"),
            ("clk_1^`", "clk_1"),
            ("clk_1$x", "clk_1"),
            // Rests of sentences.
            ("clk_1.", "clk_1"),
            ("clk_1...", "clk_1"),
            ("clk_1:", "clk_1"),
            ("clk_1,", "clk_1"),
            ("clk_1;", "clk_1"),
            ("clk_1!", "clk_1"),
            ("clk_1).", "clk_1"),
            ("clk_1.)", "clk_1"),
            ("clk_1]", "clk_1"),
            ("clk_1%22", "clk_1"),
            ("clk_1'", "clk_1"),
            ("clk_1%3E", "clk_1"),
            ("clk_1}", "clk_1"),
            ("clk_1\u{201d}", "clk_1"),
            ("clk_1\u{3002}", "clk_1"),
            ("clk_1+and+more", "clk_1"),
            // Blanks.
            ("clk_1+", "clk_1"),
            ("%20clk_1%20", "clk_1"),
            ("clk_1%0A", "clk_1"),
            ("clk_1%09%0D%0ASet-Cookie:x", "clk_1"),
            // IDs are left as they are.
            ("clk_8f14e45fceea167a", "clk_8f14e45fceea167a"),
            ("c_Ab3-~*@.x:1", "c_Ab3-~*@.x:1"),
            ("undefined_1", "undefined_1"),
            (
                "6d1f2a9e-3f0b-4a52-9a39-b0c3a1f0a3d1",
                "6d1f2a9e-3f0b-4a52-9a39-b0c3a1f0a3d1",
            ),
        ];
        for (value, want) in cases {
            let query = format!("refp_id={value}");
            assert_eq!(found(&query).as_deref(), Some(want), "{query}");
        }
    }

    #[test]
    fn a_template_that_was_not_filled_in_is_no_click() {
        for value in [
            "{{click_id}}",
            "%7B%7Bclick_id%7D%7D",
            "{click_id}",
            "[click_id]",
            "[object+Object]",
            "<click_id>",
            "%3Cclick_id%3E",
            "%CLICKID%",
            "%25CLICKID%25",
            "$clickid",
            "${clickId}",
            "undefined",
            "Undefined.",
            "null",
            "NULL",
            "NaN",
            "None",
            "true",
            "False",
            "click_id",
            "clickId",
            "object",
            "object+Object",
            "",
            "+",
            "%20%20",
            ".",
            "...",
            "?a=1",
        ] {
            assert_eq!(found(&format!("refp_id={value}")), None, "{value}");
            let second = format!("refp_id={value}&refp_id=clk_2");
            assert_eq!(found(&second).as_deref(), Some("clk_2"), "{second}");
        }
    }

    #[test]
    fn a_damaged_parameter_counts_where_the_plain_one_has_no_id() {
        let cases = [
            ("utm_source=m?refp_id=clk_1", Some("clk_1")),
            ("utm_source=m?refp_id=clk_1?x=2", Some("clk_1")),
            ("?refp_id=clk_1", Some("clk_1")),
            ("plan?refp_id=clk_1&x=2", Some("clk_1")),
            ("a=1&amp;refp_id=clk_1", Some("clk_1")),
            ("a=1&amp;refp_id=clk_1&amp;b=2", Some("clk_1")),
            ("a=1&amp%3Brefp_id=clk_1", Some("clk_1")),
            ("a=1&%61mp%3brefp%5Fid=clk_1", Some("clk_1")),
            ("a=1&#038;refp_id=clk_1", Some("clk_1")),
            ("a=1&%23038;refp_id=clk_1", Some("clk_1")),
            ("a=1&%23038%3Brefp_id=clk_1", Some("clk_1")),
            ("refp_id=undefined&amp;refp_id=clk_1", Some("clk_1")),
            ("amp;refp_id=clk_2&refp_id=clk_1", Some("clk_1")),
            ("a=m?refp_id=clk_2&refp_id=clk_1", Some("clk_1")),
            // Somebody's address inside of another one, escaped on purpose, is not ours to read.
            ("next=%2Fpricing%3Frefp_id%3Dclk_1", None),
            ("a=refp_id=clk_1", None),
            ("amp;xrefp_id=clk_1", None),
            ("lt;refp%5Fi=clk_1", None),
        ];
        for (query, want) in cases {
            assert_eq!(found(query).as_deref(), want, "{query}");
        }
    }

    #[test]
    fn what_is_left_has_no_click() {
        let cases = [
            ("a=1", Some("a=1")),
            ("", Some("")),
            ("a=1;b=2?c", Some("a=1;b=2?c")),
            ("refp_id=clk_1?utm_source=fb", None),
            ("?refp_id=clk_1", None),
            ("amp;refp_id=clk_1", None),
            ("amp%3Brefp_id=clk_1", None),
            ("#038;refp_id=clk_1", None),
            ("utm_source=m?refp_id=clk_1", Some("utm_source=m")),
            ("a=m?refp_id=clk_1;b=2", Some("a=m;b=2")),
            ("a?refp_id=1?refp_id=2;", Some("a")),
        ];
        for (pair, want) in cases {
            assert_eq!(without(pair, "refp_id").as_deref(), want, "{pair}");
        }
    }

    #[test]
    fn a_prefix_lets_letters_and_digits_follow() {
        let found = |value: &str| {
            let query = format!("refp_id={value}");
            find(&query, "refp_id", Some("clk_")).map(String::from)
        };
        for value in ["clk_1", "clk_Ab9", "clk_1?x=2", "clk_1."] {
            assert!(found(value).is_some(), "{value}");
        }
        for value in [
            "clk_", "clk", "c_1", "Clk_1", "xclk_1", "clk_a-b", "clk_a_b",
        ] {
            assert_eq!(found(value), None, "{value}");
        }
        assert!(is_prefix("clk_") && is_prefix(""));
        for prefix in ["clk/", "a b", "ä", "{", &"x".repeat(128)] {
            assert!(!is_prefix(prefix), "{prefix}");
        }
    }

    proptest! {
        #[test]
        fn cutting_never_panics_and_is_done_once(value in any::<String>()) {
            let id = cut(&value);
            prop_assert_eq!(cut(id), id);
            prop_assert!(id.is_empty() || id.len() > 128 || id.parse::<ClickId>().is_ok());
        }

        #[test]
        fn an_id_is_whole_whatever_is_appended(
            id in "clk_[A-Za-z0-9]{22}|c_[A-Za-z0-9]{3,24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            joint in r#"[?&#=/{}<>"'()\[\],;!|\\^`%$ \t\r\n]|[.:]{1,3}[ ,)]|"#,
            rest in any::<String>(),
        ) {
            let rest = if joint.is_empty() { "" } else { &rest };
            let value = format!(" {id}{joint}{rest}");
            prop_assert_eq!(cut(&value), &id);
        }

        #[test]
        fn what_is_left_of_a_query_has_none(
            query in "(refp_id|amp;|%3B|#038;|[?;&=x]|clk_1){0,16}",
        ) {
            let rest: Vec<_> = query.split('&').filter_map(|pair| without(pair, "refp_id")).collect();
            prop_assert_eq!(found(&rest.join("&")), None);
        }
    }
}
