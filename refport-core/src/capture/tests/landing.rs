//! What a request says of itself.

use http::{HeaderMap, HeaderName};

use crate::capture::*;

fn ask(
    headers: &[(&'static str, &'static str)],
    what: fn(&Landing<'_, HeaderMap>) -> bool,
) -> bool {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    what(&Landing::new("GET", "/", None, &headers))
}

#[test]
fn navigation_table() {
    let navigates = |headers: &[_]| ask(headers, |landing| landing.is_page_navigation());
    let html = ("accept", "text/html,application/xhtml+xml");
    assert!(navigates(&[
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("accept", "*/*")
    ]));
    assert!(navigates(&[html]));
    assert!(!navigates(&[
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-dest", "empty"),
        html
    ]));
    assert!(!navigates(&[
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "iframe"),
        html
    ]));
    assert!(!navigates(&[("accept", "application/json")]));
    assert!(!navigates(&[]));
}

#[test]
fn speculation_table() {
    let speculates = |headers: &[_]| ask(headers, |landing| landing.is_speculative());
    for header in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch; anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("x-moz", "Prefetch"),
        ("x-purpose", "preview"),
    ] {
        assert!(speculates(&[header]), "{header:?}");
    }
    assert!(!speculates(&[]));
    assert!(!speculates(&[("sec-purpose", "speedy"), ("purpose", "")]));
}

#[test]
fn only_what_is_a_navigation_to_a_page_is_a_click() {
    let clicks = |mode: Option<&'static str>, dest: Option<&'static str>| {
        let headers = [("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
        let headers: Vec<_> = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        ask(&headers, |landing| landing.is_navigation())
    };
    assert!(clicks(Some("navigate"), Some("document")));
    assert!(clicks(None, None), "an old browser says nothing");
    assert!(clicks(Some("navigate"), None) && clicks(None, Some("document")));
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("no-cors", "style"),
        ("cors", "empty"),
        ("same-origin", "empty"),
        ("navigate", "iframe"),
        ("navigate", "object"),
        ("websocket", "empty"),
    ] {
        assert!(!clicks(Some(mode), Some(dest)), "{mode} {dest}");
    }
    assert!(!clicks(None, Some("image")) && !clicks(Some("cors"), None));
}

#[test]
fn forwarded_table() {
    let https = |forwarded: Option<&'static str>, proto: Option<&'static str>| {
        let headers = [("forwarded", forwarded), ("x-forwarded-proto", proto)];
        let headers: HeaderMap = headers
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), value?.parse().ok()?)))
            .collect();
        Landing::new("GET", "/", None, &headers).forwarded_https()
    };
    for value in ["https", "HTTPS", " https , http"] {
        assert_eq!(https(None, Some(value)), Some(true), "{value}");
    }
    for value in ["http", "http, https", "httpsx"] {
        assert_eq!(https(None, Some(value)), Some(false), "{value}");
    }
    for value in [
        "proto=https",
        "for=192.0.2.60;Proto=\"https\";by=203.0.113.43",
        "for=192.0.2.43; proto=https, for=198.51.100.17;proto=http",
        "for=\"a,b\";proto=https",
        "for=\"a;proto=http\";proto=https",
        "for=\"\\\"a,b\"; proto=https",
    ] {
        assert_eq!(https(Some(value), Some("http")), Some(true), "{value}");
    }
    for value in ["proto=http", "proto=http, for=192.0.2.43;proto=https"] {
        assert_eq!(https(Some(value), Some("https")), Some(false), "{value}");
    }
    for silent in [
        "for=192.0.2.1",
        "",
        "for=192.0.2.43, proto=https",
        "host=proto=https",
        "proto=",
    ] {
        assert_eq!(https(Some(silent), None), None, "{silent}");
        assert_eq!(https(Some(silent), Some("https")), Some(true), "{silent}");
        assert_eq!(https(Some(silent), Some("http")), Some(false), "{silent}");
    }
    assert_eq!(https(None, None), None);
    assert_eq!(https(None, Some("")), None);
}

#[test]
fn same_origin_table() {
    let same = |headers: &[_]| ask(headers, |landing| landing.is_same_origin());
    let host = ("host", "shop.example");
    assert!(same(&[("sec-fetch-site", "same-origin")]));
    assert!(same(&[host, ("origin", "https://shop.example")]));
    assert!(same(&[host, ("origin", "https://SHOP.example")]));
    for site in ["same-site", "cross-site", "none", ""] {
        let said = ("sec-fetch-site", site);
        assert!(
            !same(&[said, host, ("origin", "https://shop.example")]),
            "{site}"
        );
    }
    for origin in [
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://shop.example:8443",
        "null",
        "",
    ] {
        assert!(!same(&[host, ("origin", origin)]), "{origin}");
    }
    assert!(!same(&[host]), "nothing says so");
    assert!(
        !same(&[("origin", "https://shop.example")]),
        "of which host?"
    );
    let headers = HeaderMap::from_iter([(
        http::header::ORIGIN,
        "https://shop.example".parse().unwrap(),
    )]);
    let by_uri = Landing::new("POST", "/", None, &headers).authority(Some("shop.example"));
    assert!(by_uri.is_same_origin(), "HTTP/2 has the host in the URI");
}

#[test]
fn only_the_number_one_is_global_privacy_control() {
    let gpc = |headers: &[_]| ask(headers, |landing| landing.headers.global_privacy_control());
    assert!(gpc(&[("sec-gpc", "1")]));
    assert!(!gpc(&[("sec-gpc", "0")]));
    assert!(!gpc(&[("sec-gpc", "true")]));
    assert!(!gpc(&[]));
}
