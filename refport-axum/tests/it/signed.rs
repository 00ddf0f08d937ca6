//! `SignedClickId`: checked by the keys in the state, with and without layers.

use std::time::{Duration, SystemTime};

use axum::{
    Extension, Router,
    body::Body,
    extract::FromRef,
    http::{Request, StatusCode, header::COOKIE, header::SET_COOKIE},
    routing::get,
};
use http_body_util::BodyExt;
use refport_axum::{
    Capture, CaptureLayer, ClickIdLayer, CookieName, SignedClickId,
    refport_core::{ClickIds, signing::SigningKeys},
};
use tower::ServiceExt;

#[derive(Clone)]
struct Shop {
    keys: SigningKeys,
}

impl FromRef<Shop> for SigningKeys {
    fn from_ref(shop: &Shop) -> Self {
        shop.keys.clone()
    }
}

fn keys() -> SigningKeys {
    SigningKeys::new(&[1; 32]).unwrap()
}

fn routes(keys: SigningKeys) -> Router {
    Router::new()
        .route(
            "/",
            get(async |id: Option<SignedClickId>| id.map_or("-".into(), |id| id.to_string())),
        )
        .route(
            "/required",
            get(async |id: SignedClickId| id.into_inner().to_string()),
        )
        .with_state(Shop { keys })
}

async fn call(app: Router, uri: &str, cookies: &str) -> (StatusCode, String, String) {
    let request = Request::get(uri).header(COOKIE, cookies);
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
    let response = response.unwrap();
    let kept = response.headers().get_all(SET_COOKIE).iter();
    let kept = kept.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    let kept = kept.collect::<Vec<_>>().join("; ");
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap(), kept)
}

async fn seen(app: Router, cookies: &str) -> String {
    call(app, "/", cookies).await.1
}

/// The cookies that a browser keeps after landing by `clk_1`.
async fn captured() -> String {
    let app = routes(keys()).layer(CaptureLayer::from(Capture::new().signed_by(keys())));
    let (_, body, cookies) = call(app, "/?refp_id=clk_1", "").await;
    assert_eq!(body, "-", "the signature is only being written");
    assert!(cookies.contains("refp_id_sig="), "{cookies}");
    cookies
}

#[tokio::test]
async fn only_a_signed_id_is_answered_whatever_layers_there_are() {
    let good = captured().await;
    let forged = good.replace("refp_id=clk_1", "refp_id=clk_2");
    for (cookies, want) in [
        (good.as_str(), "clk_1"),
        (&forged, "-"),
        ("refp_id=clk_1", "-"),
        ("refp_id=clk_1; refp_id_sig=x", "-"),
        ("", "-"),
    ] {
        let bare = routes(keys());
        let unchecking = bare.clone().layer(ClickIdLayer::new());
        let checking = bare.clone().layer(ClickIdLayer::new().signed_by(keys()));
        for app in [bare, unchecking, checking] {
            assert_eq!(seen(app.clone(), cookies).await, want, "{cookies}");
            let (status, body, _) = call(app, "/required", cookies).await;
            if want == "-" {
                assert_eq!(status, StatusCode::BAD_REQUEST);
                assert!(body.contains("CLICK_ID_MISSING"), "{body}");
            } else {
                assert_eq!((status, body.as_str()), (StatusCode::OK, want));
            }
        }
    }
    let other = SigningKeys::new(&[2; 32]).unwrap();
    assert_eq!(seen(routes(other), &good).await, "-");
}

#[tokio::test]
async fn a_signature_ages_and_an_unsigned_id_counts_until_the_day() {
    let now = SystemTime::now();
    let id = "clk_1".parse().unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let cookies = |signed: SystemTime| {
        let signature = keys().sign_at(&CookieName::REFPORT, &id, signed);
        format!("refp_id=clk_1; refp_id_sig={signature}")
    };
    let stale = cookies(now - 92 * day);
    assert_eq!(
        seen(routes(keys()), &cookies(now - 90 * day)).await,
        "clk_1"
    );
    assert_eq!(seen(routes(keys()), &stale).await, "-");
    assert_eq!(seen(routes(keys()), &cookies(now + day)).await, "-");
    let longer = keys().max_age(93 * day);
    assert_eq!(seen(routes(longer), &stale).await, "clk_1");

    let beginning = keys().accept_unsigned_until(now + day);
    assert_eq!(
        seen(routes(beginning.clone()), "refp_id=clk_1").await,
        "clk_1"
    );
    assert_eq!(seen(routes(beginning), &stale).await, "-");
    let begun = keys().accept_unsigned_until(now - day);
    assert_eq!(seen(routes(begun), "refp_id=clk_1").await, "-");
}

#[tokio::test]
async fn a_withheld_id_is_not_answered() {
    let mut ids = ClickIds::default();
    ids.withhold(CookieName::REFPORT);
    let app = routes(keys()).layer(Extension(ids));
    assert_eq!(seen(app, &captured().await).await, "-");
}
