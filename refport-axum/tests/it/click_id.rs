use axum::{
    Extension, Router,
    body::Body,
    http::{Request, StatusCode, header::COOKIE},
    response::Response,
    routing::get,
};
use http_body_util::BodyExt;
use refport_axum::{CaptureLayer, ClickId, ClickIdLayer, ClickIds, CookieName};
use tower::ServiceExt;

/// `/optional` and `/required` answer the ID they were given.
fn routes() -> Router {
    Router::new()
        .route(
            "/optional",
            get(async |id: Option<ClickId>| id.map_or("-".into(), |id| id.to_string())),
        )
        .route("/required", get(async |id: ClickId| id.to_string()))
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
                    assert_eq!(body["error"]["code"], "CLICK_ID_MISSING");
                    assert!(
                        body["error"]["message"]
                            .as_str()
                            .unwrap()
                            .contains("no click ID")
                    );
                }
            }
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
        .layer(CaptureLayer::new().first_click_wins());
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
async fn a_second_programs_ids_are_kept_apart() {
    let handler = async |id: Option<ClickId>, ids: Option<Extension<ClickIds>>| {
        let partli = ids.and_then(|ids| ids.get(&CookieName::PARTLI).map(ToString::to_string));
        format!("{:?} {partli:?}", id.map(|id| id.to_string()))
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(ClickIdLayer::new())
        .layer(ClickIdLayer::new().cookie_name(CookieName::PARTLI));
    let both = call(&app, "/", &[b"refp_id=one; pref_cid=two"]).await.1;
    assert_eq!(both, r#"Some("one") Some("two")"#);
    assert_eq!(
        call(&app, "/", &[b"pref_cid=two"]).await.1,
        r#"None Some("two")"#
    );
    assert_eq!(call(&app, "/", &[]).await.1, "None None");
}

#[tokio::test]
async fn a_withheld_id_is_not_extracted() {
    let withhold = axum::middleware::map_request(async |mut request: axum::extract::Request| {
        request
            .extensions_mut()
            .get_or_insert_default::<ClickIds>()
            .withhold(CookieName::REFPORT);
        request
    });
    let app = routes()
        .layer(ClickIdLayer::new())
        .layer(CaptureLayer::new())
        .layer(withhold);
    assert_eq!(
        call(&app, "/optional?refp_id=clk_new", &[b"refp_id=clk_old"])
            .await
            .1,
        "-"
    );
}
