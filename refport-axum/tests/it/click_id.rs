use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::COOKIE},
    response::Response,
    routing::get,
};
use http_body_util::BodyExt;
use refport_axum::{
    Capture, CaptureLayer, ClickId, ClickIdLayer, ClickIdRejection, ClickIds, CookieName,
    refport_core,
};
use tower::ServiceExt;

const NO_CLICK_ID: &str =
    "the request carries no click ID: no referral link was followed, or its cookie is gone";

/// `/optional`, `/required` and `/result` answer the ID they were given, or that there is none.
fn routes() -> Router {
    Router::new()
        .route(
            "/optional",
            get(async |id: Option<ClickId>| id.map_or("-".into(), |id| id.to_string())),
        )
        .route("/required", get(async |id: ClickId| id.to_string()))
        .route(
            "/result",
            get(async |id: Result<ClickId, ClickIdRejection>| {
                id.map_or_else(|error| error.to_string(), |id| id.to_string())
            }),
        )
}

async fn call(app: &Router, uri: &str, cookies: &[&[u8]]) -> (StatusCode, String) {
    let mut request = Request::get(uri);
    for cookie in cookies {
        request = request.header(COOKIE, *cookie);
    }
    let response = app
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    (response.status(), text(response).await)
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn extractor_table_with_and_without_the_layer() {
    let cases: &[(&[&[u8]], Option<&str>)] = &[
        (&[], None),
        (&[b"a=1"], None),
        (&[b"refp_id="], None),
        (&[b"refp_id=a b"], None),
        (&[b"refp_id=\xff"], None),
        (&[b"refp_id=clk_1"], Some("clk_1")),
        (&[b"a=1; refp_id=\"clk_1\"; b"], Some("clk_1")),
        (&[b"refp_id=clk%5F1"], Some("clk_1")),
        (&[b"refp_id=one; refp_id=two"], Some("one")),
        (&[b"refp_id=; refp_id=two"], Some("two")),
        (&[b"a=\xff", b"refp_id=clk_1"], Some("clk_1")),
    ];
    for (how, app) in [
        ("without", routes()),
        ("with", routes().layer(ClickIdLayer::new())),
    ] {
        for (cookies, want) in cases {
            let (status, body) = call(&app, "/optional", cookies).await;
            assert_eq!(
                (status, body.as_str()),
                (StatusCode::OK, want.unwrap_or("-")),
                "{how} {cookies:?}"
            );
            let (status, body) = call(&app, "/required", cookies).await;
            match want {
                Some(want) => assert_eq!((status, body.as_str()), (StatusCode::OK, *want), "{how}"),
                None => {
                    assert_eq!(status, StatusCode::BAD_REQUEST, "{how} {cookies:?}");
                    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                    let error = serde_json::json!({
                        "code": "CLICK_ID_MISSING",
                        "message": NO_CLICK_ID,
                    });
                    assert_eq!(body, serde_json::json!({ "error": error }));
                }
            }
            let (status, body) = call(&app, "/result", cookies).await;
            assert_eq!(
                (status, body.as_str()),
                (StatusCode::OK, want.unwrap_or(NO_CLICK_ID)),
                "{how} {cookies:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_layers_order_does_not_matter() {
    let apps = [
        routes()
            .layer(CaptureLayer::new())
            .layer(ClickIdLayer::new()),
        routes()
            .layer(ClickIdLayer::new())
            .layer(CaptureLayer::new()),
        routes().layer(CaptureLayer::new()),
    ];
    for app in &apps {
        let cookies: &[&[u8]] = &[b"refp_id=clk_old"];
        assert_eq!(
            call(app, "/optional?refp_id=clk_new", cookies).await.1,
            "clk_new"
        );
        assert_eq!(call(app, "/optional", cookies).await.1, "clk_old");
        assert_eq!(call(app, "/optional", &[]).await.1, "-");
    }
    let kept = routes()
        .layer(ClickIdLayer::new())
        .layer(CaptureLayer::from(Capture::new().first_click_wins(true)));
    assert_eq!(
        call(&kept, "/optional?refp_id=clk_new", &[b"refp_id=clk_old"])
            .await
            .1,
        "clk_old"
    );
}

#[tokio::test]
async fn the_layers_wrap_a_whole_router_and_nested_ones() {
    use tower::Layer;
    let nested = Router::new().nest("/shop", routes().layer(ClickIdLayer::new()));
    assert_eq!(
        call(&nested, "/shop/optional", &[b"refp_id=clk_1"]).await.1,
        "clk_1"
    );

    let whole = CaptureLayer::new().layer(ClickIdLayer::new().layer(routes()));
    let request = Request::get("/optional?refp_id=clk_1")
        .body(Body::empty())
        .unwrap();
    let response = whole.oneshot(request).await.unwrap();
    assert!(
        response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .starts_with("refp_id=clk_1; ")
    );
    assert_eq!(text(response).await, "clk_1");
}

#[tokio::test]
async fn a_cookie_of_another_name_needs_the_layer() {
    let name = CookieName::new("acme_ref").unwrap().for_default_program();
    let cookies: &[&[u8]] = &[b"acme_ref=clk_1"];
    assert_eq!(call(&routes(), "/optional", cookies).await.1, "-");
    let app = routes().layer(ClickIdLayer::new().cookie_name(name));
    assert_eq!(call(&app, "/optional", cookies).await.1, "clk_1");
}

#[tokio::test]
async fn the_ids_of_all_programs_are_extracted() {
    /// `refport|partli`.
    async fn all(ids: ClickIds) -> String {
        let text = |name| ids.get(name).map_or("-", |id| id.as_str()).to_owned();
        format!(
            "{}|{}",
            text(&CookieName::REFPORT),
            text(&CookieName::PARTLI)
        )
    }

    let partli = || CookieName::PARTLI;
    let without = Router::new().route("/", get(all));
    let with = without
        .clone()
        .layer(ClickIdLayer::new())
        .layer(ClickIdLayer::new().cookie_name(partli()));
    let cases: [(&[&[u8]], &str, &str); 6] = [
        (&[], "-|-", "-|-"),
        (&[b"refp_id="], "-|-", "-|-"),
        (&[b"refp_id=a b; pref_cid=a b"], "-|-", "-|-"),
        (&[b"refp_id=one"], "one|-", "one|-"),
        (&[b"pref_cid=two"], "-|-", "-|two"),
        (&[b"pref_cid=two", b"refp_id=one"], "one|-", "one|two"),
    ];
    for (cookies, bare, layered) in cases {
        assert_eq!(call(&without, "/", cookies).await.1, bare, "{cookies:?}");
        assert_eq!(call(&with, "/", cookies).await.1, layered, "{cookies:?}");
    }

    let withholding = with.layer(withhold());
    let both = call(&withholding, "/", &[b"pref_cid=two; refp_id=one"]).await;
    assert_eq!(both.1, "-|two");

    let rules = Capture::new().param("via");
    let capturing = without
        .layer(CaptureLayer::new())
        .layer(CaptureLayer::from(rules.cookie_name(partli()).unwrap()));
    let landing = call(&capturing, "/?refp_id=one&via=two", &[]).await;
    assert_eq!(landing.1, "one|two");
}

#[test]
fn the_extractors_type_is_the_cores_in_every_form() {
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

#[tokio::test]
async fn a_withheld_id_is_not_extracted() {
    let app = routes()
        .layer(ClickIdLayer::new())
        .layer(CaptureLayer::new())
        .layer(withhold());
    for (form, status, body) in [
        ("optional", StatusCode::OK, "-"),
        ("result", StatusCode::OK, NO_CLICK_ID),
        ("required", StatusCode::BAD_REQUEST, "CLICK_ID_MISSING"),
    ] {
        let uri = format!("/{form}?refp_id=clk_new");
        let answer = call(&app, &uri, &[b"refp_id=clk_old"]).await;
        assert_eq!(answer.0, status, "{form}");
        assert!(answer.1.contains(body), "{form}: {}", answer.1);
    }
}

type Withhold = tower::util::MapRequestLayer<fn(Request<Body>) -> Request<Body>>;

/// A middleware of the site's own, for a visitor who has not agreed.
fn withhold() -> Withhold {
    tower::util::MapRequestLayer::new(|mut request| {
        request
            .extensions_mut()
            .get_or_insert_default::<refport_core::ClickIds>()
            .withhold(CookieName::REFPORT);
        request
    })
}

#[test]
fn it_is_made_from_what_was_kept_with_the_customer() {
    let id: ClickId = "clk_1".parse().unwrap();
    assert_eq!(ClickId::try_from("clk_1").unwrap(), id);
    assert_eq!(ClickId::try_from(id.to_string()).unwrap(), id);
    assert!(ClickId::try_from("a b").is_err() && "".parse::<ClickId>().is_err());
    assert_eq!(format!("{id:?}"), "ClickId(\"clk_1\")");
}
