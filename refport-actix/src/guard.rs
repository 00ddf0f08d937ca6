//! Guards that route referred and organic visitors apart.
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use refport_actix::{CaptureMiddleware, guard::has_click_id};
//!
//! let app = App::new()
//!     .wrap(CaptureMiddleware::new())
//!     .service(
//!         web::resource("/pricing")
//!             .route(web::get().guard(has_click_id()).to(|| async { "10 % off for you" }))
//!             .route(web::get().to(|| async { "our prices" })),
//!     );
//! ```
//!
//! A guard sees what the middlewares of the `App` and of outer scopes have done, and nothing of
//! those that wrap the very scope or resource that it guards: they run after it has decided. It
//! then reads the `refp_id` cookie itself. So wrap the `App` where the landing request, which has
//! no cookie yet, or a cookie of another name is to count.
//!
//! For another program's ID use [`fn_guard`](actix_web::guard::fn_guard) with
//! [`ClickIdExt::click_id_named`].

use actix_web::guard::{Guard, GuardContext};

use crate::ClickIdExt;

/// Lets a request through that has a click ID.
#[must_use]
pub const fn has_click_id() -> HasClickId {
    HasClickId(())
}

/// Lets a request through that has no click ID.
#[must_use]
pub const fn no_click_id() -> NoClickId {
    NoClickId(())
}

/// The guard of [`has_click_id`].
#[derive(Clone, Copy, Debug)]
pub struct HasClickId(());

impl Guard for HasClickId {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        context.click_id().is_some()
    }
}

/// The guard of [`no_click_id`].
#[derive(Clone, Copy, Debug)]
pub struct NoClickId(());

impl Guard for NoClickId {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        context.click_id().is_none()
    }
}
