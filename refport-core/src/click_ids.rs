use crate::{ClickId, CookieName};

/// What the layers found on one request, by cookie name: the entry in a request's extensions for
/// sites that serve more than one program, or that withhold an ID.
///
/// The default program's ID stands in the extensions as a plain [`ClickId`], so that most sites
/// never meet this type. The rule by which layers and extractors read both is
/// [`resolve`](Self::resolve).
///
/// ```
/// use refport_core::{ClickIds, CookieName};
///
/// let mut ids = ClickIds::default();
/// ids.insert(CookieName::PARTLI, "c_1".parse()?);
/// assert_eq!(ids.get(&CookieName::PARTLI).unwrap().as_str(), "c_1");
/// assert_eq!(ids.get(&CookieName::REFPORT), None);
/// # Ok::<(), refport_core::ParseClickIdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClickIds {
    entries: Vec<(CookieName, Entry)>,
}

#[derive(Clone, Debug)]
enum Entry {
    Present(ClickId),
    Unsigned(ClickId),
    Withheld,
}

impl ClickIds {
    /// The click ID of the program whose cookie is `name`. The default program's is the same under
    /// each of its names.
    #[must_use]
    pub fn get(&self, name: &CookieName) -> Option<&ClickId> {
        match self.entry(name)? {
            Entry::Present(id) => Some(id),
            Entry::Unsigned(_) | Entry::Withheld => None,
        }
    }

    /// The ID that stands in the cookie `name` without the site's signature, where a layer checks
    /// signatures: one that the site did not itself capture.
    #[must_use]
    pub fn unsigned(&self, name: &CookieName) -> Option<&ClickId> {
        match self.entry(name)? {
            Entry::Unsigned(id) => Some(id),
            Entry::Present(_) | Entry::Withheld => None,
        }
    }

    /// Sets the click ID of the program whose cookie is `name`, in place of what was there. An
    /// unsigned ID of the same program goes, under whichever of its names it stands.
    pub fn insert(&mut self, name: CookieName, id: ClickId) {
        self.entries.retain(|(known, entry)| {
            let same_program = name.is_default_program() && known.is_default_program();
            !(matches!(entry, Entry::Unsigned(_)) && same_program)
        });
        self.set(name, Entry::Present(id));
    }

    /// Marks the ID of `name` as withheld: no layer or extractor reads the cookie on this request.
    ///
    /// For middleware that finds the visitor has not agreed to be tracked.
    pub fn withhold(&mut self, name: CookieName) {
        self.set(name, Entry::Withheld);
    }

    /// Sets an ID apart that lacks the site's signature: it is [withheld](Self::is_withheld), and
    /// [`unsigned`](Self::unsigned) answers it.
    pub fn insert_unsigned(&mut self, name: CookieName, id: ClickId) {
        self.set(name, Entry::Unsigned(id));
    }

    /// Whether the ID of `name` is withheld or unsigned, or that of another name of the same
    /// program: where the default program's ID is withheld, no other cookie stands in for it.
    #[must_use]
    pub fn is_withheld(&self, name: &CookieName) -> bool {
        self.entries.iter().any(|(known, entry)| {
            let same_program = name.is_default_program() && known.is_default_program();
            !matches!(entry, Entry::Present(_)) && (known == name || same_program)
        })
    }

