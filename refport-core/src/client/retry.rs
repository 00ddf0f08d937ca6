//! Which outcomes are repeated, how often, and after what wait.

use std::time::SystemTime;

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::{
    Policy,
    backoff::{Backoff, ExponentialBackoff},
    budget::Budget,
};

use super::{
    answer,
    call::{Call, Repeat},
    endpoint::Shared,
    pause::Asked,
    retry_after,
};
use crate::error::TransportError;

/// The policy of one call, for tower's retry service.
#[derive(Clone)]
pub(super) struct RetryPolicy<'a> {
    shared: &'a Shared,
    backoff: ExponentialBackoff,
    attempts_left: u32,
    deadline: Instant,
}

type Outcome = Result<Response<Bytes>, TransportError>;

impl<'a> RetryPolicy<'a> {
    pub(super) fn new(shared: &'a Shared, backoff: ExponentialBackoff, deadline: Instant) -> Self {
        let attempts_left = shared.settings.max_attempts;
        Self {
            shared,
            backoff,
            attempts_left,
            deadline,
        }
    }

    /// When to try again, if it is worth it and allowed.
    fn next(&mut self, call: &Call, outcome: &Outcome) -> Option<Sleep> {
        self.attempts_left = self.attempts_left.saturating_sub(1);
        let reason = match outcome {
            Ok(answer) => self.reason_of_answer(call, answer)?,
            Err(error) => reason_of_failure(call, error)?,
        };
        if self.attempts_left == 0 {
            return None;
        }
        let backoff = self.backoff.next_backoff().deadline();
        let asked = self
            .shared
            .pause
            .at(Instant::now())
            .map(|asked| asked.until);
        let at = asked.map_or(backoff, |asked| asked.max(backoff));
        // A wait that would outlast the call only hides what went wrong.
        if at >= self.deadline || !self.shared.budget.withdraw() {
            return None;
        }
        let wait_ms = at.saturating_duration_since(Instant::now()).as_millis();
        tracing::info!(call = call.name, reason, wait_ms, "trying again");
        Some(sleep_until(at))
    }

    fn reason_of_answer(&self, call: &Call, answer: &Response<Bytes>) -> Option<&'static str> {
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                self.pause_all(answer);
                Some("rate limit")
            }
            status if status.is_server_error() && call.repeat == Repeat::Always => {
                Some("server error")
            }
            _ => {
                self.shared.budget.deposit();
                None
            }
        }
    }

    /// A 429 is said to one and meant for all.
    fn pause_all(&self, answer: &Response<Bytes>) {
        let wait = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.as_bytes(), SystemTime::now()));
        let wait = wait.unwrap_or(self.shared.settings.backoff.0);
        let wait = wait.min(self.shared.settings.max_retry_after);
        self.shared.pause.extend(Asked {
            until: Instant::now() + wait,
            by: answer::read_error(answer),
        });
    }
}

fn reason_of_failure(call: &Call, error: &TransportError) -> Option<&'static str> {
    if error.is_answer() {
        return None;
    }
    if error.is_unseen() {
        return Some("not reached");
    }
    (call.repeat == Repeat::Always).then_some("no answer")
}

impl Policy<Call, Response<Bytes>, TransportError> for RetryPolicy<'_> {
    type Future = Sleep;

    fn retry(&mut self, call: &mut Call, outcome: &mut Outcome) -> Option<Sleep> {
        self.next(call, outcome)
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}
