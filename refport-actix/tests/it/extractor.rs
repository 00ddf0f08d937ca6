use actix_web::{
    App,
    http::{StatusCode, header::CONTENT_TYPE},
    test,
    web::{self, ServiceConfig},
};
use refport_actix::{
    Capture, CaptureMiddleware, ClickId, ClickIdError, ClickIdMiddleware, ClickIds, CookieName,
    refport_core,
};

use crate::{NO_COOKIES, get, optional, send, through, withhold};

/// `/optional`, `/required` and `/result` answer the ID they were given, or that there is none.
fn routes(app: &mut ServiceConfig) {
    let required = async |id: ClickId| id.to_string();
    let result = async |id: Result<ClickId, ClickIdError>| match id {
        Ok(id) => id.to_string(),
        Err(error) => error.to_string(),
    };
    app.route("/optional", web::get().to(optional))
        .route("/required", web::get().to(required))
        .route("/result", web::get().to(result));
}

const NO_CLICK_ID: &str =
    "the request carries no click ID: no referral link was followed, or its cookie is gone";

type Case = (&'static str, &'static [&'static [u8]], Option<&'static str>);

const TABLE: &[Case] = &[
    ("no cookies", &[], None),
    ("missing", &[b"a=1"], None),
    ("empty", &[b"refp_id="], None),
    ("quoted empty", &[b"refp_id=\"\""], None),
    ("malformed", &[b"refp_id=a b"], None),
    ("not text", &[b"refp_id=\xff"], None),
    ("malformed once decoded", &[b"refp_id=a%20b"], None),
    ("of another case", &[b"Refp_Id=clk_1"], None),
    ("alone", &[b"refp_id=clk_1"], Some("clk_1")),
    ("quoted", &[b"a=1; refp_id=\"clk_1\"; b"], Some("clk_1")),
    ("percent-encoded", &[b"refp_id=clk%5F1"], Some("clk_1")),
    ("doubled", &[b"refp_id=one; refp_id=two"], Some("one")),
    ("empty first", &[b"refp_id=; refp_id=two"], Some("two")),
    (
        "malformed first",
        &[b"refp_id=a b; refp_id=two"],
        Some("two"),
    ),
    (
        "split, second",
        &[b"a=\xff", b"refp_id=clk_1"],
        Some("clk_1"),
    ),
    ("split, first", &[b"refp_id=clk_1", b"a=1"], Some("clk_1")),
    (
        "split, empty first",
        &[b"refp_id=", b"refp_id=two"],
        Some("two"),
    ),
    (
        "split and doubled",
        &[b"refp_id=one", b"refp_id=two"],
        Some("one"),
    ),
];

#[actix_web::test]
async fn extractor_table_with_and_without_the_middleware() {
    let app = App::new()
        .service(
            web::scope("/with")
                .wrap(ClickIdMiddleware::new())
                .configure(routes),
        )
        .service(web::scope("/without").configure(routes));
    let app = test::init_service(app).await;
    for how in ["with", "without"] {
        for (what, cookies, want) in TABLE {
            let call = async |handler: &str| {
                let request = get(&format!("/{how}/{handler}"), cookies);
                send(&app, request.to_request()).await
            };
            let optional = call("optional").await;
            assert_eq!(optional.status, StatusCode::OK, "{what} {how}");
            assert_eq!(optional.body, want.unwrap_or("-"), "{what} {how}");
            let required = call("required").await;
            match want {
                Some(want) => assert_eq!(required.body, *want, "{what} {how}"),
                None => assert_eq!(required.status, StatusCode::BAD_REQUEST, "{what} {how}"),
            }
            let result = call("result").await;
            assert_eq!(result.status, StatusCode::OK, "{what} {how}");
            assert_eq!(result.body, want.unwrap_or(NO_CLICK_ID), "{what} {how}");
        }
    }
}

#[actix_web::test]
async fn a_missing_id_is_explained() {
    let answer = through(App::new().configure(routes), get("/required", NO_COOKIES)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.header(CONTENT_TYPE), "application/json");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let error = serde_json::json!({ "code": "CLICK_ID_MISSING", "message": NO_CLICK_ID });
    assert_eq!(body, serde_json::json!({ "error": error }));
}

/// `refport|partli`, as the extractor of all programs' IDs says it.
async fn all(ids: ClickIds) -> String {
    let text = |name| ids.get(name).map_or("-", |id| id.as_str()).to_owned();
    format!(
        "{}|{}",
        text(&CookieName::REFPORT),
        text(&CookieName::PARTLI)
    )
}

#[actix_web::test]
async fn the_ids_of_all_programs_are_extracted() {
    let partli = || ClickIdMiddleware::new().cookie_name(CookieName::PARTLI);
    let app = || App::new().route("/", web::get().to(all));
    let without = test::init_service(app()).await;
    let with = test::init_service(app().wrap(partli()).wrap(ClickIdMiddleware::new())).await;
    for (cookies, bare, layered) in [
        (NO_COOKIES, "-|-", "-|-"),
        (&["refp_id="], "-|-", "-|-"),
        (&["refp_id=a b; pref_cid=a b"], "-|-", "-|-"),
        (&["refp_id=one"], "one|-", "one|-"),
        (&["pref_cid=two"], "-|-", "-|two"),
        (&["pref_cid=two", "refp_id=one"], "one|-", "one|two"),
    ] {
        let answer = send(&without, get("/", cookies).to_request()).await;
        assert_eq!(answer.body, bare, "{cookies:?}");
        let answer = send(&with, get("/", cookies).to_request()).await;
        assert_eq!(answer.body, layered, "{cookies:?}");
    }

    let request = get("/", &["pref_cid=two; refp_id=one"]).to_request();
    withhold(&request, CookieName::REFPORT);
    assert_eq!(send(&with, request).await.body, "-|two");

    let partli = Capture::new().param("via");
    let partli = partli.cookie_name(CookieName::PARTLI).unwrap();
    let capturing = app()
        .wrap(CaptureMiddleware::new())
        .wrap(CaptureMiddleware::from(partli));
    let landing = get("/?refp_id=one&via=two", NO_COOKIES);
    assert_eq!(through(capturing, landing).await.body, "one|two");
}

#[actix_web::test]
async fn the_extractors_type_is_the_cores_in_every_form() {
    let mut core = refport_core::ClickIds::default();
    core.insert(CookieName::PARTLI, "c_1".parse().unwrap());
    let ids = ClickIds::from(core);
    assert_eq!(ids.get(&CookieName::PARTLI).unwrap().as_str(), "c_1");
    let core = refport_core::ClickIds::from(ids.clone());
    assert_eq!(
        core.get(&CookieName::PARTLI),
        ids.into_inner().get(&CookieName::PARTLI)
    );
}

#[actix_web::test]
async fn the_middlewares_order_does_not_matter() {
    let (capture, click_id) = (CaptureMiddleware::new, ClickIdMiddleware::new);
    for (uri, cookie, want) in [
        ("/optional?refp_id=clk_new", "refp_id=clk_old", "clk_new"),
        ("/optional?refp_id=clk_new", "a=1", "clk_new"),
        ("/optional", "refp_id=clk_old", "clk_old"),
        ("/optional", "a=1", "-"),
    ] {
        let app = || App::new().configure(routes);
        for answer in [
            through(app().wrap(capture()).wrap(click_id()), get(uri, &[cookie])).await,
            through(app().wrap(click_id()).wrap(capture()), get(uri, &[cookie])).await,
            through(app().wrap(capture()), get(uri, &[cookie])).await,
        ] {
            assert_eq!(answer.body, want, "{uri} {cookie}");
        }
    }
}

#[actix_web::test]
async fn a_cookie_of_another_name_needs_the_middleware() {
    let request = || get("/optional", &["acme_ref=clk_1"]);
    let bare = App::new().configure(routes);
    assert_eq!(through(bare, request()).await.body, "-");
    let name = CookieName::new("acme_ref").unwrap().for_default_program();
    let wrapped = App::new()
        .configure(routes)
        .wrap(ClickIdMiddleware::new().cookie_name(name));
    assert_eq!(through(wrapped, request()).await.body, "clk_1");
}

#[actix_web::test]
async fn another_programs_id_is_never_extracted() {
    let app = App::new()
        .configure(routes)
        .wrap(ClickIdMiddleware::new().cookie_name(CookieName::PARTLI));
    let answer = through(app, get("/optional", &["pref_cid=c_1"])).await;
    assert_eq!(answer.body, "-");
}

#[actix_web::test]
async fn a_withheld_id_is_not_extracted() {
    let app = App::new()
        .configure(routes)
        .wrap(ClickIdMiddleware::new())
        .wrap(CaptureMiddleware::new());
    let app = test::init_service(app).await;
    for (form, status, body) in [
        ("optional", StatusCode::OK, "-"),
        ("result", StatusCode::OK, NO_CLICK_ID),
        ("required", StatusCode::BAD_REQUEST, "CLICK_ID_MISSING"),
    ] {
        let uri = format!("/{form}?refp_id=clk_new");
        let request = get(&uri, &["refp_id=clk_old"]).to_request();
        withhold(&request, CookieName::REFPORT);
        let answer = send(&app, request).await;
        assert_eq!(answer.status, status, "{form}");
        assert!(answer.body.contains(body), "{form}: {}", answer.body);
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
}
