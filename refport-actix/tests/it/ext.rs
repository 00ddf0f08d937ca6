use actix_web::{HttpMessage, dev::ServiceRequest};
use refport_actix::{ClickIdExt, ClickIds, CookieName, refport_core::ClickId};

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
