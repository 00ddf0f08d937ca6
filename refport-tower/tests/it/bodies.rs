//! Bodies of any kind pass through: ones that are not `Sync`, and ones that are no bodies of HTTP.

use std::{cell::Cell, convert::Infallible};

use http::{Request, Response, header::SET_COOKIE};
use refport_core::{ClickId, capture::Capture, consent::Consent};
use refport_tower::{CaptureLayer, ClickIdLayer};
use tower::{Layer, ServiceBuilder, ServiceExt};

/// Neither `Sync` nor `Clone`.
#[derive(Debug, Default, PartialEq)]
struct Body(Cell<u32>);

/// Answers the request's body, with one more for each ID that it saw.
async fn count(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let seen = request.extensions().get::<ClickId>().is_some();
    let body = request.into_body();
    body.0.set(body.0.get() + u32::from(seen));
    Ok(Response::new(body))
}

#[tokio::test]
async fn a_body_that_is_not_sync_passes_and_its_future_can_be_sent() {
    let gate = CaptureLayer::new().consent_async(|_| std::future::ready(Consent::Granted));
    let service = ServiceBuilder::new()
        .layer(gate)
        .layer(CaptureLayer::from(Capture::new().param("via")))
        .layer(ClickIdLayer::new())
        .service(tower::service_fn(count));
    for (uri, cookie, want) in [
        ("/", "a=1", 7),
        ("/", "refp_id=clk_1", 8),
        ("/?refp_id=clk_1", "a=1", 8),
        ("/?via=clk_1", "a=1", 8),
    ] {
        let request = Request::get(uri)
            .header("cookie", cookie)
            .body(Body(Cell::new(7)));
        // A task takes what can be sent alone.
        let call = tokio::spawn(service.clone().oneshot(request.unwrap()));
        let response = call.await.unwrap().unwrap();
        assert_eq!(
            response.into_body(),
            Body(Cell::new(want)),
            "{uri} {cookie}"
        );
    }
}

#[tokio::test]
async fn the_redirect_has_the_empty_body_of_that_kind() {
    let service = CaptureLayer::new().clean_url(true);
    let service = service.layer(tower::service_fn(count));
    let request = Request::get("/?refp_id=clk_1").header("accept", "text/html");
    let request = request.body(Body(Cell::new(7))).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert!(response.headers().contains_key(SET_COOKIE));
    assert_eq!(response.into_body(), Body::default());
}
