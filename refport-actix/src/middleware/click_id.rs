use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{
    HttpMessage,
    dev::{Service, ServiceRequest, Transform, forward_ready},
    http::header::COOKIE,
};
use refport_core::{ClickId, CookieName};

use super::{insert, is_withheld, known};

/// Puts the click ID from the cookie into the request's extensions. See the crate's page.
///
/// A [`refport_core::ClickId`] is found there, by `web::ReqData` for one. An organic request gets
/// nothing, and an ID that is already there stays:
/// [`CaptureMiddleware`](crate::CaptureMiddleware) may have set a newer one.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClickIdMiddleware {
    /// `None` is [`CookieName::REFPORT`], so that `new` can be `const`.
    name: Option<Arc<CookieName>>,
}

impl ClickIdMiddleware {
    /// Reads the `refp_id` cookie.
    pub const fn new() -> Self {
        Self { name: None }
    }

    /// Reads another cookie.
    ///
    /// Its ID is kept apart from the default program's: find it with
    /// [`ClickIdExt::click_id_named`](crate::ClickIdExt::click_id_named). Where the name
    /// *replaces* `refp_id` on your site, give [`CookieName::for_default_program`], and the
    /// extractors find its ID as before.
    pub fn cookie_name(mut self, name: CookieName) -> Self {
        self.name = Some(Arc::new(name));
        self
    }

    fn read(&self, request: &ServiceRequest) {
        let name = self.name.as_deref().unwrap_or(&CookieName::REFPORT);
        let cookies = request.headers().get_all(COOKIE);
        if let Some(id) = ClickId::from_cookie_headers_named(name, cookies) {
            let mut extensions = request.extensions_mut();
            if known(&extensions, name).is_none() && !is_withheld(&extensions, name) {
                insert(&mut extensions, name, id);
            }
        }
    }
}

impl<S> Transform<S, ServiceRequest> for ClickIdMiddleware
where
    S: Service<ServiceRequest>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Transform = ClickIdService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(ClickIdService {
            inner,
            middleware: self.clone(),
        }))
    }
}

/// The service of [`ClickIdMiddleware`].
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct ClickIdService<S> {
    inner: S,
    middleware: ClickIdMiddleware,
}

impl<S> Service<ServiceRequest> for ClickIdService<S>
where
    S: Service<ServiceRequest>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        self.middleware.read(&request);
        self.inner.call(request)
    }
}
