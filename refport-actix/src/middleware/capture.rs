use std::{
    borrow::Cow,
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpResponse,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        header::{
            ACCEPT, CACHE_CONTROL, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
        },
        uri::Scheme,
    },
};
use refport_core::{
    CookieName,
    capture::{Capture, Captured, Landing, ParseDomainError, is_page_navigation},
};

use super::{future::CaptureFuture, insert, is_withheld};

/// Captures the click ID from the landing URL: writes the cookie and gives the ID to the same
/// request, in place of an older one. See the crate's page.
///
/// The defaults are those of the official browser SDK, which can run beside it: see [`Capture`],
/// whose settings stand here too.
///
/// The cookie goes with every response, a handler's error included. It is lost where a middleware
/// further inside fails with an `Err` instead of a response: wrap this one inside of such a
/// middleware.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CaptureMiddleware {
    rules: Arc<Capture>,
}

impl CaptureMiddleware {
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
    /// As with [`ClickIdMiddleware::cookie_name`](crate::ClickIdMiddleware::cookie_name), the ID
    /// under another name is kept apart from the default program's.
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

    /// Whether the cookie is `Secure`. Default: when actix itself ends TLS, or the request's URI
    /// says https. Say `true` behind a proxy that ends TLS.
    pub fn secure(self, secure: bool) -> Self {
        self.map(|rules| rules.secure(secure))
    }

    /// Keeps the click that is in the cookie when a second link is followed.
    pub fn first_click_wins(self) -> Self {
        self.map(Capture::first_click_wins)
    }

    /// Whether a page navigation is redirected to the same URL without the parameter, without
    /// calling the handler. Default off.
    pub fn clean_url(self, clean_url: bool) -> Self {
        self.map(|rules| rules.clean_url(clean_url))
    }
}

impl From<Capture> for CaptureMiddleware {
    fn from(rules: Capture) -> Self {
        Self {
            rules: Arc::new(rules),
        }
    }
}

impl<S, B> Transform<S, ServiceRequest> for CaptureMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Transform = CaptureService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(CaptureService {
            inner,
            rules: Arc::clone(&self.rules),
        }))
    }
}

/// The service of [`CaptureMiddleware`].
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct CaptureService<S> {
    inner: S,
    rules: Arc<Capture>,
}

impl<S> CaptureService<S> {
    fn decide(&self, request: &ServiceRequest) -> Option<Captured> {
        let uri = request.uri();
        uri.query()?;
        if is_withheld(&request.extensions(), self.rules.name()) {
            return None;
        }
        let https = request.app_config().secure() || uri.scheme() == Some(&Scheme::HTTPS);
        let landing = Landing::new(request.method().as_str(), uri.path(), uri.query())
            .https(https)
            .navigation(is_navigation(request.headers()));
        self.rules
            .decide(&landing, request.headers().get_all(COOKIE))
    }
}

impl<S, B> Service<ServiceRequest> for CaptureService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = CaptureFuture<S::Future, B>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let Some(captured) = self.decide(&request) else {
            return CaptureFuture::new(self.inner.call(request), None);
        };
        tracing::debug!(cookie = %self.rules.name(), kept = captured.click_id().is_none(), "click on the landing URL");
        let set_cookie = captured.set_cookie().map(header_value);
        if let Some(location) = captured.redirect() {
            let response = request.into_response(redirect(location, set_cookie));
            return CaptureFuture::ready(response.map_into_right_body());
        }
        if let Some(id) = captured.click_id() {
            insert(&mut request.extensions_mut(), self.rules.name(), id.clone());
        }
        CaptureFuture::new(self.inner.call(request), set_cookie)
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
    HeaderValue::from_bytes(text.as_bytes())
        .expect("neither the cookie of the rules nor a URI has control characters")
}

fn redirect(location: &str, set_cookie: Option<HeaderValue>) -> HttpResponse {
    let mut response = HttpResponse::Found();
    response.insert_header((LOCATION, header_value(location)));
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    if let Some(cookie) = set_cookie {
        response.append_header((SET_COOKIE, cookie));
    }
    response.finish()
}
