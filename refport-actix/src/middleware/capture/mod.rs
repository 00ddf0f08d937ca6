//! Capturing from the landing URL: the middleware, and what it writes.

mod answer;
mod consent;
mod future;
mod gate;

use std::{
    borrow::Cow,
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    HttpMessage,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        header::{COOKIE, HeaderMap, HeaderName},
        uri::Scheme,
    },
};
use refport_core::{
    CookieName,
    capture::{
        Capture, Captured, Landing, ParseDomainError, ParsePathError, RequestHeaders, SameSite,
    },
    consent::Consent,
};

use self::gate::Gate;
use super::{insert, is_denied, withhold};

pub use self::{
    consent::{ConsentFuture, ConsentMiddleware, ConsentService},
    future::CaptureFuture,
};

/// Captures the click ID from the landing URL: writes the cookie and gives the ID to the same
/// request, in place of an older one. See the crate's page.
///
/// The defaults are those of the official browser SDK, which can run beside it: see [`Capture`],
/// whose settings stand here too, and which a middleware is made [from](Self::from).
///
/// - A browser that loads the page ahead (`Sec-Purpose: prefetch`) captures nothing.
/// - An answer that sets the cookie is made `Cache-Control: private`, and loses what it says to
///   shared caches alone (`CDN-Cache-Control`, `Surrogate-Control`).
/// - The cookie is written once: one of the same name, path and domain that the handler sets is
///   taken off.
/// - A request with `Sec-GPC: 1` is denied, as by a [gate](Self::consent).
///
/// The cookie goes with every response, a handler's error included. It is lost where a middleware
/// further inside fails with an `Err`, which has no headers yet: let that one answer with a
/// response.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CaptureMiddleware {
    rules: Arc<Capture>,
    gate: Gate,
}

impl CaptureMiddleware {
    /// Captures `?refp_id=…` into the cookie `refp_id` for 90 days; the last click wins.
    pub fn new() -> Self {
        Self::default()
    }

    fn map(self, change: impl FnOnce(Capture) -> Capture) -> Self {
        Self {
            rules: Arc::new(change(Arc::unwrap_or_clone(self.rules))),
            gate: self.gate,
        }
    }

    fn try_map<E>(self, change: impl FnOnce(Capture) -> Result<Capture, E>) -> Result<Self, E> {
        Ok(Self {
            rules: Arc::new(change(Arc::unwrap_or_clone(self.rules))?),
            gate: self.gate,
        })
    }

    /// The query parameter that carries the click ID. Default `refp_id`.
    pub fn param(self, param: impl Into<Cow<'static, str>>) -> Self {
        self.map(|rules| rules.param(param))
    }

    /// The cookie to write. Default [`CookieName::REFPORT`].
    ///
    /// As with [`ClickIdMiddleware::cookie_name`](crate::ClickIdMiddleware::cookie_name), the ID under
    /// another name is kept apart from the default program's.
    pub fn cookie_name(self, name: CookieName) -> Self {
        self.map(|rules| rules.cookie_name(name))
    }

    /// How long the browser keeps the cookie, in whole seconds. Default 90 days.
    pub fn max_age(self, max_age: Duration) -> Self {
        self.map(|rules| rules.max_age(max_age))
    }

    /// The cookie's `Path`. Default `/`.
    ///
    /// # Errors
    ///
    /// When `path` does not begin with `/`, or has a `;` or bytes other than visible ASCII.
    pub fn path(self, path: impl Into<Cow<'static, str>>) -> Result<Self, ParsePathError> {
        self.try_map(|rules| rules.path(path))
    }

    /// The cookie's `Domain`, so that subdomains see it too. Default none.
    ///
    /// # Errors
    ///
    /// When `domain` is not a host name of two labels or more. With the feature `public-suffix`
    /// also when it is a public suffix such as `co.uk`.
    pub fn domain(self, domain: &str) -> Result<Self, ParseDomainError> {
        self.try_map(|rules| rules.domain(domain))
    }

