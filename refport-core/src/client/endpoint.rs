use std::{
    fmt,
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout_at};
use tower::{
    retry::{
        Retry,
        backoff::{ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff},
        budget::TpsBudget,
    },
    util::rng::HasherRng,
};
use tower_service::Service;

use super::{
    answer,
    attempt::Attempt,
    call::Call,
    observe::{ErrorHook, Observed},
    pause::{Asked, Pause},
    retry::RetryPolicy,
    settings::Settings,
    transport::Transport,
};
use crate::error::{Error, TransportError};

/// One service with one key: what all calls of a client, and all its clones, share.
#[derive(Clone, Debug)]
pub(super) struct Endpoint(Arc<Shared>);

pub(super) struct Shared {
    pub(super) transport: Transport,
    pub(super) authorization: HeaderValue,
    pub(super) settings: Settings,
    pub(super) budget: TpsBudget,
    pub(super) pause: Pause,
    pub(super) on_error: Option<ErrorHook>,
}

impl Endpoint {
    pub(super) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Posts `body` as JSON, as often as the call allows, and reads the answer as JSON.
    pub(super) async fn post<B, A>(
        &self,
        call: impl FnOnce(Bytes) -> Call,
        body: &B,
    ) -> Result<A, Error>
    where
        B: Serialize + Sync + ?Sized,
        A: DeserializeOwned,
    {
        let body = serde_json::to_vec(body).expect("our requests have text keys only");
        let call = call(body.into());
        let observed = Observed::new(call.name);
        let attempts = AtomicU32::new(0);
        let answer = observed.span(self.send(call, &attempts)).await;
        let status = answer.as_ref().ok().map(Response::status);
        let result = answer.and_then(|answer| answer::read(&answer));
        observed.end(
            &attempts,
            status,
            result.as_ref().err(),
            self.0.on_error.as_ref(),
        );
        result
    }

    /// Any answer, an error status included, within the time of the whole call.
    async fn send(&self, call: Call, made: &AtomicU32) -> Result<Response<Bytes>, Error> {
        let now = Instant::now();
        let deadline = now + self.0.settings.total_timeout;
        if let Some(asked) = self.0.pause.at(now)
            && asked.until >= deadline
        {
            return Err(Error::Api(refused_for(asked)));
        }
        let attempt = Attempt {
            shared: &self.0,
            made,
        };
        let policy = RetryPolicy::new(&self.0, self.backoff(), deadline);
        // An attempt is always ready, so nothing has to be waited for before.
        let answer = Retry::new(policy, attempt).call(call);
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.into_error()),
            Err(_) => Err(Error::Transport(TransportError::timeout())),
        }
    }

    fn backoff(&self) -> ExponentialBackoff {
        // A generator of its own, so that calls that fail together are not repeated together.
        let (first, longest) = self.0.settings.backoff;
        backoff_maker(first, longest).make_backoff()
    }
}

/// Doubling waits between the two, with a jitter of up to a half.
fn backoff_maker(first: Duration, longest: Duration) -> ExponentialBackoffMaker {
    const JITTER: f64 = 0.5;
    let first = first.max(Duration::from_millis(1));
    ExponentialBackoffMaker::new(first, longest.max(first), JITTER, HasherRng::default())
        .expect("the first wait is above zero and not above the longest")
}

/// The answer that asked to wait, given again: nothing is sent before its time is over.
fn refused_for(asked: Asked) -> crate::error::ApiError {
    let left = asked.until.saturating_duration_since(Instant::now());
    asked.by.waiting(Some(left))
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("authorization", &self.authorization)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
