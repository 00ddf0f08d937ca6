//! Which requests are clicks.

use super::{get, seen};
use crate::{
    capture::{Capture, Withheld},
    consent::Consent,
};

#[test]
fn a_click_is_a_navigation() {
    let asked = |mode, dest| {
        get("refp_id=clk_1")
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest)
    };
    let rules = Capture::new();
    assert_eq!(
        seen(&asked("navigate", "document").decided(&rules)),
        Some("clk_1")
    );
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("cors", "empty"),
        ("navigate", "iframe"),
    ] {
        let asked = || asked(mode, dest);
        assert!(asked().decided(&rules).is_none(), "{mode} {dest}");
        let beside = asked().cookie("refp_id=clk_honest").decided(&rules);
        assert!(beside.is_none(), "{mode} {dest}: the honest click stays");
        let gate = asked().answered(&rules, Consent::Granted);
        assert!(gate.is_none(), "{mode} {dest}: with a gate, too");
    }
}

#[test]
fn what_a_browser_loads_ahead_is_refused_so_that_it_asks_again() {
    let ahead = |purpose| get("refp_id=clk_1").header("sec-purpose", purpose);
    for (mode, dest) in [("navigate", "document"), ("no-cors", "empty")] {
        for purpose in [
            "prefetch",
            "prefetch;prerender",
            "prefetch;anonymous-client-ip",
        ] {
            let ahead = || {
                ahead(purpose)
                    .header("sec-fetch-mode", mode)
                    .header("sec-fetch-dest", dest)
            };
            for rules in [Capture::new(), Capture::new().clean_url(true)] {
                let refused = ahead().decided(&rules).unwrap();
                assert!(refused.refuses_speculation(), "{purpose}");
                assert_eq!(refused.status(), Some(503));
                assert!(refused.set_cookies().is_empty() && refused.click_id().is_none());
            }
            let over = ahead().cookie("refp_id=clk_old");
            assert!(over.decided(&Capture::new()).unwrap().refuses_speculation());
        }
    }
}

#[test]
fn what_is_loaded_ahead_and_stores_nothing_is_served() {
    let rules = Capture::new();
    let ahead = || {
        get("refp_id=clk_1")
            .navigation()
            .header("sec-purpose", "prefetch")
    };
    assert!(ahead().answered(&rules, Consent::Unknown).is_none());
    let denied = ahead()
        .cookie("refp_id=clk_old")
        .answered(&rules, Consent::Denied);
    let denied = denied.expect("it is withheld all the same");
    assert!(denied.is_withheld() && denied.set_cookies().is_empty());
    assert_eq!(denied.status(), None);
    let private = ahead().header("sec-gpc", "1").decided(&rules).unwrap();
    assert!(private.is_withheld() && private.status().is_none());
    let first = Capture::new().first_click_wins(true);
    assert!(ahead().cookie("refp_id=clk_old").decided(&first).is_none());
    let organic = get("plan=pro").header("sec-purpose", "prefetch");
    assert!(organic.decided(&rules).is_none());
    assert_eq!(rules.withheld(), Withheld::default(), "no visitor came");
}
