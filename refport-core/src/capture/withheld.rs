//! How much is withheld.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What `Sec-GPC: 1` ([Global Privacy Control](https://www.w3.org/TR/gpc/)) means to a site.
///
/// Brave and DuckDuckGo's browser send it for everybody, and others for who asks them to. In some
/// places, California among them, the law wants it obeyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GlobalPrivacyControl {
    /// The visitor has [denied](crate::consent::Consent::Denied): no gate is asked, nothing is
    /// stored, and the cookie is expired. A partner who sends such visitors is not paid for them;
    /// [`Capture::withheld`](super::Capture::withheld) says how many there are.
    #[default]
    Deny,
    /// Nothing. To decide case by case, look at the header in a gate of yours: a visitor may have
    /// agreed to your site and yet send it to all sites.
    Ignore,
}

/// How many clicks were withheld, by the reason: answered by
/// [`Capture::withheld`](super::Capture::withheld).
///
/// Counted is each request that brought a click on its URL which was not stored, or in its cookie,
/// which was expired. A click that waits for an answer counts as unknown, also if the visitor
/// [agrees](super::Capture::agree) later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Withheld {
    /// By `Sec-GPC: 1`.
    pub gpc: u64,
    /// By a gate's [`Denied`](crate::consent::Consent::Denied).
    pub denied: u64,
    /// By a gate's [`Unknown`](crate::consent::Consent::Unknown): the click served its own request.
    pub unknown: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) gpc: AtomicU64,
    pub(super) denied: AtomicU64,
    pub(super) unknown: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Withheld {
        Withheld {
            gpc: self.gpc.load(Relaxed),
            denied: self.denied.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
        }
    }
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
