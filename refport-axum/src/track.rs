use std::{convert::Infallible, ops::Deref, sync::Once};

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{Extensions, request::Parts};
use refport_core::{Refport, track::Reporter};

/// Reports leads and sales: the [`refport_core::Track`] of that name, as an extractor.
///
/// It is taken from `Extension(Track::from(…))`, with a client or an outbox in it, or from
/// `Extension(refport)`. With a state of your own it is part of that, by `FromRef`, and handlers take
/// `State<Track>`, which the compiler checks: this extractor does not look there.
///
/// The extractor never fails, so that no order is refused for want of tracking: where neither is there, as
/// on a route that was added after `.layer`, each call answers [`Error::NotSetUp`](refport_core::Error),
/// and the log says once which line to add. `Option<Track>` is `None` then.
#[derive(Clone, Debug)]
pub struct Track(pub refport_core::Track);

impl Deref for Track {
    type Target = refport_core::Track;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<R: Reporter> From<R> for Track {
    fn from(reporter: R) -> Self {
        Self(reporter.into())
    }
}

/// What to do where nobody was found. It may well be made already, and stand where this does not look.
const ADD: &str = "a plain `Track` is taken from the request's extensions: add \
    `.layer(Extension(Track::from(…)))` to the router, after its routes, with a client or an outbox in it; \
    or, where a `Track` stands in the router's state, take `State(track): State<Track>` (by `FromRef`)";

impl<S: Send + Sync> FromRequestParts<S> for Track {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        static SAID: Once = Once::new();
        Ok(find(&parts.extensions).unwrap_or_else(|| {
            SAID.call_once(|| tracing::error!("tracking is not set up: {ADD}"));
            Self(refport_core::Track::not_set_up(ADD))
        }))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Track {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(find(&parts.extensions))
    }
}

fn find(extensions: &Extensions) -> Option<Track> {
    let track = extensions.get::<Track>().cloned();
    track.or_else(|| Some(extensions.get::<Refport>()?.clone().into()))
}
