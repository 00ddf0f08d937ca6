//! What is to be done about one request.

use super::set_cookie;
use crate::ClickId;

/// What [`Capture::decide`](super::Capture::decide) says is to be done.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    pub(super) click_id: Option<ClickId>,
    pub(super) is_withheld: bool,
    pub(super) set_cookies: Vec<String>,
    pub(super) status: Option<u16>,
    pub(super) redirect: Option<String>,
}

impl Captured {
    /// The ID that this very request is to see, in place of the one that is read: the new one, or
    /// the one that stays where the request brings several. `None` where what is read is right, and
    /// where consent was denied.
    #[must_use]
    pub const fn click_id(&self) -> Option<&ClickId> {
        self.click_id.as_ref()
    }

    /// Whether consent was denied: nothing reads an ID on this request. Mark it by
    /// [`ClickIds::withhold`](crate::ClickIds::withhold).
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        self.is_withheld
    }

    /// The values of the `Set-Cookie` headers to add to the answer: ASCII without control
    /// characters. An answer that gets one is not for shared caches: see
    /// [`private_cache_control`](super::private_cache_control).
    #[must_use]
    pub fn set_cookies(&self) -> &[String] {
        &self.set_cookies
    }

    /// Whether a `Set-Cookie` that the answer has already is about one of
    /// [these](Self::set_cookies): take it off, so that each cookie is written once.
    #[must_use]
    pub fn replaces(&self, set_cookie: &[u8]) -> bool {
        std::str::from_utf8(set_cookie).is_ok_and(|other| {
            self.set_cookies
                .iter()
                .any(|ours| set_cookie::is_same_cookie(ours, other))
        })
    }

    /// The status of the answer that is to be given in place of the service's, without a body and
    /// with `Cache-Control: no-store`: `302` or `303` with a [`redirect`](Self::redirect), `503`
    /// where a browser [loads a page ahead](Self::refuses_speculation), `204` or `403` to who
    /// [agrees](super::Capture::agree). `None` for all other requests, whose service is called.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// The `Location` to send along with the [`status`](Self::status): a path on the same host.
    #[must_use]
    pub fn redirect(&self) -> Option<&str> {
        self.redirect.as_deref()
    }

    /// Whether a browser loads a landing page ahead, whose click is none until the visitor opens
    /// it. It is refused (`503`), so that the browser asks again then.
    #[must_use]
    pub fn refuses_speculation(&self) -> bool {
        self.status == Some(503)
    }

    pub(super) fn answering(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Whether there is anything to do.
    pub(super) const fn is_something(&self) -> bool {
        self.click_id.is_some()
            || self.is_withheld
            || !self.set_cookies.is_empty()
            || self.status.is_some()
    }
}
