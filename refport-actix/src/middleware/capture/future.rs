use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    Error, HttpMessage,
    body::EitherBody,
    dev::{Service, ServiceRequest, ServiceResponse},
};
use pin_project_lite::pin_project;
use refport_core::capture::Captured;

use super::{CaptureService, gate};
use crate::request::Answer;

pin_project! {
    /// Resolves to the inner service's response with the cookies added, or to the middleware's own.
    #[doc(hidden)]
    pub struct CaptureFuture<S, B>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProject]
    pub(super) enum State<S, B>
    where
        S: Service<ServiceRequest>,
    {
        Inner {
            #[pin]
            future: S::Future,
            captured: Option<Box<Captured>>,
        },
        Ready {
            response: Option<ServiceResponse<EitherBody<B>>>,
        },
        Asking {
            answer: gate::Answer,
            held: Option<(ServiceRequest, CaptureService<S>)>,
        },
    }
}

impl<S, B> From<State<S, B>> for CaptureFuture<S, B>
where
    S: Service<ServiceRequest>,
{
    fn from(state: State<S, B>) -> Self {
        Self { state }
    }
}

impl<S, B> fmt::Debug for CaptureFuture<S, B>
where
    S: Service<ServiceRequest>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureFuture").finish_non_exhaustive()
    }
}

impl<S, B> Future for CaptureFuture<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProject::Inner { future, captured } => {
                    let result = ready!(future.poll(cx));
                    let result = match captured.take() {
                        Some(captured) => written(result, captured),
                        None => result,
                    };
                    return Poll::Ready(result.map(ServiceResponse::map_into_left_body));
                }
                StateProject::Ready { response } => {
                    return Poll::Ready(Ok(response.take().expect("polled after completion")));
                }
                StateProject::Asking { answer, held } => {
                    let consent = ready!(answer.as_mut().poll(cx));
                    let (request, service) = held.take().expect("polled after completion");
                    request.extensions_mut().insert(consent);
                    state.set(service.capture(request));
                }
            }
        }
    }
}

/// The cookies go with a response, and with the one that is made of an error.
fn written<B>(
    result: Result<ServiceResponse<B>, Error>,
    captured: Box<Captured>,
) -> Result<ServiceResponse<B>, Error> {
    match result {
        Ok(mut response) => {
            captured.write(&mut Answer(response.headers_mut()));
            Ok(response)
        }
        Err(mut error) => {
            error.add_response_mapper(move |mut response| {
                captured.write(&mut Answer(response.headers_mut()));
                response
            });
            Err(error)
        }
    }
}
