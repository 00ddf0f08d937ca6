use std::num::NonZeroU32;

use axum::http::{HeaderMap, header::AUTHORIZATION};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::HashMapStateStore,
};

use std::sync::Arc;

use super::{App, error::ApiError};
use crate::store::query::Caller;

/// So many keys make it worth while to drop the state of those that are quiet.
const SHRINK_ABOVE: usize = 10_000;

/// Requests by API key, counted in this process.
#[derive(Debug)]
pub(super) struct RateLimit(RateLimiter<String, HashMapStateStore<String>, DefaultClock>);

impl RateLimit {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self(RateLimiter::hashmap(Quota::per_second(per_second)))
    }

    fn check(&self, key_id: &String) -> Result<(), ApiError> {
        if self.0.len() > SHRINK_ABOVE {
            self.0.retain_recent();
        }
        self.0.check_key(key_id).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            ApiError::rate_limited(wait.as_secs() + 1)
        })
    }
}

impl App {
    /// Who calls, by the API key in the headers; 401 and 429 otherwise.
    pub(super) async fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, ApiError> {
        let authorization = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let caller = self.0.store.authenticate(authorization).await?;
        let caller = caller.ok_or_else(ApiError::unauthorized)?;
        if let Some(limit) = &self.0.rate_limit {
            limit.check(&caller.key_id)?;
        }
        Ok(caller)
    }
}
