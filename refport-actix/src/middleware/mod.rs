mod capture;
mod click_id;

use actix_web::dev::Extensions;
use refport_core::{ClickId, ClickIds, CookieName};

pub use self::{
    capture::{
        CaptureFuture, CaptureMiddleware, CaptureService, ConsentFuture, ConsentMiddleware,
        ConsentService,
    },
    click_id::{ClickIdMiddleware, ClickIdService},
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

/// Puts `id` where [`known`] finds it, in place of an older one and of an unsigned one.
fn insert(extensions: &mut Extensions, name: &CookieName, id: ClickId) {
    if name.is_default_program() {
        if let Some(ids) = extensions.get_mut::<ClickIds>()
            && ids.unsigned(name).is_some()
        {
            ids.insert(name.clone(), id.clone());
        }
        extensions.insert(id);
    } else {
        extensions
            .get_or_insert_with(ClickIds::default)
            .insert(name.clone(), id);
    }
}

/// Takes the ID of `name` from the request, whoever put it there.
fn withhold(extensions: &mut Extensions, name: &CookieName) {
    if name.is_default_program() {
        extensions.remove::<ClickId>();
    }
    extensions
        .get_or_insert_with(ClickIds::default)
        .withhold(name.clone());
}

fn is_withheld(extensions: &Extensions, name: &CookieName) -> bool {
    extensions
        .get::<ClickIds>()
        .is_some_and(|ids| ids.is_withheld(name))
}

/// Whether the visitor's ID is withheld for want of consent, and not for want of a signature.
fn is_denied(extensions: &Extensions, name: &CookieName) -> bool {
    extensions
        .get::<ClickIds>()
        .is_some_and(|ids| ids.is_withheld(name) && ids.unsigned(name).is_none())
}
