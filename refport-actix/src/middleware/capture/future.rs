use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{body::EitherBody, dev::ServiceResponse};
use pin_project_lite::pin_project;
use refport_core::capture::Captured;

use super::answer;

pin_project! {
    /// Resolves to the inner service's response with the cookies added, or to a redirect.
    #[doc(hidden)]
    pub struct CaptureFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<F, B> {
        Inner {
            #[pin]
            future: F,
            captured: Option<Box<Captured>>,
        },
        Ready {
            response: Option<ServiceResponse<EitherBody<B>>>,
        },
    }
}

impl<F, B> CaptureFuture<F, B> {
    pub(super) const fn new(future: F, captured: Option<Box<Captured>>) -> Self {
        Self {
            state: State::Inner { future, captured },
        }
    }

    pub(super) const fn ready(response: ServiceResponse<EitherBody<B>>) -> Self {
        Self {
            state: State::Ready {
                response: Some(response),
            },
        }
    }
}

impl<F, B> fmt::Debug for CaptureFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureFuture").finish_non_exhaustive()
    }
}

impl<F, B, E> Future for CaptureFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, E>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProject::Inner { future, captured } => {
                let mut response = ready!(future.poll(cx))?;
                if let Some(captured) = captured.take() {
                    answer::write(response.headers_mut(), &captured);
                }
                Poll::Ready(Ok(response.map_into_left_body()))
            }
            StateProject::Ready { response } => {
                Poll::Ready(Ok(response.take().expect("polled after completion")))
            }
        }
    }
}
