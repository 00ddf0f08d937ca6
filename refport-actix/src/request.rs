//! actix's requests and answers, as the core looks at them.

use std::ops::{Deref, DerefMut};

use actix_web::{
    dev::Extensions,
    http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue},
};
use refport_core::{
    RequestExtensions, RequestExtensionsMut,
    capture::{AnswerHeaders, RequestHeaders},
};

/// A request's headers.
pub(crate) struct Headers<'a>(pub(crate) &'a HeaderMap);

impl RequestHeaders for Headers<'_> {
    fn first(&self, name: &'static str) -> Option<&[u8]> {
        self.0.get(name).map(AsRef::as_ref)
    }

    fn cookies(&self) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(COOKIE).map(AsRef::as_ref)
    }

    fn global_privacy_control(&self) -> bool {
        static SEC_GPC: HeaderName = HeaderName::from_static("sec-gpc");
        self.0.get(&SEC_GPC).is_some_and(|value| value == "1")
    }
}

/// A request's extensions, borrowed to be read or to be changed.
pub(crate) struct Ext<E>(pub(crate) E);

impl<E: Deref<Target = Extensions>> RequestExtensions for Ext<E> {
    fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get()
    }
}

impl<E: DerefMut<Target = Extensions>> RequestExtensionsMut for Ext<E> {
    fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(value);
    }

    fn remove<T: Send + Sync + 'static>(&mut self) {
        self.0.remove::<T>();
    }
}

/// An answer's headers.
pub(crate) struct Answer<'a>(pub(crate) &'a mut HeaderMap);

impl AnswerHeaders for Answer<'_> {
    fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        self.0
            .retain(|name, value| keep(name.as_str(), value.as_bytes()));
    }

    fn append(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("the value is ASCII");
        self.0.append(HeaderName::from_static(name), value);
    }
}
