//! Where the cookie is `Secure`.

use http::HeaderMap;

use super::{Request, get};
use crate::capture::{Capture, Landing};

#[test]
fn secure_is_the_default_but_on_the_machine_itself() {
    let landing = || get("refp_id=clk_1");
    let secure = |rules: &Capture, request: Request, https| {
        let captured = rules.decide(&request.landing().https(https)).unwrap();
        captured.set_cookies()[0].contains("; Secure")
    };
    let plain = Capture::new();
    assert!(
        secure(&plain, landing(), false),
        "of a host that nobody names"
    );
    for (host, want) in [
        ("shop.example", true),
        ("10.0.0.1:8080", true),
        ("localhost:3000", false),
        ("shop.localhost", false),
        ("127.0.0.1:3000", false),
        ("[::1]:3000", false),
    ] {
        assert_eq!(
            secure(&plain, landing().header("host", host), false),
            want,
            "{host}"
        );
        assert!(
            secure(&plain, landing().header("host", host), true),
            "{host} by https"
        );
        let said = Capture::new().secure(false).unwrap();
        assert!(
            !secure(&said, landing().header("host", host), true),
            "{host}"
        );
        let said = Capture::new().secure(true).unwrap();
        assert!(
            secure(&said, landing().header("host", host), false),
            "{host}"
        );
    }
    let headers = HeaderMap::new();
    let by_uri = Landing::new("GET", "/", Some("refp_id=clk_1"), &headers);
    let captured = plain
        .decide(&by_uri.authority(Some("localhost:3000")))
        .unwrap();
    assert!(!captured.set_cookies()[0].contains("; Secure"), "HTTP/2");
}

#[test]
fn a_trusted_proxy_says_by_which_scheme_the_visitor_came() {
    let trusting = Capture::new().trust_forwarded_proto(true);
    let secure = |rules: &Capture, headers: &[(&'static str, &str)], host: &str| {
        let landing = get("refp_id=clk_1").header("host", host);
        let request = headers.iter().fold(landing, |request, (name, value)| {
            request.header(name, value)
        });
        request.decided(rules).unwrap().set_cookies()[0].contains("; Secure")
    };
    let (https, http) = (
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "http"),
    );
    let silent = ("forwarded", "for=192.0.2.1");
    for (headers, public, loopback) in [
        (&[https][..], true, true),
        (&[http], false, false),
        (&[silent, https], true, true),
        (&[silent, http], false, false),
        (&[silent], true, false),
        (&[("forwarded", "for=\"a,b\";proto=https")], true, true),
        (&[], true, false),
    ] {
        assert_eq!(
            secure(&trusting, headers, "shop.example"),
            public,
            "{headers:?}"
        );
        assert_eq!(
            secure(&trusting, headers, "localhost"),
            loopback,
            "{headers:?}"
        );
        let unasked = Capture::new();
        assert!(
            secure(&unasked, headers, "shop.example"),
            "nobody said to trust it"
        );
        assert!(
            !secure(&unasked, headers, "localhost"),
            "nobody said to trust it"
        );
    }
    let said = trusting.secure(true).unwrap();
    assert!(
        secure(&said, &[http], "shop.example"),
        "what is said goes first"
    );
}

#[test]
fn expiring_is_secure_where_the_request_is() {
    for (host, secure) in [("shop.example", true), ("localhost", false)] {
        let request = get("").header("sec-gpc", "1").cookie("refp_id=clk_old");
        let expired = request
            .header("host", host)
            .decided(&Capture::new())
            .unwrap();
        assert_eq!(
            expired.set_cookies()[0].contains("; Secure"),
            secure,
            "{host}"
        );
    }
}
