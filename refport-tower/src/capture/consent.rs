//! A gate that takes its time.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use refport_core::consent::Consent;
use tower_layer::Layer;
use tower_service::Service;

use super::{CaptureLayer, CaptureService, ConsentRequest, landing};
use crate::future::ConsentFuture;

/// A [`CaptureLayer`] whose gate is a future: made by
/// [`consent_async`](CaptureLayer::consent_async).
///
/// The answer is also left in the request's extensions, as a [`Consent`].
#[derive(Debug)]
#[must_use]
pub struct ConsentLayer<F> {
    capture: CaptureLayer,
    gate: Arc<F>,
}

impl<F> ConsentLayer<F> {
    pub(super) fn new(capture: CaptureLayer, gate: F) -> Self {
        Self {
            capture,
            gate: Arc::new(gate),
        }
    }
}

impl<F> Clone for ConsentLayer<F> {
    fn clone(&self) -> Self {
        Self {
            capture: self.capture.clone(),
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<F, S> Layer<S> for ConsentLayer<F> {
    type Service = ConsentService<F, S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConsentService {
            inner: self.capture.layer(inner),
            gate: Arc::clone(&self.gate),
        }
    }
}

/// The service of [`ConsentLayer`].
#[derive(Debug)]
pub struct ConsentService<F, S> {
    inner: CaptureService<S>,
    gate: Arc<F>,
}

impl<F, S: Clone> Clone for ConsentService<F, S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<F, Fut, S, B, R> Service<Request<B>> for ConsentService<F, S>
where
    F: Fn(&ConsentRequest<'_>) -> Fut,
    Fut: Future<Output = Consent>,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ConsentFuture<Fut, S, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.inner.layer.rules.asks_for_consent(&landing(&request)) {
            return ConsentFuture::capturing(self.inner.call(request));
        }
        let answer = (self.gate)(&ConsentRequest::new(&request));
        // The service that was made ready goes with the call; a clone of it stays.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ConsentFuture::asking(answer, request, ready)
    }
}
