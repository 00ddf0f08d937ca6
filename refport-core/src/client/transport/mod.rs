//! How requests reach the service: a tower service over whole bodies.

#[cfg(feature = "reqwest")]
mod over_reqwest;
#[cfg(all(feature = "rustls-ring", not(feature = "rustls")))]
mod ring;
#[cfg(feature = "reqwest")]
mod tls;

#[cfg(feature = "reqwest")]
pub(super) use self::over_reqwest::Connecting;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use tower::{ServiceExt, util::Oneshot};
use tower_service::Service;

/// An error of any transport. One that is a [`TransportError`](crate::TransportError) tells the
/// client what it may repeat; any other counts as a connection that broke.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type BoxFuture = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

/// What carries requests to the service, with its type erased: the innermost service that
/// [`ClientBuilder::layer`](crate::ClientBuilder::layer) wraps.
///
/// Clones share it.
#[derive(Clone)]
pub struct Transport(Arc<dyn Carry>);

impl Transport {
    pub(super) fn new<S>(service: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        Self(Arc::new(Erased(service)))
    }

    pub(super) fn send(&self, request: Request<Bytes>) -> BoxFuture {
        self.0.carry(request)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Service<Request<Bytes>> for Transport {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = BoxFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // Each call waits for the readiness of its own clone of the service.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> BoxFuture {
        self.send(request)
    }
}

/// A service behind a shared reference: it is cloned for each call, as tower's contract asks.
trait Carry: Send + Sync {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture;
}

struct Erased<S>(S);

impl<S> Carry for Erased<S>
where
    S: Service<Request<Bytes>, Response = Response<Bytes>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn carry(&self, request: Request<Bytes>) -> BoxFuture {
        let answer: Oneshot<S, Request<Bytes>> = self.0.clone().oneshot(request);
        Box::pin(async { answer.await.map_err(Into::into) })
    }
}
