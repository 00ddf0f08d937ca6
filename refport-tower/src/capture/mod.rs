//! Capturing from the landing URL: the layer, the service, and what they write.

mod answer;
mod consent;
mod gate;

use std::{
    borrow::Cow,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderMap, Request, Response,
    uri::{Authority, Scheme},
};
use refport_core::{
    RequestExtensions, RequestExtensionsMut,
    capture::{Capture, Captured, Landing},
    consent::Consent,
};
use tower_layer::Layer;
use tower_service::Service;

use self::gate::Gate;
pub use self::{
    consent::{ConsentLayer, ConsentService},
    gate::ConsentRequest,
};
use crate::future::ResponseFuture;

/// Captures the click ID from the landing URL: writes the cookie and gives the ID to the same
/// request, in place of an older one. See the crate's page.
///
/// All settings stand on [`Capture`], which a layer is made [from](Self::from); the defaults are
/// those of the official browser SDK, which can run beside it.
///
/// - Only a navigation is a click: no picture, script, frame or `fetch` of a page captures.
/// - A landing page that a browser loads ahead (`Sec-Purpose: prefetch`) is answered `503`, without
///   calling the service inside: the browser asks again when the visitor does.
/// - An answer that sets the cookie is made `Cache-Control: private`, and loses what it says to
///   shared caches alone (`CDN-Cache-Control`, `Surrogate-Control`).
/// - The cookie is written once: one of the same name, path and domain that the service inside
///   sets is taken off.
/// - A request with `Sec-GPC: 1` is denied, as by a [gate](Self::consent).
/// - An error of the service inside is no response, and goes without the cookie. What makes a
///   response of it (axum's `HandleErrorLayer`) should stand inside of this layer.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CaptureLayer {
    rules: Arc<Capture>,
    gate: Gate,
}

impl CaptureLayer {
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
    /// calling the service inside: see [`Capture::clean_url`]. Default off.
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
    /// use refport_core::consent::Consent;
    /// use refport_tower::CaptureLayer;
    ///
    /// // The site's own banner keeps the visitor's answer in the cookie `choice`.
    /// let layer = CaptureLayer::new().consent(|request| match request.cookie("choice").as_deref() {
    ///     Some("all") => Consent::Granted,
    ///     Some(_) => Consent::Denied,
    ///     None => Consent::Unknown,
    /// });
    /// # let _ = layer;
    /// ```
    pub fn consent<F>(self, gate: F) -> Self
    where
        F: Fn(&ConsentRequest<'_>) -> Consent + Send + Sync + 'static,
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

    /// Asks a gate that takes its time, such as a look into a session store: as
    /// [`consent`](Self::consent), and the service inside must be `Clone`. Say it last: the layer that it makes
    /// has no settings.
    ///
    /// The future cannot borrow the request, so take out of it what is needed:
    ///
    /// ```
    /// use refport_core::consent::Consent;
    /// use refport_tower::CaptureLayer;
    ///
    /// # async fn has_agreed(session: Option<String>) -> Option<bool> { session.map(|_| true) }
    /// let layer = CaptureLayer::new().consent_async(|request| {
    ///     let session = request.cookie("session").map(|session| session.into_owned());
    ///     async move {
    ///         has_agreed(session).await.map_or(Consent::Unknown, Consent::from_answer)
    ///     }
    /// });
    /// # let _ = layer;
    /// ```
    pub fn consent_async<F, Fut>(self, gate: F) -> ConsentLayer<F>
    where
        F: Fn(&ConsentRequest<'_>) -> Fut,
        Fut: Future<Output = Consent>,
    {
        ConsentLayer::new(self.consent_from_extensions(), gate)
    }
}

impl From<Capture> for CaptureLayer {
    fn from(rules: Capture) -> Self {
        Self {
            rules: Arc::new(rules),
            gate: Gate::default(),
        }
    }
}

impl<S> Layer<S> for CaptureLayer {
    type Service = CaptureService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CaptureService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`CaptureLayer`].
#[derive(Clone, Debug)]
pub struct CaptureService<S> {
    inner: S,
    layer: CaptureLayer,
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

    /// Whether it is plain that there is nothing to do, as about most requests.
    #[inline]
    fn passes<B>(&self, request: &Request<B>) -> bool {
        let CaptureLayer { rules, gate } = &self.layer;
        matches!(gate, Gate::Nobody) && rules.passes(request.uri().query(), request.headers())
    }

    fn decide<B>(&self, request: &Request<B>) -> Option<Captured> {
        let CaptureLayer { rules, gate } = &self.layer;
        let landing = landing(request).shown_path(shown_path(request));
        let extensions = request.extensions();
        if extensions.is_denied(rules.name()) {
            // Somebody further out has said no, for this request: only what is answered here is.
            let captured = rules.decide_with(&landing, || Consent::Denied);
            return captured.filter(|captured| captured.status().is_some());
        }
        match gate {
            Gate::Nobody => rules.decide(&landing),
            Gate::Ask(ask) => rules.decide_with(&landing, || ask(&ConsentRequest::new(request))),
            Gate::Extensions => rules.decide_with(&landing, || {
                let answer = extensions.get::<Consent>();
                answer.copied().unwrap_or_default()
            }),
        }
    }

    #[cold]
    fn capture<B, R>(&mut self, mut request: Request<B>) -> ResponseFuture<S::Future, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: Default,
    {
        let Some(captured) = self.decide(&request) else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        let name = self.layer.rules.name();
        tracing::debug!(
            cookie = %name,
            withheld = captured.is_withheld(),
            stored = !captured.set_cookies().is_empty(),
            answered = captured.status(),
            "click ID decided on"
        );
        if let Some(response) = answer::own(&captured) {
            return ResponseFuture::ready(response);
        }
        request.extensions_mut().leave(name, &captured);
        ResponseFuture::new(self.inner.call(request), Some(Box::new(captured)))
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

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.passes(&request) {
            ResponseFuture::new(self.inner.call(request), None)
        } else {
            self.capture(request)
        }
    }
}

fn landing<B>(request: &Request<B>) -> Landing<'_, HeaderMap> {
    let uri = request.uri();
    Landing::new(
        request.method().as_str(),
        uri.path(),
        uri.query(),
        request.headers(),
    )
    .https(uri.scheme() == Some(&Scheme::HTTPS))
    .authority(uri.authority().map(Authority::as_str))
}

/// The path that the browser sees: a nested router of axum's cuts its own off the request's, and
/// leaves the whole one beside it.
fn shown_path<B>(request: &Request<B>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::OriginalUri(uri)) = request.extensions().get() {
        return uri.path();
    }
    request.uri().path()
}
