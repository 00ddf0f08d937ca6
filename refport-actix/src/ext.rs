use std::{borrow::Cow, cell::Ref};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::{Extensions, ServiceRequest},
    guard::GuardContext,
    http::header::{COOKIE, HeaderMap},
};
use refport_core::{CookieName, RequestExtensions, consent};

use crate::{
    ClickId, ClickIds,
    request::{Ext, Headers},
};

/// The click ID where there is no extractor: in middleware, in guards, and deep inside a handler.
///
/// ```
/// use actix_web::{HttpResponse, guard, web};
/// use refport_actix::{ClickIdExt, CookieName};
///
/// // A route for the visitors of a second program.
/// let route = web::get()
///     .guard(guard::fn_guard(|request| request.click_id_named(&CookieName::PARTLI).is_some()))
///     .to(HttpResponse::Ok);
/// ```
///
/// The trait is sealed: it is implemented for actix's three views of a request.
pub trait ClickIdExt: sealed::Parts {
    /// The default program's click ID: what a middleware left in the extensions, else what the
    /// `refp_id` cookie says. The extractors answer this.
    fn click_id(&self) -> Option<ClickId> {
        self.click_id_named(&CookieName::REFPORT)
    }

    /// The click ID of the program whose cookie is `name`: what a middleware left in the
    /// extensions, else what that cookie says.
    ///
    /// `None` where the ID is [withheld](refport_core::ClickIds::withhold).
    fn click_id_named(&self, name: &CookieName) -> Option<ClickId> {
        let found = Ext(self.extensions()).find_click_id(name, &Headers(self.headers()));
        found.map(ClickId)
    }

    /// The click IDs of all programs, for a report to several of them
    /// (`refport_core::destination::FanOut`): what the middlewares left, and the default program's
    /// as [`click_id`](Self::click_id) finds it. Cookies of other names need their middleware. The
    /// extractor [`ClickIds`] answers this.
    fn click_ids(&self) -> ClickIds {
        ClickIds(Ext(self.extensions()).find_click_ids(&Headers(self.headers())))
    }

    /// The value of a cookie of yours, percent-decoded: for a consent gate. `None` where there is
    /// none, or where it is not UTF-8.
    ///
    /// Unlike actix's own reader it finds it among malformed neighbours, and in every `Cookie`
    /// header.
    fn cookie_value(&self, name: &str) -> Option<Cow<'_, str>> {
        consent::cookie_value(name, self.headers().get_all(COOKIE))
    }
}

impl ClickIdExt for HttpRequest {}
impl ClickIdExt for ServiceRequest {}
impl ClickIdExt for GuardContext<'_> {}

mod sealed {
    use super::{
        Extensions, GuardContext, HeaderMap, HttpMessage, HttpRequest, Ref, ServiceRequest,
    };

    #[expect(unnameable_types, reason = "this is what seals `ClickIdExt`")]
    pub trait Parts {
        fn extensions(&self) -> Ref<'_, Extensions>;
        fn headers(&self) -> &HeaderMap;
    }

    impl Parts for HttpRequest {
        fn extensions(&self) -> Ref<'_, Extensions> {
            HttpMessage::extensions(self)
        }

        fn headers(&self) -> &HeaderMap {
            self.headers()
        }
    }

    impl Parts for ServiceRequest {
        fn extensions(&self) -> Ref<'_, Extensions> {
            HttpMessage::extensions(self)
        }

        fn headers(&self) -> &HeaderMap {
            self.headers()
        }
    }

    impl Parts for GuardContext<'_> {
        fn extensions(&self) -> Ref<'_, Extensions> {
            self.req_data()
        }

        fn headers(&self) -> &HeaderMap {
            &self.head().headers
        }
    }
}
