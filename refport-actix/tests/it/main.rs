//! The middlewares, extractors and guards in real applications.

mod agree;
mod capture;
#[cfg(feature = "reqwest")]
mod checkout;
#[cfg(feature = "reqwest")]
mod clear;
mod click_id;
mod composition;
mod connections;
mod consent;
mod ext;
mod extractor;
mod guard;
#[cfg(feature = "outbox")]
mod queued;
#[cfg(feature = "client")]
mod recorder;
#[cfg(feature = "signed")]
mod signed;
#[cfg(feature = "signed")]
mod signed_extractor;

use std::net::SocketAddr;

use actix_service::{Service, ServiceFactory};
use actix_web::{
    App, Error, HttpMessage, HttpRequest, HttpServer,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE},
    },
    test::{self, TestRequest},
    web::{self, ServiceConfig},
};
use refport_actix::{
    CookieName,
    refport_core::{ClickId, ClickIds},
};

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: HeaderName) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all(SET_COOKIE);
        values.map(|value| value.to_str().unwrap()).collect()
    }
}

/// An application that answers every request with what the middlewares left in the extensions, as
/// `plain|partli`.
pub(crate) fn echo() -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().default_service(web::to(left_in_extensions))
}

async fn left_in_extensions(request: HttpRequest) -> String {
    let extensions = request.extensions();
    let text = |id: Option<&ClickId>| id.map_or("-", ClickId::as_str).to_owned();
    let ids = extensions.get::<ClickIds>();
    let plain = text(extensions.get());
    let partli = text(ids.and_then(|ids| ids.get(&CookieName::PARTLI)));
    format!("{plain}|{partli}")
}

/// A handler that answers the ID it is given.
pub(crate) async fn optional(id: Option<refport_actix::ClickId>) -> String {
    id.map_or("-".to_owned(), |id| id.to_string())
}

/// What `app` answers to one request.
pub(crate) async fn through<T, B>(app: App<T>, request: TestRequest) -> Answer
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    send(&test::init_service(app).await, request.to_request()).await
}

pub(crate) async fn send<S, R, B>(app: &S, request: R) -> Answer
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = test::call_service(app, request).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = test::read_body(response).await.to_vec();
    Answer {
        status,
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

pub(crate) fn get<C: AsRef<[u8]>>(uri: &str, cookies: &[C]) -> TestRequest {
    let request = TestRequest::with_uri(uri);
    cookies.iter().fold(request, |request, cookie| {
        request.append_header((COOKIE, HeaderValue::from_bytes(cookie.as_ref()).unwrap()))
    })
}

pub(crate) const NO_COOKIES: &[&str] = &[];

/// Says that the visitor has not agreed to `name`, as a middleware outside of ours would.
pub(crate) fn withhold(request: &impl HttpMessage, name: CookieName) {
    let mut extensions = request.extensions_mut();
    extensions
        .get_or_insert_with(ClickIds::default)
        .withhold(name);
}

/// Serves HTTP/1 and, without TLS, HTTP/2 until the test ends.
pub(crate) fn serve(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> SocketAddr {
    let app = move || App::new().configure(configure.clone());
    let server = HttpServer::new(app).workers(1).disable_signals();
    let server = server.bind_auto_h2c("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    actix_web::rt::spawn(server.run());
    address
}
