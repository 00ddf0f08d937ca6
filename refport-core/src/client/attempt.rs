use std::{
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tokio::time::{Instant, sleep_until, timeout_at};
use tower_service::Service;

use super::{call::Call, endpoint::Shared, retry::later};
use crate::error::TransportError;

/// Sends a call once, within the time of one attempt and of the whole call: what tower's retry
/// service repeats.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) shared: &'a Shared,
    /// How long one may take.
    pub(super) time: Duration,
    /// How many were made, for the span.
    pub(super) made: &'a AtomicU32,
    /// When the whole call ends.
    pub(super) deadline: Instant,
}

impl Attempt<'_> {
    fn request(&self, call: Call) -> Request<Bytes> {
        let mut request = Request::new(call.body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = call.url;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.shared.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }
}

impl<'a> Service<Call> for Attempt<'a> {
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let Self {
            shared,
            time,
            made,
            deadline,
        } = *self;
        // Made here and begun below, so that the future does not hold the request as well.
        let sending = shared.transport.send(self.request(call));
        Box::pin(async move {
            let mut now = Instant::now();
            // The service may have asked another call to wait.
            if let Some(asked) = shared.pause.at(now) {
                sleep_until(asked.until.min(deadline)).await;
                now = Instant::now();
                if now >= deadline {
                    return Err(TransportError::timeout());
                }
            }
            made.fetch_add(1, Ordering::Relaxed);
            let end = later(now, time).min(deadline);
            match timeout_at(end, sending).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(TransportError::from_boxed(error)),
                Err(_) => Err(TransportError::timeout()),
            }
        })
    }
}
