use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderName, Request, header};
use refport_core::{ClickId, ClickIdReader, CookieName, RequestExtensions, RequestExtensionsMut};
use tower_layer::Layer;
use tower_service::Service;

/// In one place, so that looking for it builds nothing.
static COOKIE: HeaderName = header::COOKIE;

/// Puts the click ID from the cookie into the request's extensions. See the crate's page.
///
/// Handlers find a plain [`ClickId`] there. An organic request gets nothing, and an ID that is
/// already there stays: [`CaptureLayer`](crate::CaptureLayer) may have set a newer one.
///
/// Where it stands has a price. Around a whole router of axum's, as `layer.layer(router)` where it
/// is served, an organic request without cookies costs 159 instructions and no allocation: 3 % of
/// what the router takes for itself. Through `Router::layer`, for which axum boxes each route
/// anew, it costs 1,409 and 4 allocations. Both were measured with axum 0.8 on x86-64; the bench
/// `middleware` of the repository prints them.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClickIdLayer {
    /// `None` is all defaults, so that `new` can be `const`.
    reader: Option<Arc<ClickIdReader>>,
}

impl ClickIdLayer {
    /// Reads the `refp_id` cookie.
    pub const fn new() -> Self {
        Self { reader: None }
    }

    fn map(self, change: impl FnOnce(&mut ClickIdReader)) -> Self {
        let mut reader = self.reader.unwrap_or_default();
        change(Arc::make_mut(&mut reader));
        Self {
            reader: Some(reader),
        }
    }

    /// Reads another cookie.
    ///
    /// Its ID is kept apart from the default program's: find it with
    /// [`click_id`](crate::click_id()). Where the name *replaces* `refp_id` on your site, give
    /// [`CookieName::for_default_program`], and handlers find a plain [`ClickId`] as before.
    pub fn cookie_name(self, name: CookieName) -> Self {
        self.map(|reader| reader.set_cookie_name(name))
    }

    /// Answers an ID only where the site's own signature stands beside it, as
    /// [`Capture::signed_by`](crate::Capture::signed_by) writes it.
    ///
    /// An ID without is told apart: extractors do not answer it, and
    /// [`ClickIds::unsigned`](refport_core::ClickIds::unsigned) in the request's extensions does.
    /// An extractor without this layer checks no signature.
    #[cfg(feature = "signed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
    pub fn signed_by(self, keys: refport_core::signing::SigningKeys) -> Self {
        self.map(|reader| reader.set_keys(keys))
    }

    #[inline]
    fn name(&self) -> &CookieName {
        self.reader
            .as_deref()
            .map_or(&CookieName::REFPORT, ClickIdReader::name)
    }

    /// Apart from [`call`](Service::call), which is then so small that it becomes part of its
    /// caller, and the request is not copied once more.
    #[inline(never)]
    fn read<B>(&self, request: &mut Request<B>) {
        let cookies = request.headers().get_all(&COOKIE);
        if let Some(id) = ClickId::from_cookie_headers_named(self.name(), cookies) {
            self.leave(request, id);
        }
    }

    /// Leaves the ID that was found in the cookie, where nothing is known yet.
    fn leave<B>(&self, request: &mut Request<B>, id: ClickId) {
        let name = self.name();
        let extensions = request.extensions();
        if !extensions.is_empty() && extensions.is_known(name) {
            return;
        }
        let (id, is_signed) = match &self.reader {
            Some(reader) => reader.check(id, request.headers()),
            None => (id, true),
        };
        if is_signed {
            request.extensions_mut().place(name, id);
        } else {
            request.extensions_mut().place_unsigned(name, id);
        }
    }
}

impl<S> Layer<S> for ClickIdLayer {
    type Service = ClickIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClickIdService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`ClickIdLayer`].
#[derive(Clone, Debug)]
pub struct ClickIdService<S> {
    inner: S,
    layer: ClickIdLayer,
}

impl<S> ClickIdService<S> {
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
}

impl<S, B> Service<Request<B>> for ClickIdService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.layer.read(&mut request);
        self.inner.call(request)
    }
}