    /// The default program's click ID on a request: what extractors answer.
    ///
    /// `plain` and `ids` are the two entries of the request's extensions. An ID that is withheld
    /// is `None`; one that a layer left is that; else the `Cookie` headers are read by `name`.
    pub fn resolve<I>(
        plain: Option<&ClickId>,
        ids: Option<&Self>,
        name: &CookieName,
        cookie_headers: I,
    ) -> Option<ClickId>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        if ids.is_some_and(|ids| ids.is_withheld(name)) {
            return None;
        }
        plain
            .cloned()
            .or_else(|| ClickId::from_cookie_headers_named(name, cookie_headers))
    }

    /// The IDs of all programs on a request, for a report to several of them: the default
    /// program's as [`resolve`](Self::resolve) answers it, and the other programs' from `ids`.
    pub fn collect<I>(plain: Option<&ClickId>, ids: Option<&Self>, cookie_headers: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let default = CookieName::REFPORT;
        let found = Self::resolve(plain, ids, &default, cookie_headers);
        let mut all = ids.cloned().unwrap_or_default();
        if let Some(id) = found {
            all.insert(default, id);
        }
        all
    }

    /// By name, or else by the default program, which goes by several.
    fn entry(&self, name: &CookieName) -> Option<&Entry> {
        let by = |is: &dyn Fn(&CookieName) -> bool| {
            let entry = self.entries.iter().find(|(known, _)| is(known));
            entry.map(|(_, entry)| entry)
        };
        by(&|known| known == name)
            .or_else(|| by(&|known| name.is_default_program() && known.is_default_program()))
    }

    fn set(&mut self, name: CookieName, entry: Entry) {
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = entry,
            None => self.entries.push((name, entry)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClickId {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_kept_apart_and_replaced() {
        let mut ids = ClickIds::default();
        ids.insert(CookieName::REFPORT, id("one"));
        ids.insert(CookieName::PARTLI, id("two"));
        ids.insert(CookieName::REFPORT, id("three"));
        assert_eq!(ids.get(&CookieName::REFPORT), Some(&id("three")));
        assert_eq!(ids.get(&CookieName::PARTLI), Some(&id("two")));
    }

    #[test]
    fn withheld_beats_the_extension_and_the_cookie() {
        let cookie = ["refp_id=clk_cookie"];
        let plain = id("clk_layer");
        let name = CookieName::REFPORT;
        let resolve = |plain: Option<&ClickId>, ids: Option<&ClickIds>| {
            ClickIds::resolve(plain, ids, &name, cookie)
        };
        assert_eq!(resolve(None, None), Some(id("clk_cookie")));
        assert_eq!(resolve(Some(&plain), None), Some(plain.clone()));

        let mut ids = ClickIds::default();
        ids.withhold(CookieName::PARTLI);
        assert_eq!(
            resolve(None, Some(&ids)),
            Some(id("clk_cookie")),
            "another program's"
        );
        ids.withhold(name.clone());
        assert!(ids.is_withheld(&name));
        assert_eq!(resolve(Some(&plain), Some(&ids)), None);
        assert_eq!(resolve(None, Some(&ids)), None);
    }

    #[test]
    fn collecting_gives_each_program_its_own() {
        let plain = id("clk_layer");
        let mut ids = ClickIds::default();
        ids.insert(CookieName::PARTLI, id("c_1"));
        let cookie = ["refp_id=clk_cookie"];

        let all = ClickIds::collect(Some(&plain), Some(&ids), cookie);
        assert_eq!(all.get(&CookieName::REFPORT), Some(&plain));
        assert_eq!(all.get(&CookieName::PARTLI), Some(&id("c_1")));
        let renamed = CookieName::new("acme").unwrap();
        assert_eq!(all.get(&renamed), None, "another program");
        assert_eq!(all.get(&renamed.for_default_program()), Some(&plain));

        let scanned = ClickIds::collect(None, None, cookie);
        assert_eq!(scanned.get(&CookieName::REFPORT), Some(&id("clk_cookie")));
        ids.withhold(CookieName::REFPORT);
        let withheld = ClickIds::collect(Some(&plain), Some(&ids), cookie);
        assert_eq!(withheld.get(&CookieName::REFPORT), None);
        assert!(withheld.is_withheld(&CookieName::REFPORT));
    }

    #[test]
    fn an_unsigned_id_is_told_apart_and_not_answered() {
        let mut ids = ClickIds::default();
        ids.insert_unsigned(CookieName::REFPORT, id("clk_forged"));
        assert_eq!(ids.get(&CookieName::REFPORT), None);
        assert_eq!(ids.unsigned(&CookieName::REFPORT), Some(&id("clk_forged")));
        assert_eq!(ids.unsigned(&CookieName::PARTLI), None);
        let cookie = ["refp_id=clk_forged"];
        let found = ClickIds::resolve(None, Some(&ids), &CookieName::REFPORT, cookie);
        assert_eq!(found, None);
        ids.insert(CookieName::REFPORT, id("clk_captured"));
        assert_eq!(ids.unsigned(&CookieName::REFPORT), None);
        assert!(!ids.is_withheld(&CookieName::REFPORT));
    }

    #[test]
    fn a_captured_id_makes_an_unsigned_one_of_its_program_go() {
        let acme = CookieName::new("acme_ref").unwrap().for_default_program();
        let mut ids = ClickIds::default();
        ids.insert_unsigned(CookieName::REFPORT, id("clk_forged"));
        ids.insert_unsigned(CookieName::PARTLI, id("c_forged"));
        ids.insert(acme.clone(), id("clk_captured"));
        assert!(!ids.is_withheld(&acme) && !ids.is_withheld(&CookieName::REFPORT));
        assert_eq!(ids.unsigned(&CookieName::PARTLI), Some(&id("c_forged")));

        ids.withhold(CookieName::REFPORT);
        ids.insert(acme.clone(), id("clk_captured"));
        assert!(ids.is_withheld(&acme), "what was denied stays denied");
    }

    #[test]
    fn withholding_the_default_programs_own_name_withholds_refp_id_too() {
        let mut ids = ClickIds::default();
        ids.withhold(CookieName::new("acme_ref").unwrap().for_default_program());
        let found = ClickIds::resolve(None, Some(&ids), &CookieName::REFPORT, ["refp_id=clk_1"]);
        assert_eq!(found, None);
        let other = ClickIds::resolve(None, Some(&ids), &CookieName::PARTLI, ["pref_cid=c_1"]);
        assert_eq!(other, Some(id("c_1")), "another program's is not withheld");
    }
}
