use refport_core::{ClickId, CookieName};

use super::is_click_id;

/// The reader of `Cookie` headers, one a line of `data`, answers the same as a slow and obvious
/// one, whatever the cookie's name.
pub fn cookie_header(data: &[u8]) {
    let headers = || data.split(|&byte| byte == b'\n');
    for name in [CookieName::REFPORT, CookieName::PARTLI] {
        let fast = ClickId::from_cookie_headers_named(&name, headers()).map(String::from);
        let slow = headers().find_map(|header| slow(name.as_str(), header));
        assert_eq!(fast, slow, "{name}");
    }
    let first = headers().next().expect("a split has a first part");
    assert_eq!(
        ClickId::from_cookie_header(first).map(String::from),
        slow("refp_id", first)
    );
}

/// The reader's rules, spelled out slowly.
fn slow(name: &str, header: &[u8]) -> Option<String> {
    header
        .split(|&byte| byte == b';')
        .filter_map(|pair| {
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            let (found, value) = (trim(&pair[..equals]), trim(&pair[equals + 1..]));
            (found == name.as_bytes()).then_some(value)
        })
        .map(|value| percent_encoding::percent_decode(unquote(value)).collect::<Vec<u8>>())
        .find(|value| is_click_id(value))
        .map(|value| String::from_utf8(value).expect("a click ID is ASCII"))
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
