//! Deciding, over all settings.

mod agree;
mod clicks;
mod consent;
mod jar;
mod landing;
mod rules;
mod secure;
mod set_cookie;

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::*;
use crate::{ClickId, CookieName, consent::Consent};

const EXPIRED: &str = "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0";

/// A request to `/` by its query, its cookies and other headers.
struct Request {
    method: &'static str,
    query: String,
    headers: HeaderMap,
}

fn get(query: &str) -> Request {
    Request {
        method: "GET",
        query: query.to_owned(),
        headers: HeaderMap::new(),
    }
}

impl Request {
    fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    fn cookie(self, cookies: &str) -> Self {
        self.header("cookie", cookies)
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// As a browser asks for a page.
    fn navigation(self) -> Self {
        self.header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
    }

    fn landing(&self) -> Landing<'_, HeaderMap> {
        Landing::new(self.method, "/", Some(&self.query), &self.headers)
    }

    fn decided(&self, rules: &Capture) -> Option<Captured> {
        rules.decide(&self.landing())
    }

    fn answered(&self, rules: &Capture, consent: Consent) -> Option<Captured> {
        let asks = rules.asks_for_consent(&self.landing());
        let mut asked = false;
        let captured = rules.decide_with(&self.landing(), || {
            asked = true;
            consent
        });
        assert_eq!(asked, asks, "what is announced is what is asked");
        captured
    }
}

/// The cookies after an answer, as a browser keeps them.
fn returning(captured: &Captured, query: &str) -> Request {
    let kept: Vec<&str> = captured
        .set_cookies()
        .iter()
        .filter(|cookie| !cookie.contains("Max-Age=0"))
        .filter_map(|cookie| cookie.split(';').next())
        .collect();
    get(query).cookie(&kept.join("; "))
}

fn seen(captured: &Option<Captured>) -> Option<&str> {
    captured.as_ref()?.click_id().map(ClickId::as_str)
}

#[test]
fn landing_url_table() {
    let cases = [
        ("refp_id=clk_1", Some("clk_1")),
        ("a=1&refp_id=clk_1&b=2", Some("clk_1")),
        ("refp_id=clk%5F1", Some("clk_1")),
        ("refp%5Fid=clk_1", Some("clk_1")),
        ("", None),
        ("refp_id", None),
        ("refp_id=", None),
        ("refp_id=&refp_id=clk_2", Some("clk_2")),
        ("refp_id=clk_1&refp_id=clk_2", Some("clk_1")),
        ("refp_id=a+b", Some("a")),
        ("refp_id=a%0d%0aSet-Cookie:x", Some("a")),
        ("refp_id=clk_1?utm_source=fb", Some("clk_1")),
        ("utm_source=m?refp_id=clk_1", Some("clk_1")),
        ("a=1&amp;refp_id=clk_1", Some("clk_1")),
        ("refp_id={{click_id}}", None),
        ("Refp_Id=clk_1", None),
        ("xrefp_id=clk_1", None),
        ("a=refp_id", None),
    ];
    for (query, want) in cases {
        assert_eq!(seen(&get(query).decided(&Capture::new())), want, "{query}");
    }
    let ours = Capture::new().id_prefix("clk_").unwrap();
    assert_eq!(seen(&get("refp_id=clk_1.").decided(&ours)), Some("clk_1"));
    assert!(get("refp_id=c_1").decided(&ours).is_none());
    assert!(Capture::new().id_prefix("clk/").is_err());
    let spaced = Capture::new().param("my ref");
    assert_eq!(seen(&get("my+ref=clk_1").decided(&spaced)), Some("clk_1"));
    assert_eq!(seen(&get("my%20ref=clk_1").decided(&spaced)), Some("clk_1"));
}

#[test]
fn only_a_get_lands() {
    for method in ["POST", "HEAD", "PUT", "OPTIONS"] {
        let request = get("refp_id=clk_1").method(method);
        assert!(request.decided(&Capture::new()).is_none(), "{method}");
    }
    let headers = HeaderMap::new();
    let landing = Landing::new("GET", "/", None, &headers);
    assert!(Capture::new().decide(&landing).is_none());
}

#[test]
fn an_ampersand_of_html_is_one() {
    let cases = [
        ("plan=pro&amp;refp_id=clk_1", Some("clk_1")),
        ("plan=pro&%23038;refp_id=clk_1", Some("clk_1")),
        ("amp;refp_id=clk_1", Some("clk_1")),
        ("amp%3Brefp_id=clk_1", Some("clk_1")),
        ("amp;refp_id=clk_1&refp_id=clk_2", Some("clk_2")),
        ("amp;refp_id=clk_1&refp_id=", Some("clk_1")),
        ("amp;amp;refp_id=clk_1", Some("clk_1")),
        ("amprefp_id=clk_1", None),
        ("amp;refp_ids=clk_1", None),
    ];
    for (query, want) in cases {
        assert_eq!(seen(&get(query).decided(&Capture::new())), want, "{query}");
    }
}

#[test]
fn last_click_wins_unless_told_otherwise() {
    let returning = |cookies| get("refp_id=clk_new").cookie(cookies);
    let last = returning("refp_id=clk_old").decided(&Capture::new());
    assert_eq!(seen(&last), Some("clk_new"));

    let first = Capture::new().first_click_wins(true);
    assert!(returning("refp_id=clk_old").decided(&first).is_none());
    let unset = first.clone().first_click_wins(false);
    assert_eq!(
        seen(&returning("refp_id=clk_old").decided(&unset)),
        Some("clk_new")
    );
    let fresh = returning("refp_id=").decided(&first);
    assert_eq!(
        seen(&fresh),
        Some("clk_new"),
        "an empty cookie is no first click"
    );
}

