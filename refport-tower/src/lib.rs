#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod click_id;
pub mod future;

use http::{Extensions, header::COOKIE, request::Parts};
use refport_core::{ClickId, ClickIds, CookieName};

pub use self::{
    capture::{CaptureLayer, CaptureService, ConsentLayer, ConsentRequest, ConsentService},
    click_id::{ClickIdLayer, ClickIdService},
};
pub use refport_core;

/// The click ID of the program whose cookie is `name`, as the layers left it on the request.
///
/// For sites that serve several programs; the default program's ID is also there as a plain
/// [`ClickId`].
#[must_use]
pub fn click_id<'a>(extensions: &'a Extensions, name: &CookieName) -> Option<&'a ClickId> {
    let ids = extensions.get::<ClickIds>();
    if ids.is_some_and(|ids| ids.is_withheld(name)) {
        return None;
    }
    if name.is_default_program() {
        extensions.get::<ClickId>()
    } else {
        ids?.get(name)
    }
}

/// The default program's click ID on a request, with or without [`ClickIdLayer`]: what a layer
/// left in the extensions, else what the `refp_id` cookie says. Extractors answer this.
///
/// A cookie of another name needs the layer.
#[must_use]
pub fn find_click_id(parts: &Parts) -> Option<ClickId> {
    ClickIds::resolve(
        parts.extensions.get(),
        parts.extensions.get(),
        &CookieName::REFPORT,
        parts.headers.get_all(COOKIE),
    )
}

/// The click IDs of all programs on a request, for a report to several of them
/// (`refport_core::destination::FanOut`): what the layers left, and the default program's as
/// [`find_click_id`] finds it. Cookies of other names need their layer.
#[must_use]
pub fn find_click_ids(parts: &Parts) -> ClickIds {
    ClickIds::collect(
        parts.extensions.get(),
        parts.extensions.get(),
        parts.headers.get_all(COOKIE),
    )
}

/// Puts `id` where [`click_id`] finds it, in place of an older one and of an unsigned one.
#[inline]
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
            .get_or_insert_default::<ClickIds>()
            .insert(name.clone(), id);
    }
}

/// Takes the ID of `name` from the request, whoever put it there.
fn withhold(extensions: &mut Extensions, name: &CookieName) {
    if name.is_default_program() {
        extensions.remove::<ClickId>();
    }
    extensions
        .get_or_insert_default::<ClickIds>()
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
