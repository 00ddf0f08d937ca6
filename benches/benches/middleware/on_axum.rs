//! axum, with the layers in each place where they may stand, and the peers.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    handler::Handler,
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, Uri};
use refport_axum::{
    Capture, CaptureLayer, ClickId, ClickIdLayer, Consent, GlobalPrivacyControl, refport_core,
};
use tower::{Layer, Service, ServiceExt, layer::util::Identity, util::Oneshot};
use tower_cookies::{CookieManagerLayer, Cookies};

use super::server::{
    AROUND, CAPTURE, CAPTURE_IGNORING, EXTRACTOR, NO_OP, PEER, ROUTER_LAYER, Server, Variant, text,
};

pub(super) fn variants() -> Vec<Variant> {
    let click_id = ClickIdLayer::new;
    vec![
        plain("bare router", router(buy)),
        plain(AROUND, click_id().layer(router(buy))),
        reading(
            "the same, and Option<ClickId> in the handler",
            click_id().layer(router(extracted)),
        ),
        reading(EXTRACTOR, router(extracted)),
        plain(ROUTER_LAYER, router(buy).layer(click_id())),
        plain(
            "ClickIdLayer through MethodRouter::layer",
            Router::new().route("/buy", get(buy).layer(click_id())),
        ),
        plain(CAPTURE, CaptureLayer::new().layer(router(buy))),
        plain(
            CAPTURE_IGNORING,
            CaptureLayer::from(Capture::new().global_privacy_control(GlobalPrivacyControl::Ignore))
                .layer(router(buy)),
        ),
        plain(
            "CaptureLayer with a consent gate around the router",
            CaptureLayer::new().consent(agreed).layer(router(buy)),
        ),
        plain(
            "CaptureLayer and ClickIdLayer around the router",
            CaptureLayer::new().layer(click_id().layer(router(buy))),
        ),
        plain(NO_OP, router(buy).layer(Identity::new())),
        plain(
            "from_fn that does what ClickIdLayer does",
            router(buy).layer(from_fn(read)),
        ),
        plain(
            "tower-cookies around the router, never read",
            CookieManagerLayer::new().layer(router(buy)),
        ),
        reading(PEER, CookieManagerLayer::new().layer(router(managed))),
        reading("axum-extra CookieJar, and get", router(jar)),
    ]
}

/// What looks at the URL.
pub(super) fn capturing() -> Vec<Variant> {
    vec![
        plain("bare router", router(buy)),
        plain(CAPTURE, CaptureLayer::new().layer(router(buy))),
        plain(
            "CaptureLayer with a consent gate around the router",
            CaptureLayer::new().consent(agreed).layer(router(buy)),
        ),
    ]
}

/// As hyper's connections use a service.
pub(super) fn cloned() -> Vec<Variant> {
    vec![
        plain("bare router", Cloned(router(buy))),
        plain(AROUND, Cloned(ClickIdLayer::new().layer(router(buy)))),
        plain(CAPTURE, Cloned(CaptureLayer::new().layer(router(buy)))),
    ]
}

fn plain<S>(name: &'static str, service: S) -> Variant
where
    Axum<S>: Server + 'static,
{
    Variant {
        name,
        reads: false,
        server: Box::new(Axum {
            service,
            requests: Vec::new(),
        }),
    }
}

fn reading<S>(name: &'static str, service: S) -> Variant
where
    Axum<S>: Server + 'static,
{
    Variant {
        reads: true,
        ..plain(name, service)
    }
}

fn router<H: Handler<T, ()>, T: 'static>(handler: H) -> Router {
    Router::new().route("/buy", get(handler))
}

async fn buy() -> &'static str {
    text(false)
}

async fn extracted(click_id: Option<ClickId>) -> &'static str {
    text(black_box(click_id).is_some())
}

async fn managed(cookies: Cookies) -> &'static str {
    let cookie = cookies.get("refp_id");
    text(black_box(cookie.and_then(|cookie| checked(cookie.value()))).is_some())
}

async fn jar(jar: CookieJar) -> &'static str {
    let cookie = jar.get("refp_id");
    text(black_box(cookie.and_then(|cookie| checked(cookie.value()))).is_some())
}

fn checked(value: &str) -> Option<refport_core::ClickId> {
    value.parse().ok()
}

async fn read(mut request: Request, next: Next) -> Response {
    if let Some(id) = refport_core::ClickId::from_headers(request.headers()) {
        request.extensions_mut().insert(id);
    }
    next.run(request).await
}

fn agreed(_: &refport_axum::refport_tower::ConsentRequest<'_>) -> Consent {
    Consent::Granted
}

/// A service that is cloned for each call.
struct Cloned<S>(S);

impl<S: Service<Request> + Clone> Service<Request> for Cloned<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Oneshot<S, Request>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.clone().oneshot(request)
    }
}

struct Axum<S> {
    service: S,
    requests: Vec<Request>,
}

impl<S> Axum<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    fn response(&mut self) -> Response {
        let request = self.requests.pop().expect("it was prepared");
        let mut context = Context::from_waker(Waker::noop());
        let ready = self.service.poll_ready(&mut context);
        assert!(ready.is_ready());
        match pin!(self.service.call(request)).poll(&mut context) {
            Poll::Ready(Ok(response)) => response,
            Poll::Pending => unreachable!("no handler waits"),
        }
    }
}

impl<S> Server for Axum<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    fn prepare(&mut self, url: &str, headers: &HeaderMap, count: usize) {
        let url: Uri = url.parse().expect("a path");
        self.requests.extend((0..count).map(|_| {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = url.clone();
            headers.clone_into(request.headers_mut());
            request
        }));
    }

    fn serve(&mut self) {
        black_box(self.response());
    }

    fn answer(&mut self) -> u64 {
        use axum::body::HttpBody;
        self.response().body().size_hint().lower()
    }
}
