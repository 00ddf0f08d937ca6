//! Consent that comes after the landing.

use actix_web::{
    dev::ServiceRequest,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
    },
    test::{self, TestRequest},
};
use refport_actix::{
    Capture, CaptureMiddleware, ClickIdExt, ClickIdMiddleware, Consent, CookieName, Withheld,
};

use crate::{NO_COOKIES, echo, get, send, through, withhold};

const STORED: &str = "refp_id=clk_1; SameSite=Lax; Secure; Path=/; Max-Age=7776000";

fn by_cookie(request: &ServiceRequest) -> Consent {
    let choice = request.cookie_value("choice");
    choice.map_or(Consent::Unknown, |choice| {
        Consent::from_answer(choice == "all")
    })
}

/// What the banner of a page sends, whose visitor has chosen before.
fn agrees(choice: &str) -> TestRequest {
    TestRequest::post()
        .uri("/agree?refp_id=clk_1")
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("cookie", choice))
}

#[actix_web::test]
async fn every_kind_of_gate_is_asked_once_more() {
    let at = || CaptureMiddleware::new().agree_at("/agree");
    let later = at().consent_async(|request| {
        let consent = by_cookie(request);
        async move {
            tokio::task::yield_now().await;
            consent
        }
    });
    for (what, gate) in [("at once", at().consent(by_cookie)), ("later", later)] {
        let app = echo().wrap(gate).wrap(ClickIdMiddleware::new());
        let app = test::init_service(app).await;
        let landing = get("/?refp_id=clk_1", NO_COOKIES).to_request();
        let landing = send(&app, landing).await;
        assert_eq!(landing.body, "clk_1|-", "{what}");
        assert_eq!(landing.set_cookies(), [""; 0], "{what}");
        let agreed = send(&app, agrees("choice=all").to_request()).await;
        assert_eq!(agreed.status, StatusCode::NO_CONTENT, "{what}");
        assert_eq!(agreed.set_cookies(), [STORED], "{what}");
        assert_eq!(agreed.header(CACHE_CONTROL), "no-store", "{what}");
        let refused = send(&app, agrees("choice=none").to_request()).await;
        assert_eq!(refused.status, StatusCode::NO_CONTENT, "{what}");
        assert_eq!(refused.set_cookies(), [""; 0], "{what}");
    }
}

#[actix_web::test]
async fn what_a_middleware_says_holds() {
    use actix_service::Service;
    use actix_web::HttpMessage;

    let capture = CaptureMiddleware::new().agree_at("/agree");
    let app = echo()
        .wrap(capture.consent_from_extensions())
        .wrap_fn(|request, next| {
            let consent = by_cookie(&request);
            request.extensions_mut().insert(consent);
            next.call(request)
        });
    let app = test::init_service(app).await;
    let agreed = send(&app, agrees("choice=all").to_request()).await;
    assert_eq!(agreed.set_cookies(), [STORED]);
    let refused = send(&app, agrees("choice=none").to_request()).await;
    assert_eq!(refused.set_cookies(), [""; 0]);
}

#[actix_web::test]
async fn without_a_gate_the_banners_word_is_enough() {
    let app = echo().wrap(CaptureMiddleware::new().agree_at("/agree"));
    let app = test::init_service(app).await;
    let agreed = send(&app, agrees("a=1").to_request()).await;
    assert_eq!(agreed.set_cookies(), [STORED]);
    let private = agrees("a=1").insert_header(("sec-gpc", "1"));
    let private = send(&app, private.to_request()).await;
    assert_eq!(private.status, StatusCode::NO_CONTENT);
    assert_eq!(private.set_cookies(), [""; 0]);

    let request = agrees("choice=all").to_request();
    withhold(&request, CookieName::REFPORT);
    let denied = send(&app, request).await;
    assert_eq!(denied.status, StatusCode::NO_CONTENT);
    assert_eq!(
        denied.set_cookies(),
        [""; 0],
        "as somebody further out said"
    );
}

#[actix_web::test]
async fn another_site_does_not_agree_for_the_visitor() {
    let app = echo().wrap(CaptureMiddleware::new().agree_at("/agree"));
    let app = test::init_service(app).await;
    for site in ["cross-site", "same-site", "none"] {
        let request = agrees("choice=all").insert_header(("sec-fetch-site", site));
        let refused = send(&app, request.to_request()).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{site}");
        assert_eq!(refused.set_cookies(), [""; 0], "{site}");
    }
    let get = get("/agree?refp_id=clk_1", NO_COOKIES).to_request();
    assert_ne!(send(&app, get).await.status, StatusCode::NO_CONTENT);
}

#[actix_web::test]
async fn a_form_comes_back_to_its_page() {
    let form = TestRequest::post()
        .uri("/agree")
        .insert_header(("sec-fetch-site", "same-origin"))
        .insert_header(("sec-fetch-mode", "navigate"))
        .insert_header(("sec-fetch-dest", "document"))
        .insert_header(("host", "shop.example"))
        .insert_header(("referer", "https://shop.example/p?refp_id=clk_1&x=1"));
    let app = echo().wrap(CaptureMiddleware::new().agree_at("/agree"));
    let back = through(app, form).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert_eq!(back.header(LOCATION), "/p?x=1");
    assert_eq!(back.header(SET_COOKIE), STORED);
}

#[actix_web::test]
async fn what_a_middleware_withholds_is_counted_by_its_rules() {
    let rules = Capture::new();
    let gated = CaptureMiddleware::from(rules.clone()).consent(by_cookie);
    let app = test::init_service(echo().wrap(gated)).await;
    for cookies in ["choice=none", "choice=none", "a=1", "choice=all"] {
        send(&app, get("/?refp_id=clk_1", &[cookies]).to_request()).await;
    }
    let private = get("/?refp_id=clk_1", NO_COOKIES).insert_header(("sec-gpc", "1"));
    send(&app, private.to_request()).await;
    let Withheld {
        gpc,
        denied,
        unknown,
        ..
    } = rules.withheld();
    assert_eq!((gpc, denied, unknown), (1, 2, 1));
}
