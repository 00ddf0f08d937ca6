//! Who is asked for consent, and what they see.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{Extensions, HeaderMap, Method, Request, Uri, header::COOKIE};
use refport_core::consent::{self, Consent};

/// Who says whether a click may be stored.
#[derive(Clone, Default)]
pub(super) enum Gate {
    #[default]
    Nobody,
    Ask(Arc<dyn Fn(&ConsentRequest<'_>) -> Consent + Send + Sync>),
    Extensions,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Ask(_) => "Ask",
            Self::Extensions => "Extensions",
        })
    }
}

/// What a consent gate sees of a request: all but the body.
#[derive(Clone, Copy, Debug)]
pub struct ConsentRequest<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> ConsentRequest<'a> {
    pub(super) fn new<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The request's method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// The request's URI.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The request's headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What layers further out have left on the request.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The value of a cookie of yours, percent-decoded. `None` where there is none, or where it is
    /// not UTF-8.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<Cow<'a, str>> {
        consent::cookie_value(name, self.headers.get_all(COOKIE))
    }
}
