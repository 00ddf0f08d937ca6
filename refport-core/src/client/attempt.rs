use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::{call::Call, endpoint::Shared};
use crate::error::TransportError;

/// Sends a call once, within the time of one attempt: what tower's retry service repeats.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) shared: Arc<Shared>,
    /// How many were made, for the span.
    pub(super) made: Arc<AtomicU32>,
}

impl Attempt {
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

impl Service<Call> for Attempt {
    type Response = Response<Bytes>;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        let request = self.request(call);
        let made = Arc::clone(&self.made);
        Box::pin(async move {
            // The service may have asked another call to wait.
            if let Some(asked) = shared.pause.at(Instant::now()) {
                tokio::time::sleep_until(asked.until).await;
            }
            made.fetch_add(1, Ordering::Relaxed);
            match timeout(
                shared.settings.attempt_timeout,
                shared.transport.send(request),
            )
            .await
            {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(TransportError::from_boxed(error)),
                Err(_) => Err(TransportError::timeout()),
            }
        })
    }
}
