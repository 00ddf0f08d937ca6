use std::{cell::RefCell, sync::LazyLock};

use refport_core::{ClickId, CookieName};

use super::{is_click_id, scan::Scanner};

/// The names that are looked for: the services', one byte, names that overlap themselves, and one
/// that is longer than most headers.
const NAMES: [&str; 8] = [
    "refp_id",
    "pref_cid",
    "a",
    "re",
    "aaab",
    "abab",
    "__Host-refp_id.of-the-second-shop",
    "refp_id_refp_id_refp_id_refp_id_refp_id_refp_id_refp_id_refp_id_refp_id_refp_id_refp_id",
];

/// A name with what looks for it.
struct Name {
    cookie: CookieName,
    scanner: Scanner,
}

static PREPARED: LazyLock<[Name; 8]> = LazyLock::new(|| {
    NAMES.map(|name| Name {
        cookie: name.parse().expect("a cookie's name"),
        scanner: Scanner::new(name),
    })
});

/// The reader of `Cookie` headers, one a line of `data`, answers the same as a slow and obvious
/// one, whatever the cookie's name.
pub fn cookie_header(data: &[u8]) {
    let headers = || data.split(|&byte| byte == b'\n');
    for name in &*PREPARED {
        for header in headers() {
            let slow: Vec<&[u8]> = values(name.cookie.as_str(), header).collect();
            assert_eq!(scanned(&name.scanner, header), slow, "{}", name.cookie);
        }
        reads(&name.cookie, headers);
    }
    reads(&CookieName::REFPORT, headers);
    reads(&CookieName::PARTLI, headers);
    let first = headers().next().expect("a split has a first part");
    assert_eq!(
        ClickId::from_cookie_header(first).map(String::from),
        first_click_id(&CookieName::REFPORT, [first])
    );
}

/// All values that the scanner offers while none is accepted.
fn scanned(scanner: &Scanner, header: &[u8]) -> Vec<Vec<u8>> {
    let offered = RefCell::new(Vec::new());
    let none: Option<()> = scanner.first(header, |value| {
        offered.borrow_mut().push(value.to_vec());
        None
    });
    assert_eq!(none, None);
    offered.into_inner()
}

fn reads<'a, I>(name: &CookieName, headers: impl Fn() -> I)
where
    I: Iterator<Item = &'a [u8]>,
{
    let fast = ClickId::from_cookie_headers_named(name, headers()).map(String::from);
    assert_eq!(fast, first_click_id(name, headers()), "{name}");
}

/// The reader's rules, spelled out slowly.
fn first_click_id<'a>(
    name: &CookieName,
    headers: impl IntoIterator<Item = &'a [u8]>,
) -> Option<String> {
    headers
        .into_iter()
        .flat_map(|header| values(name.as_str(), header))
        .map(|value| percent_encoding::percent_decode(unquote(value)).collect::<Vec<u8>>())
        .find(|value| is_click_id(value))
        .map(|value| String::from_utf8(value).expect("a click ID is ASCII"))
}

/// Every value of the cookie, as it stands between the blanks.
fn values<'a>(name: &str, header: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    header.split(|&byte| byte == b';').filter_map(move |pair| {
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        let (found, value) = (trim(&pair[..equals]), trim(&pair[equals + 1..]));
        (found == name.as_bytes()).then_some(value)
    })
}

fn unquote(value: &[u8]) -> &[u8] {
    let quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
    if quoted {
        &value[1..value.len() - 1]
    } else {
        value
    }
}

/// Without the blanks at both ends.
fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
