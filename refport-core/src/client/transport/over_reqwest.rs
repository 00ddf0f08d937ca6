use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use reqwest::Url;

use super::{BoxError, BoxFuture, Carry, Transport, tls};
use crate::{BuildError, client::build_error::Problem, error::TransportError};

/// The largest answer that is read, in bytes. Real ones have a few hundred.
const MAX_ANSWER: usize = 1024 * 1024;

/// The default transport: reqwest with everything off that could repeat, redirect, or remember on
/// its own.
struct OverReqwest {
    client: reqwest::Client,
    urls: Urls,
}

/// What the default transport is told of the client.
pub(in crate::client) struct Connecting<'a> {
    pub(in crate::client) connect_timeout: Duration,
    /// For the shortest attempt that is made.
    pub(in crate::client) attempt_timeout: Duration,
    /// Whether the service is on this machine.
    pub(in crate::client) is_loopback: bool,
    /// Authorities that are trusted beside the others, in PEM.
    pub(in crate::client) root_certificates: &'a [Vec<u8>],
}

impl Transport {
    pub(in crate::client) fn over_reqwest(to: &Connecting<'_>) -> Result<Self, BuildError> {
        let builder = tls::set_up(reqwest::Client::builder(), to.root_certificates)?;
        // Whatever features another crate turns on: nothing is asked for that would be unpacked here.
        let builder = builder.no_gzip().no_brotli().no_zstd().no_deflate();
        let builder = if to.is_loopback {
            // The key would go to the proxy, in clear.
            builder.no_proxy()
        } else {
            builder
        };
        // A connection that died without a word is found out, and left, within half an attempt, so that
        // there is time for another.
        let quarter = to.attempt_timeout / 4;
        let client = builder
            .http2_keep_alive_interval(quarter)
            .http2_keep_alive_timeout(quarter)
            .connect_timeout(to.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("refport-rust/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| Problem::Transport(error.into()))?;
        Ok(Self::over_client(client))
    }

    /// Over a client whose settings are its owner's.
    pub(in crate::client) fn over_client(client: reqwest::Client) -> Self {
        Self(Arc::new(OverReqwest {
            client,
            urls: Urls::default(),
        }))
    }
}

impl Carry for OverReqwest {
    fn carry(&self, request: Request<Bytes>) -> BoxFuture {
        // The execution is started here, so that the future needs no clone of the client.
        let executing = self
            .urls
            .of(request.uri())
            .map(|url| self.client.execute(over(url, request)));
        Box::pin(async move {
            let answer = executing?.await.map_err(explain)?;
            read(answer).await
        })
    }
}

fn over(url: Url, request: Request<Bytes>) -> reqwest::Request {
    let (head, body) = request.into_parts();
    let mut request = reqwest::Request::new(head.method, url);
    *request.headers_mut() = head.headers;
    *request.body_mut() = Some(body.into());
    request
}

/// The URLs that were asked for, as reqwest wants them. Parsing one costs a fifteenth of a call, and
/// a client has a handful.
#[derive(Default)]
struct Urls(RwLock<Vec<(Uri, Url)>>);

impl Urls {
    /// A layer in front can make more of them than are worth keeping.
    const KEPT: usize = 8;

    fn of(&self, uri: &Uri) -> Result<Url, TransportError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, url)) = known.iter().find(|(known, _)| known == uri) {
            return Ok(url.clone());
        }
        drop(known);
        let url = Url::parse(&uri.to_string()).map_err(TransportError::broken)?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < Self::KEPT {
            known.push((uri.clone(), url.clone()));
        }
        Ok(url)
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Response<Bytes>, BoxError> {
    let mut body = Body::default();
    while let Some(chunk) = answer.chunk().await.map_err(explain_cut)? {
        if body.len() + chunk.len() <= MAX_ANSWER {
            body.push(chunk);
        } else if answer.status().is_success() {
            let problem = format!("it has more than {MAX_ANSWER} bytes");
            return Err(TransportError::answered(answer.status(), problem).into());
        } else {
            // Of an error, its status and headers tell enough.
            break;
        }
    }
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// A body as it comes in. One that came in one piece, as most do, is not copied.
#[derive(Default)]
struct Body {
    first: Bytes,
    all: BytesMut,
}

impl Body {
    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.first = chunk;
        } else {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
            self.all.extend_from_slice(&chunk);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.freeze()
        }
    }
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

/// Of an answer that had begun: whatever is said now, the request was seen.
fn explain_cut(error: reqwest::Error) -> TransportError {
    if error.is_timeout() {
        TransportError::timeout()
    } else {
        TransportError::broken(error.without_url())
    }
}

/// HTTP/2 says of a stream it refuses that nothing of it was looked at, and when it goes away in
/// good order, which streams are left untouched (RFC 9113, 6.8 and 8.7). `h2` gives the latter
/// error to those streams only.
fn was_refused_unread(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>() {
            let untouched = h2.is_go_away() && h2.reason() == Some(h2::Reason::NO_ERROR);
            let refused = h2.is_reset() && h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            return h2.is_remote() && (refused || untouched);
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_put_together_as_it_came() {
        for chunks in [&[][..], &["one"], &["", "one", ""], &["a", "b", "", "c"]] {
            let mut body = Body::default();
            for chunk in chunks {
                body.push(Bytes::from_static(chunk.as_bytes()));
            }
            assert_eq!(body.len(), chunks.concat().len());
            assert_eq!(body.into_bytes(), chunks.concat());
        }
        let whole = Bytes::from("one piece".to_owned());
        let mut body = Body::default();
        body.push(whole.clone());
        assert_eq!(body.into_bytes().as_ptr(), whole.as_ptr(), "not copied");
    }
}
