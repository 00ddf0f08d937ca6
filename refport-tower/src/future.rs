//! The future of [`CaptureService`](crate::CaptureService).

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Response, header::SET_COOKIE};
use pin_project_lite::pin_project;

pin_project! {
    /// Resolves to the inner service's response with the cookie added, or to a redirect.
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
            set_cookie: Option<HeaderValue>,
        },
        Ready {
            response: Option<Response<R>>,
        },
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(crate) const fn new(future: F, set_cookie: Option<HeaderValue>) -> Self {
        Self {
            state: State::Inner { future, set_cookie },
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProject::Inner { future, set_cookie } => {
                let mut response = ready!(future.poll(cx))?;
                if let Some(cookie) = set_cookie.take() {
                    response.headers_mut().append(SET_COOKIE, cookie);
                }
                Poll::Ready(Ok(response))
            }
            StateProject::Ready { response } => {
                Poll::Ready(Ok(response.take().expect("polled after completion")))
            }
        }
    }
}
