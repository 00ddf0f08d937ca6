use actix_web::{HttpMessage, dev::ServiceRequest};
use refport_actix::{
    ClickIdExt, CookieName,
    refport_core::{ClickId, ClickIds},
};

use crate::{NO_COOKIES, get, withhold};

/// What the three views of one request say, which must be the same.
fn seen(request: ServiceRequest, name: Option<&CookieName>) -> Option<String> {
    fn ask(view: &impl ClickIdExt, name: Option<&CookieName>) -> Option<String> {
        let id = match name {
            None => view.click_id(),
            Some(name) => view.click_id_named(name),
        };
        id.map(|id| id.to_string())
    }

    let answers = [
        ask(&request, name),
        ask(&request.guard_ctx(), name),
        ask(request.request(), name),
    ];
    let [first, ..] = answers.clone();
    assert!(answers.iter().all(|answer| *answer == first), "{answers:?}");
    first
}

fn request(cookies: &[&str]) -> ServiceRequest {
    get("/", cookies).to_srv_request()
}

#[test]
fn without_a_middleware_the_cookie_is_read() {
    let cookies = &["refp_id=one", "pref_cid=two"];
    assert_eq!(seen(request(cookies), None).as_deref(), Some("one"));
    let partli = Some(&CookieName::PARTLI);
    assert_eq!(seen(request(cookies), partli).as_deref(), Some("two"));
    assert_eq!(seen(request(NO_COOKIES), None), None);
    assert_eq!(seen(request(&["refp_id=one"]), partli), None);
    assert_eq!(seen(request(&["pref_cid=two"]), None), None);
}

#[test]
fn what_a_middleware_left_comes_before_the_cookie() {
    let left = || {
        let request = request(&["refp_id=old; pref_cid=old"]);
        let mut ids = ClickIds::default();
        ids.insert(CookieName::PARTLI, "two".parse().unwrap());
        request.extensions_mut().insert(ids);
        request
            .extensions_mut()
            .insert("one".parse::<ClickId>().unwrap());
        request
    };
    assert_eq!(seen(left(), None).as_deref(), Some("one"));
    let partli = Some(&CookieName::PARTLI);
    assert_eq!(seen(left(), partli).as_deref(), Some("two"));
}

#[test]
fn a_name_that_replaces_the_default_one_finds_the_plain_id() {
    let request = request(&["acme_ref=old"]);
    request
        .extensions_mut()
        .insert("new".parse::<ClickId>().unwrap());
    let name = CookieName::new("acme_ref").unwrap().for_default_program();
    assert_eq!(seen(request, Some(&name)).as_deref(), Some("new"));
}

/// What the three views of one request say of all programs, which must be the same.
fn all(request: &ServiceRequest) -> String {
    fn ask(view: &impl ClickIdExt) -> String {
        let ids = view.click_ids();
        let text = |name: &CookieName| ids.get(name).map_or("-", ClickId::as_str).to_owned();
        format!(
            "{}|{}",
            text(&CookieName::REFPORT),
            text(&CookieName::PARTLI)
        )
    }

    let answer = ask(request);
    assert_eq!(ask(&request.guard_ctx()), answer);
    assert_eq!(ask(request.request()), answer);
    answer
}

#[test]
fn all_programs_ids_are_the_middlewares_and_the_default_cookie() {
    let cookies = &["refp_id=one; pref_cid=two"];
    assert_eq!(
        all(&request(cookies)),
        "one|-",
        "the other needs its middleware"
    );
    assert_eq!(all(&request(NO_COOKIES)), "-|-");

    let left = request(cookies);
    let mut ids = ClickIds::default();
    ids.insert(CookieName::PARTLI, "two".parse().unwrap());
    left.extensions_mut().insert(ids);
    assert_eq!(all(&left), "one|two");
    left.extensions_mut()
        .insert("newer".parse::<ClickId>().unwrap());
    assert_eq!(all(&left), "newer|two");

    withhold(&left, CookieName::REFPORT);
    assert_eq!(all(&left), "-|two");
    withhold(&left, CookieName::PARTLI);
    assert_eq!(all(&left), "-|-");
}

#[test]
fn a_cookie_of_ones_own_is_read_among_malformed_neighbours() {
    fn choice(cookies: &[&[u8]]) -> Option<String> {
        let request = get("/", cookies).to_srv_request();
        let context = request.guard_ctx();
        let answers = [
            request.cookie_value("choice"),
            context.cookie_value("choice"),
            request.request().cookie_value("choice"),
        ];
        let answers = answers.map(|answer| answer.map(String::from));
        let [first, ..] = answers.clone();
        assert!(answers.iter().all(|answer| *answer == first), "{answers:?}");
        first
    }

    for (cookies, want) in [
        (&[][..], None),
        (&[&b"theme=dark"[..]][..], None),
        (&[b"choice=all"], Some("all")),
        (&[b"a=1", b"b=2; choice=all"], Some("all")),
        (&[b"\xff=\xfe; broken; choice=%61ll"], Some("all")),
        (&[b"choice=\"all\""], Some("all")),
        (&[b"choice="], Some("")),
        (&[b"choice=\xff"], None),
    ] {
        assert_eq!(choice(cookies).as_deref(), want, "{cookies:?}");
    }
}

#[test]
fn a_withheld_id_is_none_and_the_others_stay() {
    for (withheld, other, want) in [
        (CookieName::REFPORT, CookieName::PARTLI, "two"),
        (CookieName::PARTLI, CookieName::REFPORT, "one"),
    ] {
        let request = || {
            let request = request(&["refp_id=one; pref_cid=two"]);
            withhold(&request, withheld.clone());
            request
        };
        assert_eq!(seen(request(), Some(&withheld)), None);
        assert_eq!(seen(request(), Some(&other)).as_deref(), Some(want));
    }
}