    /// Whether the cookie goes with requests that come from other sites. Default `Lax`.
    pub fn same_site(self, same_site: SameSite) -> Self {
        self.map(|rules| rules.same_site(same_site))
    }

    /// Whether the cookie is `Secure`. Default: when actix itself ends TLS, or the request's URI
    /// says https. Say `true` behind a proxy that ends TLS.
    pub fn secure(self, secure: bool) -> Self {
        self.map(|rules| rules.secure(secure))
    }

    /// Makes the cookie `Secure` also where a proxy says that the visitor came by https: see
    /// [`Capture::trust_forwarded_proto`].
    pub fn trust_forwarded_proto(self) -> Self {
        self.map(Capture::trust_forwarded_proto)
    }

    /// Whether the cookie is hidden from scripts. Default off, because the browser SDK reads it.
    pub fn http_only(self, http_only: bool) -> Self {
        self.map(|rules| rules.http_only(http_only))
    }

    /// Keeps the click that is in the cookie when a second link is followed.
    pub fn first_click_wins(self) -> Self {
        self.map(Capture::first_click_wins)
    }

    /// How long a click is kept before a second link may overwrite it: see
    /// [`Capture::overwrite_after`]. Default: a second link does so at once.
    pub fn overwrite_after(self, time: Duration) -> Self {
        self.map(|rules| rules.overwrite_after(time))
    }

    /// Whether a page navigation is redirected to the same URL without the parameter, without
    /// calling the handler. Default off.
    pub fn clean_url(self, clean_url: bool) -> Self {
        self.map(|rules| rules.clean_url(clean_url))
    }

    /// Counts `Sec-GPC: 1` for nothing: see [`Capture::ignore_global_privacy_control`].
    pub fn ignore_global_privacy_control(self) -> Self {
        self.map(Capture::ignore_global_privacy_control)
    }

    /// Signs what is captured: see [`Capture::signed_by`]. Give the same keys to
    /// [`ClickIdMiddleware::signed_by`](crate::ClickIdMiddleware::signed_by).
    #[cfg(feature = "signed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
    pub fn signed_by(self, keys: refport_core::signing::SigningKeys) -> Self {
        self.map(|rules| rules.signed_by(keys))
    }

    /// Asks `gate` whether the click may be stored and read; [`Consent`] says what follows from
    /// each answer. Default: nobody is asked, and all is granted.
    ///
    /// It is asked when the URL or the cookie has a click ID, and not by a request with Global
    /// Privacy Control, which is denied.
    ///
    /// ```
    /// use refport_actix::{CaptureMiddleware, ClickIdExt, Consent};
    ///
    /// // The site's own banner keeps the visitor's answer in the cookie `choice`.
    /// let middleware = CaptureMiddleware::new().consent(|request| {
    ///     match request.cookie_value("choice").as_deref() {
    ///         Some("all") => Consent::Granted,
    ///         Some(_) => Consent::Denied,
    ///         None => Consent::Unknown,
    ///     }
    /// });
    /// # let _ = middleware;
    /// ```
    pub fn consent<F>(self, gate: F) -> Self
    where
        F: Fn(&ServiceRequest) -> Consent + Send + Sync + 'static,
    {
        Self {
            gate: Gate::Ask(Arc::new(gate)),
            ..self
        }
    }

    /// Takes the answer from the request's extensions, where a middleware further out has put a
    /// [`Consent`]. Where there is none it is `Unknown`.
    pub fn consent_from_extensions(self) -> Self {
        Self {
            gate: Gate::Extensions,
            ..self
        }
    }

