//! What settings are taken.

use crate::{CookieName, capture::*};

#[test]
fn a_path_is_absolute() {
    for path in ["/", "/shop", "/a%20b/", "/~x=1"] {
        assert!(Capture::new().path(path).is_ok(), "{path}");
        assert!(Capture::new().former_path(path).is_ok(), "{path}");
    }
    for path in ["", "shop", "/a b", "/a;HttpOnly", "/\r\nx", "/ä"] {
        assert!(Capture::new().path(path).is_err(), "{path}");
        assert!(Capture::new().former_path(path).is_err(), "{path}");
    }
}

#[test]
fn a_domain_of_the_past_is_checked_as_one_of_today() {
    for domain in ["", "a b", "com", "127.0.0.1"] {
        assert!(Capture::new().domain(domain).is_err(), "{domain}");
        assert!(Capture::new().former_domain(domain).is_err(), "{domain}");
    }
}

fn named(name: &str) -> Capture {
    let name = CookieName::new(name).unwrap();
    Capture::new().cookie_name(name).unwrap()
}

/// The settings in both orders: the name before the other, and after it.
fn in_both_orders(
    name: &str,
    set: impl Fn(Capture) -> Result<Capture, CaptureError>,
) -> [Result<Capture, CaptureError>; 2] {
    let cookie_name = CookieName::new(name).unwrap();
    [
        set(named(name)),
        set(Capture::new()).and_then(|rules| rules.cookie_name(cookie_name)),
    ]
}

#[test]
fn what_a_name_asks_for_is_not_contradicted_in_either_order() {
    for name in ["__Host-refp", "__host-refp", "__HOST-HTTP-refp"] {
        for refused in in_both_orders(name, |rules| rules.domain("example.com"))
            .into_iter()
            .chain(in_both_orders(name, |rules| rules.path("/shop")))
        {
            let error = refused.unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("no `Domain`"),
                "{error}"
            );
        }
        for fine in in_both_orders(name, |rules| rules.path("/")) {
            assert!(fine.is_ok(), "{name}");
        }
    }
    for name in [
        "__Secure-refp",
        "__secure-refp",
        "__Http-refp",
        "__Host-refp",
    ] {
        for refused in in_both_orders(name, |rules| rules.secure(false)) {
            let error = refused.unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("`Secure`"),
                "{error}"
            );
        }
        for fine in in_both_orders(name, |rules| rules.secure(true)) {
            assert!(fine.is_ok(), "{name}");
        }
    }
    for name in ["__Http-refp", "__http-refp", "__Host-Http-refp"] {
        for refused in in_both_orders(name, |rules| rules.http_only(false)) {
            let error = refused.unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("`HttpOnly`"),
                "{error}"
            );
        }
    }
    for name in ["refp", "__refp", "_Host-refp", "Host-refp", "x__Host-refp"] {
        for fine in in_both_orders(name, |rules| {
            rules.domain("example.com")?.path("/shop")?.secure(false)
        }) {
            assert!(fine.is_ok(), "{name}");
        }
    }
}
