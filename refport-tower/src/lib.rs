#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod capture;
mod click_id;
pub mod future;

use http::{Extensions, request::Parts};
use refport_core::{ClickId, ClickIds, CookieName, RequestExtensions};

pub use self::{
    capture::{CaptureLayer, CaptureService, ConsentLayer, ConsentRequest, ConsentService},
    click_id::{ClickIdLayer, ClickIdService},
};
pub use refport_core::{self, capture::Capture};

/// The click ID of the program whose cookie is `name`, as the layers left it on the request.
///
/// For sites that serve several programs; the default program's ID is also there as a plain
/// [`ClickId`].
#[must_use]
pub fn click_id<'a>(extensions: &'a Extensions, name: &CookieName) -> Option<&'a ClickId> {
    extensions.click_id(name)
}

/// The default program's click ID on a request, with or without [`ClickIdLayer`]: what a layer
/// left in the extensions, else what the `refp_id` cookie says. Extractors answer this.
#[must_use]
pub fn find_click_id(parts: &Parts) -> Option<ClickId> {
    find_click_id_named(parts, &CookieName::REFPORT)
}

/// The click ID of the program whose cookie is `name`, with or without the layer of that name:
/// what it left in the extensions, else what that cookie says.
#[must_use]
pub fn find_click_id_named(parts: &Parts, name: &CookieName) -> Option<ClickId> {
    parts.extensions.find_click_id(name, &parts.headers)
}

/// The click IDs of all programs on a request, for a report to several of them
/// (`refport_core::destination::FanOut`): what the layers left, and the default program's as
/// [`find_click_id`] finds it. Cookies of other names need their layer.
#[must_use]
pub fn find_click_ids(parts: &Parts) -> ClickIds {
    parts.extensions.find_click_ids(&parts.headers)
}
