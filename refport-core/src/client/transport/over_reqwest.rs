use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};

use super::{BoxError, BoxFuture, Carry, Transport};
use crate::error::TransportError;

/// The largest answer that is read, in bytes. Real ones have a few hundred.
const MAX_ANSWER: usize = 1024 * 1024;

/// The default transport: reqwest with everything off that could repeat, redirect, or remember on
/// its own.
struct OverReqwest(reqwest::Client);

impl Transport {
    pub(in crate::client) fn over_reqwest(
        connect_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("refport-rust/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(std::sync::Arc::new(OverReqwest(client))))
    }
}

impl Carry for OverReqwest {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture {
        // The execution is started here, so that the future needs no clone of the client.
        let executing = reqwest::Request::try_from(request).map(|request| self.0.execute(request));
        Box::pin(async move {
            let answer = executing.map_err(explain)?.await.map_err(explain)?;
            read(answer).await
        })
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Response<Bytes>, BoxError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(explain)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            let problem = format!("it has more than {MAX_ANSWER} bytes");
            return Err(TransportError::answered(answer.status(), problem).into());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

fn explain(error: reqwest::Error) -> TransportError {
    let timed_out = error.is_timeout();
    if error.is_connect() {
        TransportError::connect(timed_out, error.without_url())
    } else if timed_out {
        TransportError::timeout()
    } else if was_refused_unread(&error) {
        TransportError::unread(error.without_url())
    } else {
        TransportError::broken(error.without_url())
    }
}

/// HTTP/2 says of a stream it refuses that nothing of it was looked at (RFC 9113, 8.7).
fn was_refused_unread(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            return h2.is_remote() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
        }
        source = cause.source();
    }
    false
}
