//! Cookie jars: whatever cookies of the name a browser has, in whatever order they came, the click
//! of a landing is the one that the next request brings, and after a withdrawal none is.

use http::{HeaderMap, HeaderName};
use proptest::prelude::*;

use crate::{ClickId, CookieName, capture::*, consent::Consent};

/// A browser's cookies for one site (RFC 6265bis, 5.6 and 5.7).
#[derive(Clone, Debug, Default)]
struct Jar {
    /// In the order in which they were made.
    cookies: Vec<Kept>,
}

#[derive(Clone, Debug, PartialEq)]
struct Kept {
    name: String,
    value: String,
    /// With `None` it goes to the very host.
    domain: Option<String>,
    path: String,
    partitioned: bool,
}

/// The host of all requests.
const HOST: &str = "app.shop.example";

impl Jar {
    fn set(&mut self, set_cookie: &str) {
        let cookie = ::cookie::Cookie::parse(set_cookie).unwrap();
        let domain = cookie.domain().map(|domain| domain.to_ascii_lowercase());
        let matches = |domain: &str| HOST == domain || HOST.ends_with(&format!(".{domain}"));
        if domain.as_deref().is_some_and(|domain| !matches(domain)) {
            return;
        }
        let kept = Kept {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            domain,
            path: cookie.path().unwrap().to_owned(),
            partitioned: cookie.partitioned().unwrap_or_default(),
        };
        let is_gone = cookie.max_age().is_some_and(|age| age.is_zero());
        let same = |known: &Kept| {
            Kept {
                value: kept.value.clone(),
                ..known.clone()
            } == kept
        };
        let known = self.cookies.iter().position(same);
        match (known, is_gone) {
            (Some(at), true) => drop(self.cookies.remove(at)),
            (Some(at), false) => self.cookies[at] = kept,
            (None, true) => {}
            (None, false) => self.cookies.push(kept),
        }
    }

    /// The `Cookie` header of a request: those with longer paths first, then the older ones.
    fn header(&self, path: &str) -> String {
        let mut sent: Vec<_> = self
            .cookies
            .iter()
            .filter(|kept| kept.goes_to(path))
            .collect();
        sent.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let pairs = sent
            .iter()
            .map(|kept| format!("{}={}", kept.name, kept.value));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn headers(&self, path: &str) -> HeaderMap {
        let cookies = self.header(path);
        let mut headers = HeaderMap::new();
        headers.insert("host", HOST.parse().unwrap());
        if !cookies.is_empty() {
            headers.insert("cookie", cookies.parse().unwrap());
        }
        headers
    }

    fn add(&mut self, twins: &[String], rules: &Capture) {
        let is_known = |twin: &&String| rules.partitioned || !twin.contains("Partitioned");
        for twin in twins.iter().filter(is_known) {
            self.set(twin);
        }
    }

    fn take(&mut self, captured: Option<&Captured>) {
        for cookie in captured.into_iter().flat_map(Captured::set_cookies) {
            self.set(cookie);
        }
    }

    fn read(&self, rules: &Capture) -> Option<String> {
        let click = ClickId::from_cookie_headers_named(rules.name(), [self.header(PATH)]);
        click.map(String::from)
    }
}

impl Kept {
    fn goes_to(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.path);
        rest.is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        })
    }
}

/// A landing of `jar`'s browser, whose cookies the answer changes.
fn land(rules: &Capture, jar: &mut Jar, path: &str, click: &str) {
    let headers = jar.headers(path);
    let query = format!("refp_id={click}");
    let landing = Landing::new("GET", path, Some(&query), &headers);
    let captured = rules.decide(&landing);
    jar.take(captured.as_ref());
}

/// Where the requests of a visit go to.
const PATH: &str = "/shop/shoes/red";

fn paths() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("/"),
        Just("/shop"),
        Just("/shop/"),
        Just("/shop/shoes"),
        Just("/shop/shoes/"),
        Just(PATH),
        Just("/blog"),
    ]
}

fn domains() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("shop.example")), Just(Some(HOST))]
}

/// What scripts and older rules have left: `Set-Cookie`s of the click's name and of its companions.
fn twins() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![4 => Just("refp_id"), 1 => Just("refp_id_hold"), 1 => Just("theme")];
    let twin = (name, domains(), paths(), any::<bool>(), "[a-z]{1,3}");
    let twin = twin.prop_map(|(name, domain, path, partitioned, value)| {
        let domain = domain.map_or(String::new(), |domain| format!("; Domain={domain}"));
        let partitioned = if partitioned {
            "; Partitioned; Secure"
        } else {
            ""
        };
        format!("{name}={value}; Path={path}{domain}{partitioned}")
    });
    proptest::collection::vec(twin, 0..8)
}

/// Rules that name the domains of the past, as the twins' are among them.
fn rules() -> impl Strategy<Value = Capture> {
    let path = prop_oneof![Just("/"), Just("/shop")];
    let rules = (domains(), path, any::<bool>(), any::<bool>());
    rules.prop_map(|(domain, path, holds, partitioned)| {
        let mut rules = Capture::new().path(path).unwrap().partitioned(partitioned);
        for former in ["shop.example", HOST] {
            rules = rules.former_domain(former).unwrap();
        }
        if let Some(domain) = domain {
            rules = rules.domain(domain).unwrap();
        }
        if holds {
            rules = rules.overwrite_after(std::time::Duration::from_secs(600));
        }
        rules
    })
}

/// A jar with what was there before. Rules that never wrote a partitioned cookie know of none.
fn jar_of(twins: &[String], rules: &Capture) -> Jar {
    let mut jar = Jar::default();
    jar.add(twins, rules);
    jar
}