    /// Asks a gate that takes its time, such as a look into a session store: else as
    /// [`consent`](Self::consent).
    ///
    /// The future cannot borrow the request, so take out of it what is needed:
    ///
    /// ```
    /// use refport_actix::{CaptureMiddleware, ClickIdExt, Consent};
    ///
    /// # async fn has_agreed(session: Option<String>) -> Option<bool> { session.map(|_| true) }
    /// let middleware = CaptureMiddleware::new().consent_async(|request| {
    ///     let session = request.cookie_value("session").map(|session| session.into_owned());
    ///     async move {
    ///         has_agreed(session).await.map_or(Consent::Unknown, Consent::from_answer)
    ///     }
    /// });
    /// # let _ = middleware;
    /// ```
    pub fn consent_async<F, Fut>(self, gate: F) -> ConsentMiddleware<F>
    where
        F: Fn(&ServiceRequest) -> Fut,
        Fut: Future<Output = Consent>,
    {
        ConsentMiddleware::new(self.consent_from_extensions(), gate)
    }
}

impl From<Capture> for CaptureMiddleware {
    fn from(rules: Capture) -> Self {
        Self {
            rules: Arc::new(rules),
            gate: Gate::default(),
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
            middleware: self.clone(),
        }))
    }
}

/// The service of [`CaptureMiddleware`].
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct CaptureService<S> {
    inner: S,
    middleware: CaptureMiddleware,
}

impl<S> CaptureService<S> {
    /// Whether it is plain that there is nothing to do, as about most requests.
    fn passes(&self, request: &ServiceRequest) -> bool {
        let CaptureMiddleware { rules, gate } = &self.middleware;
        let headers = Headers(request.headers());
        matches!(gate, Gate::Nobody) && rules.passes(request.uri().query(), &headers)
    }

    fn decide(&self, request: &ServiceRequest) -> Option<Captured> {
        let CaptureMiddleware { rules, gate } = &self.middleware;
        let headers = Headers(request.headers());
        let landing = landing(request, &headers);
        match gate {
            Gate::Nobody => rules.decide(&landing),
            Gate::Ask(ask) => rules.decide_with(&landing, || ask(request)),
            Gate::Extensions => rules.decide_with(&landing, || {
                let answer = request.extensions().get::<Consent>().copied();
                answer.unwrap_or_default()
            }),
        }
    }

    #[cold]
    fn capture<B>(&self, request: ServiceRequest) -> CaptureFuture<S::Future, B>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    {
        let Some(captured) = self.decide(&request) else {
            return CaptureFuture::new(self.inner.call(request), None);
        };
        let name = self.middleware.rules.name();
        if is_denied(&request.extensions(), name) {
            return CaptureFuture::new(self.inner.call(request), None);
        }
        tracing::debug!(
            cookie = %name,
            withheld = captured.is_withheld(),
            stored = !captured.set_cookies().is_empty(),
            "click ID decided on"
        );
        if captured.redirect().is_some() {
            let response = request.into_response(answer::redirect(&captured));
            return CaptureFuture::ready(response.map_into_right_body());
        }
        if captured.is_withheld() {
            withhold(&mut request.extensions_mut(), name);
        } else if let Some(id) = captured.click_id() {
            insert(&mut request.extensions_mut(), name, id.clone());
        }
        CaptureFuture::new(self.inner.call(request), Some(Box::new(captured)))
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
        if self.passes(&request) {
            CaptureFuture::new(self.inner.call(request), None)
        } else {
            self.capture(request)
        }
    }
}

fn landing<'a>(request: &'a ServiceRequest, headers: &'a Headers<'a>) -> Landing<'a, Headers<'a>> {
    let uri = request.uri();
    let https = request.app_config().secure() || uri.scheme() == Some(&Scheme::HTTPS);
    Landing::new(request.method().as_str(), uri.path(), uri.query(), headers).https(https)
}

/// actix's headers, as the rules look at them.
struct Headers<'a>(&'a HeaderMap);

impl RequestHeaders for Headers<'_> {
    fn first(&self, name: &'static str) -> Option<&[u8]> {
        self.0.get(name).map(AsRef::as_ref)
    }

    fn cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(COOKIE).map(AsRef::as_ref)
    }

    fn global_privacy_control(&self) -> bool {
        static SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");
        self.0.get(&SEC_GPC).is_some_and(|value| value == "1")
    }
}
