//! The futures of the services that capture.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use refport_core::{capture::Captured, consent::Consent};
use tower_service::Service;

use crate::CaptureService;

pin_project! {
    /// The future of [`CaptureService`]: the inner service's response with the cookies added, or the
    /// layer's own.
    #[derive(Debug)]
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProject]
    #[derive(Debug)]
    enum State<F, R> {
        Inner {
            #[pin]
            future: F,
            captured: Option<Box<Captured>>,
        },
        Ready {
            response: Option<Response<R>>,
        },
    }
}

impl<F, R> ResponseFuture<F, R> {
    #[inline]
    pub(crate) const fn new(future: F, captured: Option<Box<Captured>>) -> Self {
        Self {
            state: State::Inner { future, captured },
        }
    }

    pub(crate) const fn ready(response: Response<R>) -> Self {
        Self {
            state: State::Ready {
                response: Some(response),
            },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // Most requests, whose response is not touched.
            StateProject::Inner {
                future,
                captured: None,
            } => future.poll(cx),
            StateProject::Inner { future, captured } => {
                let mut response = ready!(future.poll(cx))?;
                if let Some(captured) = captured.take() {
                    captured.write(response.headers_mut());
                }
                Poll::Ready(Ok(response))
            }
            StateProject::Ready { response } => {
                Poll::Ready(Ok(response.take().expect("polled after completion")))
            }
        }
    }
}

pin_project! {
    /// The future of [`ConsentService`](crate::ConsentService): asks, and then captures.
    pub struct ConsentFuture<Fut, S, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: Asking<Fut, S, B, R>,
    }
}

pin_project! {
    #[project = AskingProject]
    enum Asking<Fut, S, B, R>
    where
        S: Service<Request<B>>,
    {
        Asking {
            #[pin]
            answer: Fut,
            held: Option<(Request<B>, CaptureService<S>)>,
        },
        Capturing {
            #[pin]
            future: ResponseFuture<S::Future, R>,
        },
    }
}

impl<Fut, S, B, R> ConsentFuture<Fut, S, B, R>
where
    S: Service<Request<B>>,
{
    pub(crate) const fn asking(
        answer: Fut,
        request: Request<B>,
        service: CaptureService<S>,
    ) -> Self {
        Self {
            state: Asking::Asking {
                answer,
                held: Some((request, service)),
            },
        }
    }

    pub(crate) const fn capturing(future: ResponseFuture<S::Future, R>) -> Self {
        Self {
            state: Asking::Capturing { future },
        }
    }
}

impl<Fut, S, B, R> fmt::Debug for ConsentFuture<Fut, S, B, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentFuture").finish_non_exhaustive()
    }
}

impl<Fut, S, B, R> Future for ConsentFuture<Fut, S, B, R>
where
    Fut: Future<Output = Consent>,
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                AskingProject::Asking { answer, held } => {
                    let consent = ready!(answer.poll(cx));
                    let (mut request, mut service) = held.take().expect("polled after completion");
                    request.extensions_mut().insert(consent);
                    let future = service.call(request);
                    state.set(Asking::Capturing { future });
                }
                AskingProject::Capturing { future } => return future.poll(cx),
            }
        }
    }
}
