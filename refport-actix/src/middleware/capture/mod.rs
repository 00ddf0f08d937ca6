//! Capturing from the landing URL: the middleware, and what it writes.

mod future;
mod gate;

use std::{
    borrow::Cow,
    future::{Ready, ready},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    Error, HttpMessage, HttpResponse,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, LOCATION},
        uri::{Authority, Scheme},
    },
};
use refport_core::{
    RequestExtensions, RequestExtensionsMut,
    capture::{Capture, Captured, Landing},
    consent::Consent,
};

pub use self::future::CaptureFuture;
use self::{future::State, gate::Gate};
use crate::request::{Answer, Ext, Headers};

/// Captures the click ID from the landing URL: writes the cookie and gives the ID to the same
/// request, in place of an older one. See the crate's page.
///
/// All settings stand on [`Capture`], which a middleware is made [from](Self::from); the defaults
/// are those of the official browser SDK, which can run beside it.
///
/// - Only a navigation is a click: no picture, script, frame or `fetch` of a page captures.
/// - A landing page that a browser loads ahead (`Sec-Purpose: prefetch`) is answered `503`, without
///   calling the handler: the browser asks again when the visitor does.
/// - An answer that sets the cookie is made `Cache-Control: private`, and loses what it says to
///   shared caches alone (`CDN-Cache-Control`, `Surrogate-Control`).
/// - The cookie is written once: one of the same name, path and domain that the handler sets is
///   taken off.
/// - A request with `Sec-GPC: 1` is denied, as by a [gate](Self::consent).
/// - The cookie goes with every response, also with the one that actix makes of a handler's or a
///   middleware's error.
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

    /// Whether a page navigation is redirected to the same URL without the parameter, without
    /// calling the handler: see [`Capture::clean_url`]. Default off.
    pub fn clean_url(self, clean_url: bool) -> Self {
        self.map(|rules| rules.clean_url(clean_url))
    }

    /// Where the page's banner says that the visitor agrees: see [`Capture::agree_at`]. Default
    /// nowhere.
    pub fn agree_at(self, path: impl Into<Cow<'static, str>>) -> Self {
        self.map(|rules| rules.agree_at(path))
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
    ///
    /// The answer is also left in the request's extensions, as a [`Consent`].
    pub fn consent_async<F, Fut>(self, gate: F) -> Self
    where
        F: Fn(&ServiceRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Consent> + 'static,
    {
        Self {
            gate: Gate::Later(Arc::new(move |request| Box::pin(gate(request)))),
            ..self
        }
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
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = CaptureService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(CaptureService {
            inner: Rc::new(inner),
            middleware: self.clone(),
        }))
    }
}

/// The service of [`CaptureMiddleware`].
#[doc(hidden)]
#[derive(Debug)]
pub struct CaptureService<S> {
    /// A call that asks keeps it until the answer is there.
    inner: Rc<S>,
    middleware: CaptureMiddleware,
}

impl<S> Clone for CaptureService<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Rc::clone(&self.inner),
            middleware: self.middleware.clone(),
        }
    }
}

impl<S> CaptureService<S> {
    /// Whether it is plain that there is nothing to do, as about most requests.
    fn passes(&self, request: &ServiceRequest) -> bool {
        let CaptureMiddleware { rules, gate } = &self.middleware;
        let headers = Headers(request.headers());
        matches!(gate, Gate::Nobody) && rules.passes(request.uri().query(), &headers)
    }

    /// The answer of a gate that takes its time, where there is one and it is to be asked.
    fn ask(&self, request: &ServiceRequest) -> Option<gate::Answer> {
        let CaptureMiddleware { rules, gate } = &self.middleware;
        let Gate::Later(ask) = gate else { return None };
        let headers = Headers(request.headers());
        let asks = rules.asks_for_consent(&landing(request, &headers));
        asks.then(|| ask(request))
    }

    fn decide(&self, request: &ServiceRequest) -> Option<Captured> {
        let CaptureMiddleware { rules, gate } = &self.middleware;
        let headers = Headers(request.headers());
        let landing = landing(request, &headers);
        if Ext(request.extensions()).is_denied(rules.name()) {
            // Somebody further out has said no, for this request: only what is answered here is.
            let captured = rules.decide_with(&landing, || Consent::Denied);
            return captured.filter(|captured| captured.status().is_some());
        }
        match gate {
            Gate::Nobody => rules.decide(&landing),
            Gate::Ask(ask) => rules.decide_with(&landing, || ask(request)),
            Gate::Later(_) | Gate::Extensions => rules.decide_with(&landing, || {
                let answer = request.extensions().get::<Consent>().copied();
                answer.unwrap_or_default()
            }),
        }
    }

    #[cold]
    fn capture<B>(&self, request: ServiceRequest) -> State<S, B>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    {
        let Some(captured) = self.decide(&request) else {
            return self.inner(request, None);
        };
        let name = self.middleware.rules.name();
        tracing::debug!(
            cookie = %name,
            withheld = captured.is_withheld(),
            stored = !captured.set_cookies().is_empty(),
            answered = captured.status(),
            "click ID decided on"
        );
        if let Some(own) = own_answer(&captured) {
            let response = request.into_response(own).map_into_right_body();
            return State::Ready {
                response: Some(response),
            };
        }
        Ext(request.extensions_mut()).leave(name, &captured);
        self.inner(request, Some(Box::new(captured)))
    }

    fn inner<B>(&self, request: ServiceRequest, captured: Option<Box<Captured>>) -> State<S, B>
    where
        S: Service<ServiceRequest>,
    {
        State::Inner {
            future: self.inner.call(request),
            captured,
        }
    }
}

impl<S, B> Service<ServiceRequest> for CaptureService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = CaptureFuture<S, B>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let state = if self.passes(&request) {
            self.inner(request, None)
        } else if let Some(answer) = self.ask(&request) {
            State::Asking {
                answer,
                held: Some((request, self.clone())),
            }
        } else {
            self.capture(request)
        };
        state.into()
    }
}

fn landing<'a>(request: &'a ServiceRequest, headers: &'a Headers<'a>) -> Landing<'a, Headers<'a>> {
    let uri = request.uri();
    let https = request.app_config().secure() || uri.scheme() == Some(&Scheme::HTTPS);
    Landing::new(request.method().as_str(), uri.path(), uri.query(), headers)
        .https(https)
        .authority(uri.authority().map(Authority::as_str))
}

/// What is answered in place of the handler, if anything is.
fn own_answer(captured: &Captured) -> Option<HttpResponse> {
    let status = StatusCode::from_u16(captured.status()?);
    let mut response = HttpResponse::build(status.expect("the rules answer by known statuses"));
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(location) = captured.redirect() {
        response.insert_header((LOCATION, location));
    }
    let mut response = response.finish();
    captured.write(&mut Answer(response.headers_mut()));
    Some(response)
}
