//! What consent makes of a click, and what is counted as withheld.

use super::{EXPIRED, get, seen};
use crate::{
    capture::{Capture, GlobalPrivacyControl, Withheld},
    consent::Consent,
};

#[test]
fn what_is_withheld_is_counted_by_its_reason() {
    let rules = Capture::new();
    let landing = || get("refp_id=clk_new");
    let read = || {
        let Withheld {
            gpc,
            denied,
            unknown,
        } = rules.clone().withheld();
        (gpc, denied, unknown)
    };
    landing().decided(&rules);
    landing().answered(&rules, Consent::Granted);
    get("")
        .cookie("refp_id=clk_old")
        .answered(&rules, Consent::Unknown);
    assert_eq!(read(), (0, 0, 0));
    landing().header("sec-gpc", "1").decided(&rules);
    get("")
        .header("sec-gpc", "1")
        .cookie("refp_id=clk_old")
        .decided(&rules);
    get("").header("sec-gpc", "1").decided(&rules);
    assert_eq!(read(), (2, 0, 0));
    landing().answered(&rules, Consent::Denied);
    assert_eq!(read(), (2, 1, 0));
    for _ in 0..3 {
        landing().answered(&rules, Consent::Unknown);
    }
    assert_eq!(read(), (2, 1, 3));
    let ignoring = Capture::new().global_privacy_control(GlobalPrivacyControl::Ignore);
    landing().header("sec-gpc", "1").decided(&ignoring);
    assert_eq!(ignoring.withheld(), Withheld::default());
}

#[test]
fn consent_table() {
    let rules = Capture::new();
    let landing = || get("refp_id=clk_new");

    let granted = landing().answered(&rules, Consent::Granted).unwrap();
    assert_eq!(granted.click_id().unwrap(), &"clk_new");
    assert_eq!(granted.set_cookies().len(), 1);

    let unknown = landing().answered(&rules, Consent::Unknown).unwrap();
    assert_eq!(
        unknown.click_id().unwrap(),
        &"clk_new",
        "it serves this request"
    );
    assert!(unknown.set_cookies().is_empty() && !unknown.is_withheld());

    let denied = landing().answered(&rules, Consent::Denied).unwrap();
    assert!(denied.is_withheld() && denied.click_id().is_none());
    assert!(
        denied.set_cookies().is_empty(),
        "there is nothing to expire"
    );

    let withdrawn = get("")
        .cookie("refp_id=clk_old")
        .answered(&rules, Consent::Denied);
    let withdrawn = withdrawn.unwrap();
    assert!(withdrawn.is_withheld());
    assert_eq!(withdrawn.set_cookies(), [EXPIRED]);

    for consent in [Consent::Granted, Consent::Unknown] {
        let request = get("").cookie("refp_id=clk_old");
        assert!(
            request.answered(&rules, consent).is_none(),
            "{consent:?}: it is read as it is"
        );
    }
    let kept = landing()
        .cookie("refp_id=clk_old")
        .answered(&Capture::new().first_click_wins(true), Consent::Unknown);
    assert!(
        kept.is_none(),
        "the first click stays, and is read as it is"
    );
    for request in [get(""), get("plan=pro").cookie("theme=dark")] {
        assert!(
            request.answered(&rules, Consent::Denied).is_none(),
            "nothing to ask about"
        );
    }
}

#[test]
fn global_privacy_control_is_a_no_unless_it_is_ignored() {
    let private = || get("refp_id=clk_new").header("sec-gpc", "1");
    let rules = Capture::new();
    let denied = private().decided(&rules).unwrap();
    assert!(denied.is_withheld() && denied.click_id().is_none());
    let stored = || get("").header("sec-gpc", "1").cookie("refp_id=clk_old");
    let expired = stored().decided(&rules).unwrap();
    assert_eq!(expired.set_cookies(), [EXPIRED]);
    let unasked = private().answered(&rules, Consent::Granted).unwrap();
    assert!(unasked.is_withheld(), "the gate is not asked");
    assert!(get("").header("sec-gpc", "1").decided(&rules).is_none());

    let ignoring = Capture::new().global_privacy_control(GlobalPrivacyControl::Ignore);
    assert_eq!(seen(&private().decided(&ignoring)), Some("clk_new"));
    assert!(stored().decided(&ignoring).is_none());
    let asked = private().answered(&ignoring, Consent::Denied).unwrap();
    assert!(asked.is_withheld());
}
