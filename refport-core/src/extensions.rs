//! Where a request's click IDs stand, in whatever extensions its framework has.

use std::borrow::Cow;

use percent_encoding::percent_decode;

#[cfg(feature = "signed")]
use crate::signing::SigningKeys;
use crate::{
    ClickId, ClickIds, CookieName,
    capture::{Captured, RequestHeaders},
    consent::values,
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

    /// The ID to answer where `found` stands in the cookie, and whether the site signed it. Where
    /// signatures are checked and the request brings several cookies of the name, it is the signed
    /// one; where none are, every ID is taken for signed.
    pub fn check<H: RequestHeaders>(&self, found: ClickId, headers: &H) -> (ClickId, bool) {
        #[cfg(feature = "signed")]
        if let Some(keys) = &self.keys {
            let is_signed = |id: &ClickId| keys.is_signed(&self.name, id, headers.cookies());
            let mut all = click_ids(&self.name, headers);
            return match all.find(is_signed) {
                Some(signed) => (signed, true),
                None => (found, false),
            };
        }
        #[cfg(not(feature = "signed"))]
        let _ = headers;
        (found, true)
    }
}

/// The valid IDs in all the cookies of one name.
pub(crate) fn click_ids<'a, H: RequestHeaders>(
    name: &'a CookieName,
    headers: &'a H,
) -> impl Iterator<Item = ClickId> + 'a {
    values(name.as_str(), headers.cookies())
        .filter_map(|value| ClickId::from_bytes(&Cow::from(percent_decode(value))).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClickId {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_programs_id_is_plain_and_the_others_are_not() {
        let mut extensions = http::Extensions::new();
        extensions.place(&CookieName::REFPORT, id("clk_1"));
        extensions.place(&CookieName::PARTLI, id("c_1"));
        assert_eq!(extensions.get::<ClickId>(), Some(&id("clk_1")));
        let named = |name| extensions.click_id(name);
        assert_eq!(named(&CookieName::REFPORT), Some(&id("clk_1")));
        assert_eq!(named(&CookieName::PARTLI), Some(&id("c_1")));
        let own = CookieName::new("acme").unwrap();
        assert_eq!(named(&own), None);
        assert_eq!(
            named(&own.clone().for_default_program()),
            Some(&id("clk_1"))
        );
    }

    #[test]
    fn what_is_withheld_is_found_nowhere() {
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", "refp_id=clk_1; pref_cid=c_1".parse().unwrap());
        let mut extensions = http::Extensions::new();
        let names = [CookieName::REFPORT, CookieName::PARTLI];
        for (name, stored) in names.iter().zip(["clk_1", "c_1"]) {
            let found = extensions.find_click_id(name, &headers);
            assert_eq!(found, Some(id(stored)), "of the cookie");
            extensions.place(name, id("clk_new"));
            let found = extensions.find_click_id(name, &headers);
            assert_eq!(found, Some(id("clk_new")), "of the layer");
            extensions.withhold(name);
            assert_eq!(extensions.find_click_id(name, &headers), None);
            assert!(extensions.is_denied(name) && extensions.is_known(name));
        }
    }

    #[test]
    fn a_captured_id_takes_the_place_of_an_unsigned_one() {
        for name in [CookieName::REFPORT, CookieName::PARTLI] {
            let mut extensions = http::Extensions::new();
            extensions.place_unsigned(&name, id("clk_forged"));
            assert!(extensions.is_known(&name) && !extensions.is_denied(&name));
            assert_eq!(extensions.click_id(&name), None);
            extensions.place(&name, id("clk_1"));
            assert_eq!(extensions.click_id(&name), Some(&id("clk_1")));
        }
    }

    #[cfg(feature = "signed")]
    #[test]
    fn the_signed_one_of_several_cookies_is_read() {
        let keys = SigningKeys::new(&[1; 32]).unwrap();
        let rules = crate::capture::Capture::new().signed_by(keys.clone());
        let written = rules.store_cookies(&id("clk_1"), true);
        let pairs: Vec<_> = written
            .iter()
            .filter_map(|line| line.split(';').next())
            .collect();
        let mut reader = ClickIdReader::default();
        reader.set_keys(keys);
        for (before, want) in [
            ("refp_id=clk_forged; ", (id("clk_1"), true)),
            ("", (id("clk_1"), true)),
        ] {
            let mut headers = http::HeaderMap::new();
            let cookies = format!("{before}{}", pairs.join("; "));
            headers.insert("cookie", cookies.parse().unwrap());
            let found = ClickId::from_headers(&headers).unwrap();
            assert_eq!(reader.check(found, &headers), want);
        }
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", "refp_id=clk_forged".parse().unwrap());
        assert_eq!(
            reader.check(id("clk_forged"), &headers),
            (id("clk_forged"), false)
        );
    }
}
