use std::{
    borrow::Cow,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, COOKIE, LOCATION},
    uri::Scheme,
};
use refport_core::{
    CookieName,
    capture::{Capture, Captured, Landing, ParseDomainError, is_page_navigation},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{future::ResponseFuture, insert, is_withheld};

/// Captures the click ID from the landing URL: writes the cookie and gives the ID to the same
/// request, in place of an older one. See the crate's page.
///
/// The defaults are those of the official browser SDK, which can run beside it: see
/// [`Capture`], whose settings stand here too.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CaptureLayer {
    rules: Arc<Capture>,
}

impl CaptureLayer {
    /// Captures `?refp_id=…` into the cookie `refp_id` for 90 days; the last click wins.
    pub fn new() -> Self {
        Self::default()
    }

    fn map(self, change: impl FnOnce(Capture) -> Capture) -> Self {
        change(Arc::unwrap_or_clone(self.rules)).into()
    }

    /// The query parameter that carries the click ID. Default `refp_id`.
    pub fn param(self, param: impl Into<Cow<'static, str>>) -> Self {
        self.map(|rules| rules.param(param))
    }

    /// The cookie to write. Default [`CookieName::REFPORT`].
    ///
    /// As with [`ClickIdLayer::cookie_name`](crate::ClickIdLayer::cookie_name), the ID under
    /// another name is kept apart from the default program's.
    pub fn cookie_name(self, name: CookieName) -> Self {
        self.map(|rules| rules.cookie_name(name))
    }

    /// How long the browser keeps the cookie, in whole seconds. Default 90 days.
    pub fn max_age(self, max_age: Duration) -> Self {
        self.map(|rules| rules.max_age(max_age))
    }

    /// The cookie's `Domain`, so that subdomains see it too. Default none.
    ///
    /// # Errors
    ///
    /// When `domain` is not a host name.
    pub fn domain(self, domain: &str) -> Result<Self, ParseDomainError> {
        Arc::unwrap_or_clone(self.rules)
            .domain(domain)
            .map(Self::from)
    }

    /// Whether the cookie is `Secure`. Default: when the request's URI says https, which only
    /// HTTP/2 requests on a TLS connection do. Say `true` on every site that is served by https.
    pub fn secure(self, secure: bool) -> Self {
        self.map(|rules| rules.secure(secure))
    }

    /// Keeps the click that is in the cookie when a second link is followed.
    pub fn first_click_wins(self) -> Self {
        self.map(Capture::first_click_wins)
    }

    /// Whether a page navigation is redirected to the same URL without the parameter, without
    /// calling the service inside. Default off.
    pub fn clean_url(self, clean_url: bool) -> Self {
        self.map(|rules| rules.clean_url(clean_url))
    }
}

impl From<Capture> for CaptureLayer {
    fn from(rules: Capture) -> Self {
        Self {
            rules: Arc::new(rules),
        }
    }
}

impl<S> Layer<S> for CaptureLayer {
    type Service = CaptureService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CaptureService {
            inner,
            rules: Arc::clone(&self.rules),
        }
    }
}

/// The service of [`CaptureLayer`].
#[derive(Clone, Debug)]
pub struct CaptureService<S> {
    inner: S,
    rules: Arc<Capture>,
}

impl<S> CaptureService<S> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, taken out.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn decide<B>(&self, request: &Request<B>) -> Option<Captured> {
        let uri = request.uri();
        uri.query()?;
        if is_withheld(request.extensions(), self.rules.name()) {
            return None;
        }
        let headers = request.headers();
        let landing = Landing::new(request.method().as_str(), uri.path(), uri.query())
            .https(uri.scheme() == Some(&Scheme::HTTPS))
            .navigation(is_navigation(headers));
        self.rules.decide(&landing, headers.get_all(COOKIE))
    }
}

impl<S, B, R> Service<Request<B>> for CaptureService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(captured) = self.decide(&request) else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        tracing::debug!(cookie = %self.rules.name(), kept = captured.click_id().is_none(), "click on the landing URL");
        let set_cookie = captured.set_cookie().map(header_value);
        if let Some(location) = captured.redirect() {
            return ResponseFuture::ready(redirect(location, set_cookie));
        }
        if let Some(id) = captured.click_id() {
            insert(request.extensions_mut(), self.rules.name(), id.clone());
        }
        ResponseFuture::new(self.inner.call(request), set_cookie)
    }
}

fn is_navigation(headers: &HeaderMap) -> bool {
    let bytes = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    is_page_navigation(
        bytes(HeaderName::from_static("sec-fetch-mode")),
        bytes(HeaderName::from_static("sec-fetch-dest")),
        bytes(ACCEPT),
    )
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the rules write ASCII without control characters")
}

fn redirect<R: Default>(location: &str, set_cookie: Option<HeaderValue>) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(LOCATION, header_value(location));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = set_cookie {
        headers.append(http::header::SET_COOKIE, cookie);
    }
    response
}
