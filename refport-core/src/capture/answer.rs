//! What capturing does to an answer.

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, SET_COOKIE},
};

use super::{Captured, is_shared_cache_header, private_cache_control};

/// An answer's headers, of whatever framework: what [`Captured::write`] needs of them.
///
/// Implemented for [`http::HeaderMap`]. Names are in lower case, and values are ASCII without
/// control characters.
pub trait AnswerHeaders {
    /// Keeps the headers of which `keep` says so, by their names and values.
    fn retain(&mut self, keep: impl FnMut(&str, &[u8]) -> bool);

    /// Adds a header beside others of that name.
    fn append(&mut self, name: &'static str, value: &str);
}

impl AnswerHeaders for HeaderMap {
    fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        let all = std::mem::take(self);
        let kept = all.iter();
        for (name, value) in kept.filter(|(name, value)| keep(name.as_str(), value.as_bytes())) {
            self.append(name, value.clone());
        }
    }

    fn append(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("the value is ASCII");
        self.append(name, value);
    }
}

impl Captured {
    /// Writes the cookies to an answer: each once, in place of one that the answer has, and the
    /// answer kept out of shared caches.
    pub fn write(&self, headers: &mut impl AnswerHeaders) {
        if self.set_cookies().is_empty() {
            return;
        }
        let mut said: Vec<Vec<u8>> = Vec::new();
        headers.retain(|name, value| {
            if name == CACHE_CONTROL.as_str() {
                said.push(value.to_owned());
            }
            let is_ours = name == SET_COOKIE.as_str() && self.replaces(value);
            !is_ours && !is_shared_cache_header(name)
        });
        for cookie in self.set_cookies() {
            headers.append(SET_COOKIE.as_str(), cookie);
        }
        if let Some(private) = private_cache_control(said) {
            headers.retain(|name, _| name != CACHE_CONTROL.as_str());
            // What an answer says may have bytes that are no text; `private` alone is right, too.
            let is_text = private.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            headers.append(
                CACHE_CONTROL.as_str(),
                if is_text { &private } else { "private" },
            );
        }
    }
}
