//! Consent after the landing.

use http::HeaderMap;

use crate::{capture::*, consent::Consent};

/// The request by which a page of the site agrees.
fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("host", "shop.example".parse().unwrap());
    for (name, value) in more {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
const PAGE: (&str, &str) = (
    "referer",
    "https://shop.example/p?plan=pro&refp_id=clk_1&x=%7e",
);
const STORED: &str = "refp_id=clk_1; SameSite=Lax; Secure; Path=/; Max-Age=7776000";

fn agreed(query: Option<&str>, headers: &HeaderMap, rules: &Capture, consent: Consent) -> Captured {
    let landing = Landing::new("POST", "/agree", query, headers);
    let asks = rules.asks_for_consent(&landing);
    let mut asked = false;
    let captured = rules.decide_with(&landing, || {
        asked = true;
        consent
    });
    assert_eq!(asked, asks, "what is announced is what is asked");
    captured.expect("it is answered by the layer")
}

fn rules() -> Capture {
    Capture::new().agree_at("/agree")
}

#[test]
fn the_click_is_of_the_query_or_of_the_page() {
    let granted = |query, more: &[_]| {
        let captured = agreed(query, &headers(more), &rules(), Consent::Granted);
        assert_eq!(captured.status(), Some(204));
        captured.set_cookies().to_vec()
    };
    assert_eq!(granted(Some("refp_id=clk_1"), &[SAME]), [STORED]);
    assert_eq!(granted(None, &[SAME, PAGE]), [STORED]);
    assert_eq!(granted(Some(""), &[SAME, PAGE]), [STORED]);
    let (elsewhere, other) = (
        ("referer", "https://evil.example/?refp_id=clk_evil"),
        Some("refp_id=clk_1"),
    );
    assert_eq!(granted(other, &[SAME, elsewhere]), [STORED]);
    assert_eq!(granted(None, &[SAME, elsewhere]), [""; 0]);
    assert_eq!(granted(None, &[SAME]), [""; 0]);
    let proxied = [
        SAME,
        ("origin", "https://www.shop.example"),
        ("referer", "https://www.shop.example/?refp_id=clk_1"),
    ];
    assert_eq!(
        granted(None, &proxied),
        [STORED],
        "where a proxy changes the host"
    );
}

#[test]
fn only_a_page_of_the_site_agrees() {
    let query = Some("refp_id=clk_1");
    let status = |more: &[_]| {
        let captured = agreed(query, &headers(more), &rules(), Consent::Granted);
        assert_eq!(
            captured.set_cookies().is_empty(),
            captured.status() != Some(204)
        );
        captured.status().unwrap()
    };
    let origin = |origin| ("origin", origin);
    assert_eq!(status(&[SAME]), 204);
    assert_eq!(status(&[origin("https://shop.example")]), 204);
    for site in ["cross-site", "same-site", "none"] {
        let more = [("sec-fetch-site", site), origin("https://shop.example")];
        assert_eq!(status(&more), 403, "{site}");
    }
    assert_eq!(status(&[origin("https://evil.example")]), 403);
    assert_eq!(status(&[origin("null")]), 403);
    assert_eq!(status(&[PAGE]), 403, "a referrer is no proof");
    assert_eq!(status(&[]), 403);

    let get = headers(&[SAME]);
    let landing = Landing::new("GET", "/agree", query, &get);
    let picture = Capture::new().agree(&landing, || Consent::Granted);
    assert_eq!(picture.status(), Some(403), "a picture sends a GET");
}

#[test]
fn a_form_goes_back_to_its_page() {
    let form = [
        SAME,
        PAGE,
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let answer = |more: &[_], consent| {
        let captured = agreed(None, &headers(more), &rules(), consent);
        (
            captured.status().unwrap(),
            captured.redirect().map(str::to_owned),
        )
    };
    let clean = Some("/p?plan=pro&x=%7e".to_owned());
    assert_eq!(answer(&form, Consent::Granted), (303, clean.clone()));
    let old = [origin(), PAGE, ("accept", "text/html,*/*")];
    assert_eq!(answer(&old, Consent::Granted), (303, clean));
    let whole = Some("/p?plan=pro&refp_id=clk_1&x=%7e".to_owned());
    for consent in [Consent::Unknown, Consent::Denied] {
        assert_eq!(
            answer(&form, consent),
            (303, whole.clone()),
            "the click is not lost"
        );
    }
    let blank = [SAME, form[2], form[3]];
    assert_eq!(answer(&blank, Consent::Granted), (204, None));
    let doubled = (
        "referer",
        "https://shop.example//evil.example/?refp_id=clk_1",
    );
    let doubled = [SAME, doubled, form[2], form[3]];
    assert_eq!(answer(&doubled, Consent::Granted), (204, None));
}

fn origin() -> (&'static str, &'static str) {
    ("origin", "https://shop.example")
}

#[test]
fn all_settings_hold() {
    let cookies = |rules: &Capture, more: &[_], consent| {
        let captured = agreed(Some("refp_id=clk_1"), &headers(more), rules, consent);
        assert_eq!(captured.status(), Some(204));
        captured.set_cookies().to_vec()
    };
    let (stored, gpc) = (("cookie", "refp_id=clk_old"), ("sec-gpc", "1"));
    let granted = Consent::Granted;
    assert_eq!(cookies(&rules(), &[SAME], Consent::Unknown), [""; 0]);
    assert_eq!(cookies(&rules(), &[SAME], Consent::Denied), [""; 0]);
    let expired = "refp_id=; SameSite=Lax; Secure; Path=/; Max-Age=0";
    assert_eq!(
        cookies(&rules(), &[SAME, stored], Consent::Denied),
        [expired]
    );
    assert_eq!(cookies(&rules(), &[SAME, gpc], granted), [""; 0]);
    assert_eq!(cookies(&rules(), &[SAME, gpc, stored], granted), [expired]);
    let ignoring = rules().global_privacy_control(GlobalPrivacyControl::Ignore);
    assert_eq!(cookies(&ignoring, &[SAME, gpc], granted), [STORED]);

    assert_eq!(cookies(&rules(), &[SAME, stored], granted), [STORED]);
    let first = rules().first_click_wins(true);
    assert_eq!(cookies(&first, &[SAME, stored], granted), [""; 0]);
    let held = rules().overwrite_after(std::time::Duration::from_secs(60));
    assert_eq!(cookies(&held, &[SAME], granted).len(), 2);
    let hold = ("cookie", "refp_id=clk_old; refp_id_hold=clk_old");
    assert_eq!(cookies(&held, &[SAME, hold], granted), [""; 0]);
    let domain = rules().domain("shop.example").unwrap();
    let both = cookies(&domain, &[SAME, stored], granted);
    assert_eq!(both.len(), 2, "the twin goes: {both:?}");
    let on_page = cookies(&rules(), &[SAME, stored, PAGE], granted);
    let twin = "refp_id=; SameSite=Lax; Secure; Path=/p; Max-Age=0";
    assert_eq!(on_page, [twin, STORED], "where the visitor goes on");
}

#[test]
fn a_site_that_names_no_path_calls_it_itself() {
    let headers = headers(&[SAME, PAGE]);
    let landing = Landing::new("POST", "/banner", None, &headers);
    assert!(Capture::new().decide(&landing).is_none());
    let captured = Capture::new().agree(&landing, || Consent::Granted);
    assert_eq!(captured.set_cookies(), [STORED]);
}
