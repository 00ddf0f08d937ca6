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
    observe::{ErrorHook, Log, Observed},
    pause::{Asked, Pause},
    place::{Caller, Place, Running},
    retry::{RetryPolicy, later},
    settings::Settings,
    transport::Transport,
};
use crate::{
    destination::Patience,
    error::{Error, NotSetUpError, TransportError},
    track::{NothingToReport, Outcome},
};

/// One service with one key: what all calls of a client, and all its clones, share.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// `None` for a client that is disabled.
    shared: Option<Arc<Shared>>,
    patience: Patience,
}

pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) transport: Transport,
    pub(super) authorization: HeaderValue,
    pub(super) settings: Settings,
    pub(super) sends_occurred_at: bool,
    pub(super) budget: TpsBudget,
    pub(super) pause: Pause,
    pub(super) on_error: Option<ErrorHook>,
}

impl Endpoint {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared: Some(Arc::new(shared)),
            patience: Patience::Handler,
        }
    }

    /// One that sends nothing.
    pub(super) const fn off() -> Self {
        Self {
            shared: None,
            patience: Patience::Handler,
        }
    }

    /// The same, for callers who wait otherwise.
    pub(super) fn with(&self, patience: Patience) -> Self {
        Self {
            patience,
            ..self.clone()
        }
    }

    /// Whether the service is known to count a repeated lead once.
    pub(super) fn repeats_leads(&self) -> bool {
        let settings = self.shared.as_ref().map(|shared| &shared.settings);
        settings.is_some_and(|settings| settings.repeat_leads)
    }

    /// Whether the service is told when a lead or sale happened.
    pub(super) fn sends_occurred_at(&self) -> bool {
        let shared = self.shared.as_ref();
        shared.is_some_and(|shared| shared.sends_occurred_at)
    }

    /// Posts what is to be reported, and says what came of it.
    pub(super) fn report<A, T>(
        &self,
        call: Result<Call, Unsent>,
        outcome: fn(A) -> Outcome<T>,
    ) -> impl Future<Output = Result<Outcome<T>, Error>> + Send + use<A, T>
    where
        A: DeserializeOwned + Send + 'static,
    {
        let endpoint = self.clone();
        async move {
            match call {
                Ok(_) if endpoint.drops_reports() => {
                    Ok(Outcome::NothingToReport(NothingToReport::Disabled))
                }
                Ok(call) => endpoint.begin(call, true)?.end().await.map(outcome),
                Err(Unsent::Invalid(refused)) => Err(Error::Invalid(refused)),
                Err(Unsent::Nothing(why)) => Ok(Outcome::NothingToReport(why)),
            }
        }
    }

    /// Whether reports go nowhere. What a worker delivers was stored, and waits for a key.
    fn drops_reports(&self) -> bool {
        self.shared.is_none() && self.patience != Patience::Worker
    }

    /// Begins to post a call, as often as it allows, and to read the answer as JSON.
    pub(super) fn post<A>(&self, call: Call) -> Result<Running<A>, Error>
    where
        A: DeserializeOwned + Send + 'static,
    {
        self.begin(call, false)
    }

    fn begin<A>(&self, call: Call, is_report: bool) -> Result<Running<A>, Error>
    where
        A: DeserializeOwned + Send + 'static,
    {
        const OFF: &str = "the client is a disabled one: make it with an API key";
        let shared = self
            .shared
            .clone()
            .ok_or(Error::NotSetUp(NotSetUpError::new(OFF)))?;
        let (place, patience, repeat) = (shared.place, self.patience, call.repeat);
        // Made here, so that the span belongs to what the caller is doing. What is awaited has no name
        // below: it would be kept a second time, under that.
        let caller = Caller::default();
        let log = match patience {
            Patience::Handler if is_report => Log::Loss(call.body.clone(), caller.clone()),
            Patience::Handler => Log::Failure,
            _ => Log::Nothing,
        };
        let observed = Observed::new(call.name, log, shared.on_error.clone());
        let posting = async move {
            let answer = observed
                .span(shared.send(call, patience, &observed.attempts))
                .await;
            let status = answer.as_ref().ok().map(Response::status);
            let result = answer.and_then(|answer| answer::read(&answer));
            let result = result.map_err(|error| error.of_invoice(observed.invoice().as_deref()));
            observed.end(status, result.as_ref().err());
            result
        };
        place.begin(caller, repeat, posting)
    }
}

impl Shared {
    /// Any answer, an error status included, within the time of the whole call.
    async fn send(
        &self,
        call: Call,
        patience: Patience,
        made: &AtomicU32,
    ) -> Result<Response<Bytes>, Error> {
        let now = Instant::now();
        let deadline = later(now, self.settings.total_timeout(patience));
        if let Some(asked) = self.pause.at(now)
            && asked.until >= deadline
        {
            return Err(Error::Api(refused_for(asked)));
        }
        let attempt = Attempt {
            shared: self,
            time: self.settings.attempt_timeout(patience, call.repeat),
            made,
            deadline,
        };
        let policy = RetryPolicy::new(self, patience, deadline);
        // An attempt is always ready, so nothing has to be waited for before. Attempts and waits end
        // at the deadline by themselves, so the call needs no timer of its own.
        Retry::new(policy, attempt)
            .call(call)
            .await
            .map_err(TransportError::into_error)
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
            .field("sends_occurred_at", &self.sends_occurred_at)
            .finish_non_exhaustive()
    }
}