#[test]
fn a_second_link_overwrites_when_its_time_has_come() {
    let rules = Capture::new().overwrite_after(Duration::from_secs(600));
    let first = get("refp_id=clk_1").decided(&rules).unwrap();
    assert_eq!(first.set_cookies().len(), 2);

    let at_once = returning(&first, "refp_id=clk_2");
    assert!(at_once.decided(&rules).is_none());

    let later = get("refp_id=clk_2").cookie("refp_id=clk_1");
    assert_eq!(
        seen(&later.decided(&rules)),
        Some("clk_2"),
        "the hold has expired"
    );
    let gone = get("refp_id=clk_2").cookie("refp_id_hold=clk_1");
    assert_eq!(
        seen(&gone.decided(&rules)),
        Some("clk_2"),
        "the click was cleared"
    );
    let twins = get("refp_id=clk_2").cookie("refp_id=clk_js; refp_id=clk_1; refp_id_hold=clk_1");
    let kept = twins.decided(&rules);
    assert_eq!(seen(&kept), Some("clk_1"), "the held one of two");
    assert!(kept.unwrap().set_cookies().is_empty());
    let scripted = get("refp_id=clk_2").cookie("refp_id=clk_js; refp_id_hold=clk_1");
    assert_eq!(
        seen(&scripted.decided(&rules)),
        Some("clk_2"),
        "the hold is for another ID"
    );
}

#[test]
fn only_stored_navigations_are_redirected_and_only_on_request() {
    let rules = Capture::new().clean_url(true);
    let redirect = |request: Request, rules: &Capture| {
        let captured = request.answered(rules, Consent::Granted).unwrap();
        captured.redirect().map(str::to_owned)
    };
    let landing = || get("refp_id=clk_1&plan=pro");
    assert_eq!(
        redirect(landing().navigation(), &rules).as_deref(),
        Some("/?plan=pro")
    );
    assert_eq!(redirect(landing(), &rules), None);
    assert_eq!(redirect(landing().navigation(), &Capture::new()), None);
    let first = rules.clone().first_click_wins(true);
    let again = landing().navigation().cookie("refp_id=clk_old");
    assert_eq!(redirect(again, &first).as_deref(), Some("/?plan=pro"));
    for consent in [Consent::Unknown, Consent::Denied] {
        let captured = landing().navigation().answered(&rules, consent).unwrap();
        assert_eq!(captured.redirect(), None, "{consent:?}");
    }
}

#[test]
fn programs_do_not_see_each_others_clicks() {
    let partli = Capture::new().param("via");
    let partli = partli.cookie_name(CookieName::PARTLI).unwrap();
    let request = get("refp_id=clk_1&via=c_2").cookie("refp_id=clk_old");
    assert_eq!(seen(&request.decided(&Capture::new())), Some("clk_1"));
    assert_eq!(seen(&request.decided(&partli)), Some("c_2"));
    assert_eq!(
        seen(&request.decided(&partli.clone().first_click_wins(true))),
        Some("c_2")
    );
    let denied = get("")
        .cookie("refp_id=clk_1")
        .answered(&partli, Consent::Denied);
    assert!(denied.is_none(), "there is no cookie of this program");
}

#[test]
fn an_answers_own_cookie_of_the_name_is_replaced() {
    let captured = get("refp_id=clk_1").decided(&Capture::new()).unwrap();
    assert!(captured.replaces(b"refp_id=; Path=/; Max-Age=0"));
    assert!(!captured.replaces(b"refp_id=; Path=/shop; Max-Age=0"));
    assert!(!captured.replaces(b"session=1; Path=/"));
    assert!(!captured.replaces(b"\xff"));
}

#[cfg(feature = "signed")]
#[test]
fn only_a_signed_click_is_kept() {
    use crate::signing::SigningKeys;

    let keys = SigningKeys::new(&[1; 32]).unwrap();
    let rules = Capture::new()
        .signed_by(keys.clone())
        .first_click_wins(true);
    let first = get("refp_id=clk_1").decided(&rules).unwrap();
    assert_eq!(first.set_cookies().len(), 2);
    assert!(
        first.set_cookies()[1].starts_with("refp_id_sig="),
        "{first:?}"
    );
    assert!(first.set_cookies()[1].contains("; HttpOnly; "), "{first:?}");

    let second = returning(&first, "refp_id=clk_2");
    let cookies: Vec<_> = second
        .headers
        .get_all(http::header::COOKIE)
        .into_iter()
        .collect();
    assert!(keys.is_signed(&CookieName::REFPORT, &"clk_1".parse().unwrap(), cookies));
    assert_eq!(seen(&second.decided(&rules)), None, "the first click stays");

    let forged = get("refp_id=clk_2").cookie("refp_id=clk_forged");
    assert_eq!(seen(&forged.decided(&rules)), Some("clk_2"));
    let denied = returning(&first, "")
        .answered(&rules, Consent::Denied)
        .unwrap();
    let names = denied
        .set_cookies()
        .iter()
        .map(|cookie| cookie.split('=').next());
    assert!(names.eq([Some("refp_id"), Some("refp_id_sig")]));
    let unknown = rules.kept(&forged.headers);
    assert_eq!(unknown, None);
    let signed = second.headers[http::header::COOKIE].to_str().unwrap();
    let twins = get("refp_id=clk_2").cookie(&format!("refp_id=clk_forged; {signed}"));
    let kept = twins.decided(&rules);
    assert_eq!(
        seen(&kept),
        Some("clk_1"),
        "the signed one, though it is not the first"
    );
    assert!(kept.unwrap().set_cookies().is_empty());
}
