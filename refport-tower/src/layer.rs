use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, header::COOKIE};
use refport_core::{ClickId, CookieName};
use tower_layer::Layer;
use tower_service::Service;

use crate::{click_id, insert, is_withheld};

/// Puts the click ID from the cookie into the request's extensions. See the crate's page.
///
/// Handlers find a plain [`ClickId`] there. An organic request gets nothing, and an ID that is
/// already there stays: [`CaptureLayer`](crate::CaptureLayer) may have set a newer one.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClickIdLayer {
    /// `None` is [`CookieName::REFPORT`], so that `new` can be `const`.
    name: Option<Arc<CookieName>>,
}

impl ClickIdLayer {
    /// Reads the `refp_id` cookie.
    pub const fn new() -> Self {
        Self { name: None }
    }

    /// Reads another cookie.
    ///
    /// Its ID is kept apart from the default program's: find it with
    /// [`click_id`](crate::click_id()). Where the name *replaces* `refp_id` on your site, give
    /// [`CookieName::for_default_program`], and handlers find a plain [`ClickId`] as before.
    pub fn cookie_name(mut self, name: CookieName) -> Self {
        self.name = Some(Arc::new(name));
        self
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

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let name = self.layer.name.as_deref().unwrap_or(&CookieName::REFPORT);
        let cookies = request.headers().get_all(COOKIE);
        if let Some(id) = ClickId::from_cookie_headers_named(name, cookies) {
            let extensions = request.extensions_mut();
            if click_id(extensions, name).is_none() && !is_withheld(extensions, name) {
                insert(extensions, name, id);
            }
        }
        self.inner.call(request)
    }
}
