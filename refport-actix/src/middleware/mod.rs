mod capture;
mod click_id;
mod future;

use actix_web::dev::Extensions;
use refport_core::{ClickId, ClickIds, CookieName};

pub use self::{
    capture::{CaptureMiddleware, CaptureService},
    click_id::{ClickIdMiddleware, ClickIdService},
    future::CaptureFuture,
};

/// The ID under `name` as the middlewares left it: the default program's as a plain [`ClickId`],
/// every other one in [`ClickIds`].
pub(crate) fn known<'a>(extensions: &'a Extensions, name: &CookieName) -> Option<&'a ClickId> {
    if name.is_default_program() {
        extensions.get::<ClickId>()
    } else {
        extensions.get::<ClickIds>()?.get(name)
    }
}

/// Puts `id` where [`known`] finds it, in place of an older one.
fn insert(extensions: &mut Extensions, name: &CookieName, id: ClickId) {
    if name.is_default_program() {
        extensions.insert(id);
    } else {
        extensions
            .get_or_insert_with(ClickIds::default)
            .insert(name.clone(), id);
    }
}

fn is_withheld(extensions: &Extensions, name: &CookieName) -> bool {
    extensions
        .get::<ClickIds>()
        .is_some_and(|ids| ids.is_withheld(name))
}
