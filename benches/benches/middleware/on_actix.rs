//! actix-web, with the middlewares, the extractor, and actix's own way to read a cookie.

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use actix_http::{
    Request,
    body::{BodySize, MessageBody},
    header,
};
use actix_web::{
    App, Error, FromRequest, Handler, HttpMessage, HttpRequest, Responder,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    test::{self, TestRequest},
    web,
};
use futures_util::FutureExt;
use http::HeaderMap;
use refport_actix::{CaptureMiddleware, ClickId, ClickIdMiddleware, Consent, refport_core};

use super::server::{ACTIX_CAPTURE, EXTRACTOR, MIDDLEWARE, Server, Variant, text};

pub(super) fn variants() -> Vec<Variant> {
    let click_id = ClickIdMiddleware::new;
    vec![
        plain("bare app", app(buy)),
        plain(MIDDLEWARE, app(buy).wrap(click_id())),
        reading(
            "the same, and Option<ClickId> in the handler",
            app(extracted).wrap(click_id()),
        ),
        reading(EXTRACTOR, app(extracted)),
        plain(ACTIX_CAPTURE, app(buy).wrap(CaptureMiddleware::new())),
        plain(
            "CaptureMiddleware with a consent gate",
            app(buy).wrap(CaptureMiddleware::new().consent(agreed)),
        ),
        plain(
            "CaptureMiddleware and ClickIdMiddleware",
            app(buy).wrap(click_id()).wrap(CaptureMiddleware::new()),
        ),
        plain(
            "from_fn that does what ClickIdMiddleware does",
            app(buy).wrap(from_fn(read)),
        ),
        reading("HttpRequest::cookie in the handler", app(cookie)),
    ]
}

/// What looks at the URL.
pub(super) fn capturing() -> Vec<Variant> {
    vec![
        plain("bare app", app(buy)),
        plain(ACTIX_CAPTURE, app(buy).wrap(CaptureMiddleware::new())),
    ]
}

fn plain<F, B>(name: &'static str, app: App<F>) -> Variant
where
    F: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let service = test::init_service(app).now_or_never();
    Variant {
        name,
        reads: false,
        server: Box::new(Actix {
            service: service.expect("nothing in it waits"),
            requests: Vec::new(),
        }),
    }
}

fn reading<F, B>(name: &'static str, app: App<F>) -> Variant
where
    F: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    Variant {
        reads: true,
        ..plain(name, app)
    }
}

fn app<H, A>(
    handler: H,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
>
where
    H: Handler<A, Output: Responder>,
    A: FromRequest + 'static,
{
    App::new().route("/buy", web::get().to(handler))
}

async fn buy() -> &'static str {
    text(false)
}

async fn extracted(click_id: Option<ClickId>) -> &'static str {
    text(black_box(click_id).is_some())
}

async fn cookie(request: HttpRequest) -> &'static str {
    let cookie = request.cookie("refp_id");
    let id = cookie.and_then(|cookie| cookie.value().parse::<refport_core::ClickId>().ok());
    text(black_box(id).is_some())
}

async fn read(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let cookies = request.headers().get_all(header::COOKIE);
    if let Some(id) = refport_core::ClickId::from_cookie_headers(cookies) {
        request.extensions_mut().insert(id);
    }
    next.call(request).await
}

fn agreed(_: &ServiceRequest) -> Consent {
    Consent::Granted
}

struct Actix<S> {
    service: S,
    requests: Vec<Request>,
}

impl<S, B> Actix<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    fn response(&mut self) -> ServiceResponse<B> {
        let request = self.requests.pop().expect("it was prepared");
        let mut context = Context::from_waker(Waker::noop());
        assert!(self.service.poll_ready(&mut context).is_ready());
        match pin!(self.service.call(request)).poll(&mut context) {
            Poll::Ready(response) => response.expect("no handler fails"),
            Poll::Pending => unreachable!("no handler waits"),
        }
    }
}

impl<S, B> Server for Actix<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn prepare(&mut self, url: &str, headers: &HeaderMap, count: usize) {
        let mut template = header::HeaderMap::new();
        for (name, value) in headers {
            let name = header::HeaderName::from_bytes(name.as_str().as_bytes());
            let value = header::HeaderValue::from_bytes(value.as_bytes());
            template.append(name.expect("a name"), value.expect("a value"));
        }
        self.requests.extend((0..count).map(|_| {
            let mut request = TestRequest::with_uri(url).to_request();
            template.clone_into(request.headers_mut());
            request
        }));
    }

    fn serve(&mut self) {
        black_box(self.response());
    }

    fn answer(&mut self) -> u64 {
        match self.response().response().body().size() {
            BodySize::Sized(length) => length,
            size => unreachable!("a text's length is known: {size:?}"),
        }
    }
}
