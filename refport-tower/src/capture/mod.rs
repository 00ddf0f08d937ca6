//! Capturing from the landing URL: the layer, the service, and what they write.

mod answer;
mod consent;
mod gate;

use std::{
    borrow::Cow,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Request, Response, uri::Scheme};
use refport_core::{
    CookieName,
    capture::{Capture, Captured, Landing, ParseDomainError, ParsePathError, SameSite},
    consent::Consent,
};
use tower_layer::Layer;
use tower_service::Service;

use self::gate::Gate;
pub use self::{
    consent::{ConsentLayer, ConsentService},
    gate::ConsentRequest,
};
use crate::{future::ResponseFuture, insert, is_denied, withhold};

pub(crate) use self::answer::write;

/// Captures the click ID from the landing URL: writes the cookie and gives the ID to the same
/// request, in place of an older one. See the crate's page.
///
/// The defaults are those of the official browser SDK, which can run beside it: see
/// [`Capture`], whose settings stand here too, and which a layer is made [from](Self::from).
///
/// - A browser that loads the page ahead (`Sec-Purpose: prefetch`) captures nothing.
/// - An answer that sets the cookie is made `Cache-Control: private`, and loses what it says to
///   shared caches alone (`CDN-Cache-Control`, `Surrogate-Control`).
/// - The cookie is written once: one of the same name, path and domain that the service inside
///   sets is taken off.
/// - A request with `Sec-GPC: 1` is denied, as by a [gate](Self::consent).
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
    /// As with [`ClickIdLayer::cookie_name`](crate::ClickIdLayer::cookie_name), the ID under
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

    /// Whether the cookie is `Secure`. Default: when the request's URI says https, which only
    /// HTTP/2 requests on a TLS connection do. Say `true` on every site that is served by https.
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
    /// calling the service inside. Default off.
    pub fn clean_url(self, clean_url: bool) -> Self {
        self.map(|rules| rules.clean_url(clean_url))
    }

    /// Counts `Sec-GPC: 1` for nothing: see [`Capture::ignore_global_privacy_control`].
    pub fn ignore_global_privacy_control(self) -> Self {
        self.map(Capture::ignore_global_privacy_control)
    }

    /// Signs what is captured: see [`Capture::signed_by`]. Give the same keys to
    /// [`ClickIdLayer::signed_by`](crate::ClickIdLayer::signed_by).
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
    /// [`consent`](Self::consent), and the service inside must be `Clone`.
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
        let landing = landing(request);
        match gate {
            Gate::Nobody => rules.decide(&landing),
            Gate::Ask(ask) => rules.decide_with(&landing, || ask(&ConsentRequest::new(request))),
            Gate::Extensions => rules.decide_with(&landing, || {
                let answer = request.extensions().get::<Consent>();
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
        if is_denied(request.extensions(), name) {
            return ResponseFuture::new(self.inner.call(request), None);
        }
        tracing::debug!(
            cookie = %name,
            withheld = captured.is_withheld(),
            stored = !captured.set_cookies().is_empty(),
            "click ID decided on"
        );
        if captured.redirect().is_some() {
            return ResponseFuture::ready(answer::redirect(&captured));
        }
        if captured.is_withheld() {
            withhold(request.extensions_mut(), name);
        } else if let Some(id) = captured.click_id() {
            insert(request.extensions_mut(), name, id.clone());
        }
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
}
