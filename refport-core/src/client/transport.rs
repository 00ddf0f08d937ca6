use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use crate::error::{TransportError, TransportProblem};

/// The largest answer that is read, in bytes. Real ones have a few hundred.
pub(super) const MAX_ANSWER: usize = 1024 * 1024;

/// Sends one request and reads its whole answer: reqwest with everything off that could repeat,
/// redirect or remember on its own.
#[derive(Clone, Debug)]
pub(super) struct Transport(reqwest::Client);

/// An answer, or the part of it that was read before it grew too large.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Bytes),
    TooLarge,
}

impl Transport {
    pub(super) fn new(connect_timeout: Duration) -> Result<Self, reqwest::Error> {
        reqwest::Client::builder()
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("refport-rust/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
    }

    pub(super) async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(explain)?;
        let mut answer = self.0.execute(request).await.map_err(explain)?;
        let mut response = Response::new(Body::TooLarge);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(explain)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Ok(response);
            }
            body.extend_from_slice(&chunk);
        }
        *response.body_mut() = Body::Whole(body.freeze());
        Ok(response)
    }
}

fn explain(error: reqwest::Error) -> TransportError {
    let what = if error.is_connect() {
        TransportProblem::Connect
    } else if error.is_timeout() {
        TransportProblem::Timeout
    } else {
        TransportProblem::Broken
    };
    TransportError::new(what, error.is_timeout(), error.without_url())
}