proptest! {
    #[test]
    fn after_a_landing_the_new_click_is_read(
        mut twins in twins(),
        rules in rules(),
        others in twins(),
    ) {
        // A hold of the past may keep its click; see below.
        twins.retain(|twin| !twin.contains("_hold"));
        let mut jar = jar_of(&twins, &rules);
        land(&rules, &mut jar, PATH, "clk_new");
        prop_assert_eq!(jar.read(&rules), Some("clk_new".to_owned()), "{:?}", jar);

        // Another's cookies come beside it, and one more click.
        jar.add(&others, &rules);
        let kept = rules.kept(&jar.headers(PATH)).map(String::from);
        land(&rules, &mut jar, PATH, "clk_last");
        if kept.is_none() {
            prop_assert_eq!(jar.read(&rules), Some("clk_last".to_owned()), "{:?}", jar);
        }
    }

    #[test]
    fn after_a_withdrawal_no_click_is_read(twins in twins(), rules in rules()) {
        let mut jar = jar_of(&twins, &rules);
        let headers = jar.headers(PATH);
        let landing = Landing::new("GET", PATH, None, &headers);
        let captured = rules.decide_with(&landing, || Consent::Denied);
        jar.take(captured.as_ref());
        prop_assert_eq!(jar.read(&rules), None, "{:?}", jar);
        let headers = jar.headers(PATH);
        let landing = Landing::new("GET", PATH, None, &headers);
        let again = rules.decide_with(&landing, || Consent::Denied);
        prop_assert!(again.is_none(), "it takes effect once, and is done");
    }

    #[test]
    fn what_is_cleared_without_a_request_is_gone_where_it_is_known(
        domain in domains(),
        rules in rules(),
    ) {
        let mut jar = Jar::default();
        let domain = domain.map_or(String::new(), |domain| format!("; Domain={domain}"));
        jar.set(&format!("refp_id=old; Path=/{domain}"));
        land(&rules, &mut jar, PATH, "clk_new");
        for cookie in rules.clear_cookies() {
            jar.set(&cookie);
        }
        prop_assert_eq!(jar.read(&rules), None, "{:?}", jar);
    }

    #[test]
    fn every_cookie_is_written_once_and_replaces_its_like(twins in twins(), rules in rules()) {
        let headers = jar_of(&twins, &rules).headers(PATH);
        let landing = Landing::new("GET", PATH, Some("refp_id=clk_new"), &headers);
        let Some(captured) = rules.decide(&landing) else {
            return Ok(());
        };
        for (at, cookie) in captured.set_cookies().iter().enumerate() {
            prop_assert!(captured.replaces(cookie.as_bytes()));
            for other in &captured.set_cookies()[..at] {
                prop_assert!(!set_cookie::is_same_cookie(cookie, other), "{} {}", cookie, other);
            }
        }
    }
}

#[test]
fn the_first_landing_writes_one_cookie_and_a_second_only_what_may_stand_beside_it() {
    let count = |rules: &Capture, path, cookies: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("cookie"), cookies.parse().unwrap());
        let landing = Landing::new("GET", path, Some("refp_id=clk_new"), &headers);
        rules.decide(&landing).unwrap().set_cookies().len()
    };
    let plain = Capture::new();
    let domain = Capture::new().domain("shop.example").unwrap();
    for rules in [&plain, &domain] {
        assert_eq!(count(rules, PATH, "theme=dark"), 1);
    }
    assert_eq!(count(&plain, "/", "refp_id=old"), 1);
    assert_eq!(count(&domain, "/", "refp_id=old"), 2);
    assert_eq!(count(&domain, "/", "refp_id=old; refp_id=older"), 2);
    let deep = "/a".repeat(500);
    assert!(count(&domain, &deep, "refp_id=old; refp_id=older") < 40);
}

#[test]
fn a_domain_that_was_added_or_taken_off_does_not_keep_the_old_click() {
    let plain = Capture::new();
    let domain = Capture::new().domain("shop.example").unwrap();
    let mut jar = Jar::default();
    land(&plain, &mut jar, "/", "clk_1");
    land(&domain, &mut jar, "/", "clk_2");
    assert_eq!(jar.header("/"), "refp_id=clk_2", "added");
    let taken_off = plain.former_domain("shop.example").unwrap();
    land(&taken_off, &mut jar, "/", "clk_3");
    assert_eq!(jar.header("/"), "refp_id=clk_3", "taken off");
    let changed = Capture::new().domain(HOST).unwrap();
    let changed = changed.former_domain("shop.example").unwrap();
    jar.set("refp_id=clk_js; Path=/; Domain=shop.example");
    land(&changed, &mut jar, "/", "clk_4");
    assert_eq!(jar.header("/"), "refp_id=clk_4", "changed, beside a script");
}

#[test]
fn the_held_click_stays_beside_an_older_one() {
    let rules = Capture::new().domain("shop.example").unwrap();
    let rules = rules.overwrite_after(std::time::Duration::from_secs(600));
    let mut jar = Jar::default();
    land(&rules, &mut jar, "/", "clk_1");
    jar.cookies.insert(
        0,
        Kept {
            name: CookieName::REFPORT.to_string(),
            value: "clk_js".to_owned(),
            domain: None,
            path: "/".to_owned(),
            partitioned: false,
        },
    );
    assert!(jar.header("/").starts_with("refp_id=clk_js; refp_id=clk_1"));
    let headers = jar.headers("/");
    let landing = Landing::new("GET", "/", Some("refp_id=clk_2"), &headers);
    let kept = rules.decide(&landing).unwrap();
    assert_eq!(
        kept.click_id().unwrap(),
        &"clk_1",
        "and this request sees it"
    );
    assert!(kept.set_cookies().is_empty());
}
