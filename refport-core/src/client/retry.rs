//! Which outcomes are repeated, how often, and after what wait.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode, header::RETRY_AFTER};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::retry::{Policy, budget::Budget};

use super::{
    answer,
    backoff::Backoff,
    call::{Call, Repeat},
    endpoint::Shared,
    pause::Asked,
    retry_after,
};
use crate::{destination::Patience, error::TransportError};

/// The policy of one call, for tower's retry service.
#[derive(Clone)]
pub(super) struct RetryPolicy<'a> {
    shared: &'a Shared,
    backoff: Backoff,
    attempts_left: u32,
    deadline: Instant,
}

type Outcome = Result<Response<Bytes>, TransportError>;

/// Why an outcome is repeated, for the log.
type Reason = &'static str;

impl<'a> RetryPolicy<'a> {
    pub(super) fn new(shared: &'a Shared, patience: Patience, deadline: Instant) -> Self {
        let (first, longest) = shared.settings.backoff;
        Self {
            shared,
            backoff: Backoff::new(first, longest),
            attempts_left: shared.settings.max_attempts(patience),
            deadline,
        }
    }

    /// When to try again, if it is worth it and allowed.
    fn next(&mut self, call: &Call, outcome: &Outcome) -> Option<Sleep> {
        self.attempts_left = self.attempts_left.saturating_sub(1);
        let (reason, wait) = match outcome {
            Ok(answer) => self.after_answer(call, answer)?,
            Err(error) => (reason_of_failure(call, error)?, self.backoff.next_wait()),
        };
        if self.attempts_left == 0 {
            return None;
        }
        let now = Instant::now();
        let backoff = now.checked_add(wait)?;
        let asked = self.shared.pause.at(now).map(|asked| asked.until);
        let at = asked.map_or(backoff, |asked| asked.max(backoff));
        // A wait that would outlast the call only hides what went wrong.
        if at >= self.deadline || !self.shared.budget.withdraw() {
            return None;
        }
        let wait_ms = at.saturating_duration_since(now).as_millis();
        tracing::info!(call = call.name, reason, wait_ms, "trying again");
        Some(sleep_until(at))
    }

    fn after_answer(
        &mut self,
        call: &Call,
        answer: &Response<Bytes>,
    ) -> Option<(Reason, Duration)> {
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = self.backoff.next_wait();
                self.pause_all(answer, wait);
                Some(("rate limit", wait))
            }
            status if is_of_the_moment(status) && call.repeat == Repeat::Always => {
                let drawn = self.backoff.next_wait();
                let asked = self.asked_wait(answer).unwrap_or_default();
                Some(("server error", drawn.max(asked)))
            }
            _ => {
                self.shared.budget.deposit();
                None
            }
        }
    }

    /// A 429 is said to one and meant for all. Without a time of its own it asks for the wait that
    /// this call has drawn.
    fn pause_all(&self, answer: &Response<Bytes>, drawn: Duration) {
        let longest = self.shared.settings.max_retry_after;
        let wait = self.asked_wait(answer).unwrap_or(drawn.min(longest));
        self.shared.pause.extend(Asked {
            until: later(Instant::now(), wait),
            by: answer::read_error(answer),
        });
    }

    /// How long the answer asks to wait, cut at the longest that is waited.
    fn asked_wait(&self, answer: &Response<Bytes>) -> Option<Duration> {
        let value = answer.headers().get(RETRY_AFTER)?;
        let asked = retry_after::parse(value.as_bytes(), SystemTime::now())?;
        Some(asked.min(self.shared.settings.max_retry_after))
    }
}

/// 5xx, and what else another try may put right: 408 and 425.
fn is_of_the_moment(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::REQUEST_TIMEOUT
        || status == StatusCode::TOO_EARLY
}

/// `wait` after `now`, or so far off that it makes no difference.
pub(super) fn later(now: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(wait).unwrap_or_else(|| now + FAR)
}

fn reason_of_failure(call: &Call, error: &TransportError) -> Option<Reason> {
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
