use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{
    HttpMessage,
    dev::{Service, ServiceRequest, Transform, forward_ready},
    http::header::COOKIE,
};
use refport_core::{ClickId, ClickIdReader, CookieName, RequestExtensions, RequestExtensionsMut};

use crate::request::{Ext, Headers};

/// Puts the click ID from the cookie into the request's extensions. See the crate's page.
///
/// A [`refport_core::ClickId`] is found there, by `web::ReqData` for one. An organic request gets
/// nothing, and an ID that is already there stays:
/// [`CaptureMiddleware`](crate::CaptureMiddleware) may have set a newer one.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ClickIdMiddleware {
    /// `None` is all defaults, so that `new` can be `const`.
    reader: Option<Arc<ClickIdReader>>,
}

impl ClickIdMiddleware {
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
    /// [`ClickIdExt::click_id_named`](crate::ClickIdExt::click_id_named). Where the name
    /// *replaces* `refp_id` on your site, give [`CookieName::for_default_program`], and the
    /// extractors find its ID as before.
    pub fn cookie_name(self, name: CookieName) -> Self {
        self.map(|reader| reader.set_cookie_name(name))
    }

    /// Answers an ID only where the site's own signature stands beside it, as
    /// [`Capture::signed_by`](crate::Capture::signed_by) writes it.
    ///
    /// An ID without is told apart: extractors do not answer it, and
    /// [`ClickIds::unsigned`](refport_core::ClickIds::unsigned) in the request's extensions does.
    /// An extractor without this middleware checks no signature.
    #[cfg(feature = "signed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
    pub fn signed_by(self, keys: refport_core::signing::SigningKeys) -> Self {
        self.map(|reader| reader.set_keys(keys))
    }

    fn name(&self) -> &CookieName {
        self.reader
            .as_deref()
            .map_or(&CookieName::REFPORT, ClickIdReader::name)
    }

    fn read(&self, request: &ServiceRequest) {
        let cookies = request.headers().get_all(COOKIE);
        if let Some(id) = ClickId::from_cookie_headers_named(self.name(), cookies) {
            self.leave(request, id);
        }
    }

    /// Leaves the ID that was found in the cookie, where nothing is known yet.
    fn leave(&self, request: &ServiceRequest, id: ClickId) {
        let name = self.name();
        let mut extensions = Ext(request.extensions_mut());
        if extensions.is_known(name) {
            return;
        }
        let (id, is_signed) = match &self.reader {
            Some(reader) => reader.check(id, &Headers(request.headers())),
            None => (id, true),
        };
        if is_signed {
            extensions.place(name, id);
        } else {
            extensions.place_unsigned(name, id);
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
