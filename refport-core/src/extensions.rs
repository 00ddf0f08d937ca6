//! Where a request's click IDs stand, in whatever extensions its framework has.

#[cfg(feature = "signed")]
use crate::signing::SigningKeys;
use crate::{
    ClickId, ClickIds, CookieName,
    capture::{Captured, RequestHeaders},
};

/// A request's typed extensions, of whatever framework, and the click IDs that layers have left
/// there: the default program's as a plain [`ClickId`], every other one in [`ClickIds`].
///
/// Implemented for [`http::Extensions`]; a framework with extensions of its own needs `get`, and
/// the two methods of [`RequestExtensionsMut`].
pub trait RequestExtensions {
    /// The value of type `T`.
    fn get<T: Send + Sync + 'static>(&self) -> Option<&T>;

    /// The click ID of the program whose cookie is `name`, as the layers left it. `None` where it
    /// is [withheld](ClickIds::withhold).
    fn click_id(&self, name: &CookieName) -> Option<&ClickId> {
        let ids = self.get::<ClickIds>();
        if ids.is_some_and(|ids| ids.is_withheld(name)) {
            None
        } else if name.is_default_program() {
            self.get::<ClickId>()
        } else {
            ids?.get(name)
        }
    }

    /// The click ID of the program whose cookie is `name`, with or without layers: what they left,
    /// else what that cookie says. `None` where it is withheld.
    fn find_click_id<H: RequestHeaders>(&self, name: &CookieName, headers: &H) -> Option<ClickId> {
        ClickIds::resolve(self.click_id(name), self.get(), name, headers.cookies())
    }

    /// The click IDs of all programs, for a report to several of them: what the layers left, and
    /// the default program's as [`find_click_id`](Self::find_click_id) finds it.
    fn find_click_ids<H: RequestHeaders>(&self, headers: &H) -> ClickIds {
        ClickIds::collect(self.get(), self.get(), headers.cookies())
    }

    /// Whether a layer has said something of this program's ID, so that its cookie is not read.
    fn is_known(&self, name: &CookieName) -> bool {
        let ids = self.get::<ClickIds>();
        self.click_id(name).is_some() || ids.is_some_and(|ids| ids.is_withheld(name))
    }

    /// Whether the visitor's ID is withheld for want of consent, and not for want of a signature.
    fn is_denied(&self, name: &CookieName) -> bool {
        let ids = self.get::<ClickIds>();
        ids.is_some_and(|ids| ids.is_withheld(name) && ids.unsigned(name).is_none())
    }
}

/// Extensions in which layers leave what they find.
pub trait RequestExtensionsMut: RequestExtensions {
    /// Sets the value of type `T`.
    fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T);

    /// Takes the value of type `T` out.
    fn remove<T: Send + Sync + 'static>(&mut self);

    /// Puts `id` where [`click_id`](RequestExtensions::click_id) finds it, in place of an older one
    /// and of an unsigned one.
    fn place(&mut self, name: &CookieName, id: ClickId) {
        let ids = self.get::<ClickIds>();
        if !name.is_default_program() || ids.is_some_and(|ids| ids.unsigned(name).is_some()) {
            let mut ids = ids.cloned().unwrap_or_default();
            ids.insert(name.clone(), id.clone());
            self.insert(ids);
        }
        if name.is_default_program() {
            self.insert(id);
        }
    }

    /// Sets an ID apart that lacks the site's signature: see [`ClickIds::unsigned`].
    fn place_unsigned(&mut self, name: &CookieName, id: ClickId) {
        let mut ids = self.get::<ClickIds>().cloned().unwrap_or_default();
        ids.insert_unsigned(name.clone(), id);
        self.insert(ids);
    }

    /// Takes the ID of `name` from the request, whoever put it there, so that nobody reads one.
    fn withhold(&mut self, name: &CookieName) {
        let mut ids = self.get::<ClickIds>().cloned().unwrap_or_default();
        ids.withhold(name.clone());
        self.insert(ids);
        if name.is_default_program() {
            self.remove::<ClickId>();
        }
    }

    /// Leaves on the request what was decided about it.
    fn leave(&mut self, name: &CookieName, captured: &Captured) {
        if captured.is_withheld() {
            self.withhold(name);
        } else if let Some(id) = captured.click_id() {
            self.place(name, id.clone());
        }
    }
}

impl RequestExtensions for http::Extensions {
    fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.get()
    }
}

impl RequestExtensionsMut for http::Extensions {
    fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.insert(value);
    }

    fn remove<T: Send + Sync + 'static>(&mut self) {
        self.remove::<T>();
    }
}

/// How the layers that read take the click ID from its cookie.
#[derive(Clone, Debug, Default)]
pub struct ClickIdReader {
    name: CookieName,
    #[cfg(feature = "signed")]
    keys: Option<SigningKeys>,
}

impl ClickIdReader {
    /// Reads the cookie of this name from now on.
    pub fn set_cookie_name(&mut self, name: CookieName) {
        self.name = name;
    }

    /// Tells IDs apart that lack the site's signature.
    #[cfg(feature = "signed")]
    #[cfg_attr(docsrs, doc(cfg(feature = "signed")))]
    pub fn set_keys(&mut self, keys: SigningKeys) {
        self.keys = Some(keys);
    }

    /// The cookie that is read.
    #[must_use]
    pub const fn name(&self) -> &CookieName {
        &self.name
    }

    /// Leaves `found`, which stands in the cookie, on the request. Where signatures are checked and
    /// the request brings several cookies of the name, it is the signed one instead.
    pub fn leave<H: RequestHeaders>(&self, found: ClickId, headers: &H) -> Found {
        #[cfg(feature = "signed")]
        if let Some(keys) = &self.keys {
            let is_signed = |id: &ClickId| keys.is_signed(&self.name, id, headers.cookies());
            if !is_signed(&found) {
                let mut all = crate::consent::click_ids(&self.name, headers);
                return all.find(is_signed).map_or(Found::Unsigned(found), Found::Read);
            }
        }
        #[cfg(not(feature = "signed"))]
        let _ = headers;
        Found::Read(found)
    }
}
