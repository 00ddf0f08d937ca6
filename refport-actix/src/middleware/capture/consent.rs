//! A gate that takes its time.

use std::{
    fmt,
    future::{Ready, ready},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpMessage,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
};
use pin_project_lite::pin_project;
use refport_core::consent::Consent;

use super::{CaptureFuture, CaptureMiddleware, CaptureService, Headers, landing};

/// A [`CaptureMiddleware`] whose gate is a future: made by
/// [`consent_async`](CaptureMiddleware::consent_async).
///
/// The answer is also left in the request's extensions, as a [`Consent`].
#[derive(Debug)]
#[must_use]
pub struct ConsentMiddleware<F> {
    capture: CaptureMiddleware,
    gate: Arc<F>,
}

impl<F> ConsentMiddleware<F> {
    pub(super) fn new(capture: CaptureMiddleware, gate: F) -> Self {
        Self {
            capture,
            gate: Arc::new(gate),
        }
    }
}

impl<F> Clone for ConsentMiddleware<F> {
    fn clone(&self) -> Self {
        Self {
            capture: self.capture.clone(),
            gate: Arc::clone(&self.gate),
        }
    }
}

impl<F, Fut, S, B> Transform<S, ServiceRequest> for ConsentMiddleware<F>
where
    F: Fn(&ServiceRequest) -> Fut,
    Fut: Future<Output = Consent>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Transform = ConsentService<F, S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let middleware = self.capture.clone();
        ready(Ok(ConsentService {
            inner: Rc::new(CaptureService { inner, middleware }),
            gate: Arc::clone(&self.gate),
        }))
    }
}

/// The service of [`ConsentMiddleware`].
#[doc(hidden)]
#[derive(Debug)]
pub struct ConsentService<F, S> {
    /// A call that asks keeps it until the answer is there.
    inner: Rc<CaptureService<S>>,
    gate: Arc<F>,
}

impl<F, Fut, S, B> Service<ServiceRequest> for ConsentService<F, S>
where
    F: Fn(&ServiceRequest) -> Fut,
    Fut: Future<Output = Consent>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = ConsentFuture<Fut, S, B>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let rules = &self.inner.middleware.rules;
        let asks = rules.asks_for_consent(&landing(&request, &Headers(request.headers())));
        ConsentFuture {
            state: if asks {
                State::Asking {
                    answer: (self.gate)(&request),
                    held: Some((request, Rc::clone(&self.inner))),
                }
            } else {
                State::Capturing {
                    future: self.inner.call(request),
                }
            },
        }
    }
}

pin_project! {
    /// Asks, and then captures.
    #[doc(hidden)]
    pub struct ConsentFuture<Fut, S, B>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<Fut, S, B>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<Fut, S, B>
    where
        S: Service<ServiceRequest>,
    {
        Asking {
            #[pin]
            answer: Fut,
            held: Option<(ServiceRequest, Rc<CaptureService<S>>)>,
        },
        Capturing {
            #[pin]
            future: CaptureFuture<S::Future, B>,
        },
    }
}

impl<Fut, S, B> fmt::Debug for ConsentFuture<Fut, S, B>
where
    S: Service<ServiceRequest>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentFuture").finish_non_exhaustive()
    }
}

impl<Fut, S, B> Future for ConsentFuture<Fut, S, B>
where
    Fut: Future<Output = Consent>,
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProject::Asking { answer, held } => {
                    let consent = ready!(answer.poll(cx));
                    let (request, service) = held.take().expect("polled after completion");
                    request.extensions_mut().insert(consent);
                    let future = service.call(request);
                    state.set(State::Capturing { future });
                }
                StateProject::Capturing { future } => return future.poll(cx),
            }
        }
    }
}
