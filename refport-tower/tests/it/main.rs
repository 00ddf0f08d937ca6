//! The layers around a plain service.

mod agree;
mod bodies;
mod capture;
mod consent;
mod layer;
#[cfg(feature = "signed")]
mod signed;

use std::convert::Infallible;

use http::{Request, Response, header::COOKIE};
use refport_core::{ClickId, ClickIds, CookieName};
use tower::{Layer, Service, ServiceExt, service_fn};

/// What the innermost service saw, as `plain|partli`.
pub(crate) async fn through<L>(layers: L, request: Request<()>) -> Response<String>
where
    L: Layer<Echo>,
    L::Service: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    layers.layer(echo()).oneshot(request).await.unwrap()
}

pub(crate) type Echo = tower::util::ServiceFn<fn(Request<()>) -> Answer>;
type Answer = std::future::Ready<Result<Response<String>, Infallible>>;

pub(crate) fn echo() -> Echo {
    service_fn(|request| {
        let text = |id: Option<&ClickId>| id.map_or("-", ClickId::as_str).to_owned();
        let plain = text(request.extensions().get());
        let partli = text(refport_tower::click_id(
            request.extensions(),
            &CookieName::PARTLI,
        ));
        std::future::ready(Ok(Response::new(format!("{plain}|{partli}"))))
    })
}

pub(crate) fn get(uri: &str, cookies: &[&str]) -> Request<()> {
    let mut request = Request::get(uri);
    for cookie in cookies {
        request = request.header(COOKIE, *cookie);
    }
    request.body(()).unwrap()
}

pub(crate) fn withheld(mut request: Request<()>, name: CookieName) -> Request<()> {
    request
        .extensions_mut()
        .get_or_insert_default::<ClickIds>()
        .withhold(name);
    request
}
