use std::{
    fmt,
    sync::{Arc, atomic::AtomicU32},
};

use bytes::Bytes;
use http::{HeaderValue, Response};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tower::retry::{Retry, budget::TpsBudget};
use tower_service::Service;

use super::{
    answer,
    attempt::Attempt,
    call::{Call, Unsent},
    observe::{ErrorHook, Observed},
    pause::{Asked, Pause},
    retry::{RetryPolicy, later},
    settings::Settings,
    transport::Transport,
};
use crate::{
    error::{Error, TransportError},
    track::Outcome,
};

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

    /// Posts what is to be reported, and says what came of it.
    pub(super) fn report<A, T>(
        &self,
        call: Result<Call, Unsent>,
        outcome: fn(A) -> Outcome<T>,
    ) -> impl Future<Output = Result<Outcome<T>, Error>> + Send + use<A, T>
    where
        A: DeserializeOwned + Send,
    {
        let endpoint = self.clone();
        async move {
            match call {
                Ok(call) => endpoint.post(call).await.map(outcome),
                Err(Unsent::Invalid(refused)) => Err(Error::Invalid(refused)),
                Err(Unsent::Nothing(why)) => Ok(Outcome::NothingToReport(why)),
            }
        }
    }

    /// Posts a call, as often as it allows, and reads the answer as JSON.
    pub(super) async fn post<A: DeserializeOwned>(&self, call: Call) -> Result<A, Error> {
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
        let deadline = later(now, self.0.settings.total_timeout);
        if let Some(asked) = self.0.pause.at(now)
            && asked.until >= deadline
        {
            return Err(Error::Api(refused_for(asked)));
        }
        let attempt = Attempt {
            shared: &self.0,
            made,
            deadline,
        };
        let policy = RetryPolicy::new(&self.0, deadline);
        // An attempt is always ready, so nothing has to be waited for before. Attempts and waits end
        // at the deadline by themselves, so the call needs no timer of its own.
        let answer = Retry::new(policy, attempt).call(call);
        answer.await.map_err(TransportError::into_error)
    }
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
