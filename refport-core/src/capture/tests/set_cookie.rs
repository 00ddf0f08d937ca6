//! What the cookies are written as.

use std::time::Duration;

use super::super::set_cookie::is_same_cookie;
use crate::{ClickId, CookieName, capture::*};

fn id(text: &str) -> ClickId {
    text.parse().unwrap()
}

fn named(name: &str) -> Capture {
    let name = CookieName::new(name).unwrap();
    Capture::new().cookie_name(name).unwrap()
}

fn written(rules: &Capture, https: bool) -> String {
    let mut cookies = rules.store_cookies(&id("clk_1"), https);
    assert_eq!(cookies.len(), 1);
    cookies.remove(0)
}

#[test]
fn cookie_follows_the_settings() {
    let rules = Capture::new;
    let plain = "refp_id=clk_1; SameSite=Lax; Path=/; Max-Age=7776000";
    assert_eq!(written(&rules(), false), plain);
    let acme = named("acme")
        .max_age(Duration::from_secs(60))
        .same_site(SameSite::Strict)
        .http_only(true)
        .and_then(|rules| rules.path("/shop")?.domain("shop.example.com"))
        .unwrap();
    assert_eq!(
        written(&acme, false),
        "acme=clk_1; HttpOnly; SameSite=Strict; Path=/shop; Domain=shop.example.com; Max-Age=60"
    );
    let framed = rules().same_site(SameSite::None).partitioned(true);
    assert_eq!(
        written(&framed, false),
        "refp_id=clk_1; SameSite=None; Partitioned; Secure; Path=/; Max-Age=7776000"
    );
}

#[test]
fn secure_is_what_is_said_or_the_connection_or_what_browsers_ask_for() {
    let is_secure = |rules: &Capture, https| written(rules, https).contains("; Secure");
    let set = |secure| Capture::new().secure(secure).unwrap();
    assert!(is_secure(&Capture::new(), true) && !is_secure(&Capture::new(), false));
    assert!(is_secure(&set(true), false) && !is_secure(&set(false), true));
    assert!(is_secure(&set(false).same_site(SameSite::None), false));
    assert!(is_secure(&set(false).partitioned(true), false));
    for name in [
        "__Host-refp",
        "__host-refp",
        "__Secure-refp",
        "__secure-refp",
    ] {
        let cookie = written(&named(name), false);
        assert!(
            cookie.contains("; Secure") && !cookie.contains("HttpOnly"),
            "{cookie}"
        );
    }
    for name in [
        "__Http-refp",
        "__http-refp",
        "__Host-Http-refp",
        "__host-http-refp",
    ] {
        let cookie = written(&named(name), false);
        assert!(
            cookie.contains("; HttpOnly; ") && cookie.contains("; Secure"),
            "{cookie}"
        );
    }
}

#[test]
fn companions_are_as_the_names_prefix_says() {
    for name in ["__Host-refp", "__Http-refp", "__Secure-refp"] {
        let rules = named(name).overwrite_after(Duration::from_secs(600));
        let hold = rules.store_cookies(&id("clk_1"), false).remove(1);
        assert!(
            hold.starts_with(&format!("{name}_hold=clk_1; HttpOnly; ")),
            "{hold}"
        );
        assert!(
            hold.contains("; Secure; Path=/; ") && !hold.contains("Domain"),
            "{hold}"
        );
    }
}

#[test]
fn the_hold_lives_as_long_as_it_holds() {
    let rules = Capture::new().overwrite_after(Duration::from_secs(600));
    let cookies = rules.store_cookies(&id("clk_1"), false);
    let hold = "refp_id_hold=clk_1; HttpOnly; SameSite=Lax; Path=/; Max-Age=600";
    assert_eq!(cookies[1..], [hold]);
}

#[test]
fn clearing_says_all_that_writing_said() {
    let rules = [
        Capture::new(),
        Capture::new().secure(true).unwrap(),
        Capture::new()
            .secure(false)
            .unwrap()
            .http_only(true)
            .unwrap(),
        Capture::new().same_site(SameSite::None),
        Capture::new().partitioned(true),
        Capture::new().path("/shop").unwrap(),
        named("acme").domain(".example.com").unwrap(),
        named("__Http-acme"),
        Capture::new().overwrite_after(Capture::DEFAULT_MAX_AGE),
    ];
    for rules in rules {
        let cleared = rules.clear_cookies();
        for written in rules.store_cookies(&id("clk_1"), false) {
            let want = written.replace("=clk_1;", "=;").replace("=7776000", "=0");
            let same = |cleared: &&String| is_same_cookie(&written, cleared);
            let found: Vec<_> = cleared.iter().filter(same).collect();
            assert_eq!(found, [&want]);
        }
    }
}

#[test]
fn clearing_covers_every_place_that_is_known() {
    let plain = "refp_id=; SameSite=Lax; Path=/; Max-Age=0";
    assert_eq!(Capture::new().clear_cookies(), [plain]);
    let domain = Capture::new().domain("example.com").unwrap();
    let with_domain = "refp_id=; SameSite=Lax; Path=/; Domain=example.com; Max-Age=0";
    assert_eq!(domain.clear_cookies(), [with_domain, plain]);
    let taken_off = Capture::new().former_domain("example.com").unwrap();
    assert_eq!(taken_off.clear_cookies(), [plain, with_domain]);
    let shop = "refp_id=; SameSite=Lax; Path=/shop; Max-Age=0";
    let path = Capture::new().path("/shop").unwrap();
    assert_eq!(path.clear_cookies(), [shop, plain]);
    let taken_off = Capture::new().former_path("/shop").unwrap();
    assert_eq!(taken_off.clear_cookies(), [plain, shop]);
    let held = domain.overwrite_after(Duration::from_secs(600));
    assert_eq!(held.clear_cookies().len(), 4, "the hold's, too");
}

#[test]
fn what_is_written_is_what_is_read() {
    for text in ["clk_1", "50%41", "a=b&c", "!#$%&'()*+-./:<=>?@[]^_`{|}~"] {
        let cookie = Capture::new().store_cookies(&id(text), false).remove(0);
        let pair = cookie.split(';').next().unwrap();
        assert_eq!(ClickId::from_cookie_header(pair), Some(id(text)));
    }
}

#[test]
fn one_cookie_is_one_name_path_and_domain() {
    let ours = "refp_id=clk_1; Path=/; Domain=example.com";
    for (other, same) in [
        ("refp_id=; Max-Age=0; Path=/; Domain=.EXAMPLE.com", true),
        ("refp_id=clk_1; Path=/", false),
        ("refp_id=clk_1; Domain=example.com", false),
        ("refp_ids=clk_1; Path=/; Domain=example.com", false),
        ("refp_id=; Path=/; Domain=example.com; Partitioned", false),
        ("refp_id", false),
        ("", false),
    ] {
        assert_eq!(is_same_cookie(ours, other), same, "{other}");
    }
}
