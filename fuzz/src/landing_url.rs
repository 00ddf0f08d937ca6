use http::{HeaderMap, HeaderName, HeaderValue, header::COOKIE};
use refport_core::{
    ClickId,
    capture::{Capture, Captured, Landing},
};

use super::is_click_id;

/// What follows name and value in the cookie of the default rules, without and with https.
const ATTRIBUTES: [&str; 2] = [
    "; SameSite=Lax; Path=/; Max-Age=7776000",
    "; SameSite=Lax; Secure; Path=/; Max-Age=7776000",
];

/// One visit as it comes over HTTP.
struct Visit<'a> {
    path: &'a str,
    query: Option<&'a str>,
    headers: HeaderMap,
}

impl<'a> Visit<'a> {
    /// A browser's navigation.
    fn new(url: &'a str, cookies: HeaderValue) -> Self {
        let mut parts = url.splitn(2, '?');
        let navigation = [
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            // Where the connection says whether the cookie is `Secure`.
            ("host", "localhost"),
        ];
        let headers = navigation
            .map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .into_iter()
            .chain([(COOKIE, cookies)]);
        Self {
            path: parts.next().unwrap_or_default(),
            query: parts.next(),
            headers: headers.collect(),
        }
    }

    /// The query's parts between the ampersands.
    fn pairs(&self) -> Vec<&'a str> {
        self.query
            .map_or(Vec::new(), |query| query.split('&').collect())
    }
}

/// The capture rules on a visit: path and query in the first line of `data`, a `Cookie` header
/// in the second.
///
/// The click is the one that a slow reader finds, the cookie written is one clean line and reads
/// back as the same ID, and the redirect stays on this host, keeps every other parameter byte for
/// byte where none is damaged, and leads to no second one.
pub fn landing_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (url, cookies) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(cookies) = HeaderValue::from_str(cookies) else {
        return;
    };
    if !comes_over_http(url) {
        return;
    }
    let visit = Visit::new(url, cookies);
    for https in [false, true] {
        last_click_wins(&visit, https);
    }
    first_click_wins(&visit);
    clean_url(&visit);
}

/// Whether a server could have read `url` from a request: no blanks, no control characters.
fn comes_over_http(url: &str) -> bool {
    url.bytes().all(|byte| byte > b' ' && byte != 0x7f)
}

fn last_click_wins(visit: &Visit<'_>, https: bool) {
    let captured = decide(&Capture::new(), visit, https);
    let want = visit.query.and_then(slow_click_id);
    assert_eq!(
        captured.as_ref().and_then(Captured::click_id),
        want.as_ref()
    );
    let (Some(captured), Some(id)) = (captured, want) else {
        return;
    };
    let [expired @ .., cookie] = captured.set_cookies() else {
        panic!("a new click is written: {captured:?}");
    };
    let known = !cookie_is_missing(visit);
    assert!(expired.is_empty() || known, "nothing stands beside it");
    for cookie in expired {
        assert!(cookie.starts_with("refp_id=; ") && cookie.ends_with("; Max-Age=0"));
        assert!(cookie.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    assert!(cookie.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    let (pair, attributes) = cookie.split_at(cookie.find(';').expect("has attributes"));
    assert_eq!(attributes, ATTRIBUTES[usize::from(https)]);
    assert_eq!(ClickId::from_cookie_header(pair), Some(id));
    assert_eq!(captured.redirect(), None, "only where it is asked for");
}

/// Whether the request has no cookie of the name, of whatever value.
fn cookie_is_missing(visit: &Visit<'_>) -> bool {
    let headers = visit.headers.get_all(COOKIE).iter();
    let mut pairs = headers.flat_map(|header| header.as_bytes().split(|&byte| byte == b';'));
    !pairs.any(|pair| {
        let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
        name.trim_ascii() == b"refp_id"
    })
}

fn first_click_wins(visit: &Visit<'_>) {
    let known = ClickId::from_cookie_headers(visit.headers.get_all(COOKIE)).is_some();
    if let Some(captured) = decide(&Capture::new().first_click_wins(true), visit, false) {
        assert!(!known, "what is there stays");
        assert!(captured.click_id().is_some() && !captured.set_cookies().is_empty());
    }
}

fn clean_url(visit: &Visit<'_>) {
    let rules = Capture::new().clean_url(true);
    let Some(captured) = decide(&rules, visit, false) else {
        return;
    };
    let Some(redirect) = captured.redirect() else {
        assert!(!stays_here(visit.path), "a safe URL is cleaned");
        return;
    };
    assert!(stays_here(redirect));
    let next = Visit::new(redirect, HeaderValue::from_static(""));
    let mut rest = visit.pairs();
    assert_eq!(next.path, visit.path);
    if rest.iter().all(|pair| !pair.contains(['?', ';'])) {
        rest.retain(|pair| !is_ours(pair));
        assert_eq!(next.pairs(), rest);
    }
    assert!(decide(&rules, &next, false).is_none(), "and only once");
}

fn decide(rules: &Capture, visit: &Visit<'_>, https: bool) -> Option<Captured> {
    let landing = Landing::new("GET", visit.path, visit.query, &visit.headers);
    rules.decide(&landing.https(https))
}

/// Whether a browser that is sent to `url` stays on this host: it begins with one slash, and
/// browsers take a backslash for one.
fn stays_here(url: &str) -> bool {
    let slashes = url.bytes().take_while(|byte| b"/\\".contains(byte)).count();
    url.starts_with('/') && slashes == 1
}

/// The click ID in a query, spelled out slowly: by the parameter, or else by a damaged one.
fn slow_click_id(query: &str) -> Option<ClickId> {
    let plain = query.split('&').filter(|pair| name(pair) == "refp_id");
    let damaged = query.split(['&', '?', ';']).filter(|part| is_ours(part));
    plain.chain(damaged).find_map(slow_value)
}

/// The ID that a pair's value begins with.
fn slow_value(pair: &str) -> Option<ClickId> {
    let value = form_decode(pair.split_once('=').map_or("", |(_, value)| value));
    let may_stay = |it: &char| it.is_ascii_alphanumeric() || "*+-.:@_~".contains(*it);
    let mut id: String = value.trim().chars().take_while(may_stay).collect();
    while id.ends_with(['.', ':']) {
        id.pop();
    }
    let words = "undefined null nan none true false click_id clickid object";
    let is_word = words.split(' ').any(|word| word == id.to_lowercase());
    (!is_word && is_click_id(id.as_bytes())).then(|| id.parse().expect("checked"))
}

fn name(pair: &str) -> String {
    form_decode(pair.split('=').next().unwrap_or_default())
}

fn is_ours(pair: &str) -> bool {
    ["refp_id", "amp;refp_id", "#038;refp_id"].contains(&&*name(pair))
}

/// `application/x-www-form-urlencoded`: a plus is a blank, then escapes are undone.
fn form_decode(text: &str) -> String {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text);
    decoded.decode_utf8_lossy().into_owned()
}
