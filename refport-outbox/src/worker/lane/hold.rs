//! What becomes of the destination.

use std::time::Duration;

use super::{
    super::{
        circuit::Keeps,
        turn::{PauseChange, paused},
        verdict::{Fault, Suspect},
    },
    LONGEST_HOLD, Run,
};
use crate::{clock::millis, observe, store::Failure};

/// How long a destination is held that is out of reach, doubling.
const HOLD: (Duration, Duration) = (Duration::from_secs(1), LONGEST_HOLD);

impl Run<'_> {
    pub(super) fn succeeded(&mut self) {
        if self.lane.circuit.succeeded() {
            self.end_pause();
        } else if self.lane.circuit.held_until().is_none() {
            self.has_flowed = true;
            if !self.lane.has_flowed {
                self.refute_pause(false);
            }
        }
        self.lane.has_flowed = true;
    }

    pub(super) fn end_pause(&mut self) {
        self.tell_it_flows();
        self.pause = Some(PauseChange::Ended);
    }

    /// What a worker before this one, or one beside it, has left of a pause is ended: nobody else would, where
    /// it is gone.
    pub(super) fn refute_pause(&mut self, only_over: bool) {
        self.has_flowed = false;
        self.pause.get_or_insert(PauseChange::Refuted { only_over });
    }

    pub(super) fn tell_it_flows(&self) {
        tracing::info!(
            destination = self.lane.name(),
            "the destination takes events again"
        );
        observe::paused(self.lane.name(), false);
    }

    pub(super) fn hold_faulty(&mut self, fault: &Fault, asked: Option<Duration>) -> i64 {
        let mut failure = fault.failure.clone();
        if fault.suspect == Suspect::Either {
            failure.reason = "failing";
        }
        // A 403 may be of what the event names, so that it is seen soon whether others are taken.
        let is_the_keys = fault.suspect == Suspect::Key && failure.status != Some(403);
        let asked = if is_the_keys {
            Some(LONGEST_HOLD)
        } else {
            asked
        };
        self.hold(&failure, asked, Keeps::None)
    }

    /// Holds the destination back. Says for how long.
    pub(super) fn hold(&mut self, failure: &Failure, asked: Option<Duration>, keeps: Keeps) -> i64 {
        let lane = &mut *self.lane;
        let wait = match asked {
            Some(asked) => lane.jitter.at_least(asked),
            None => lane.jitter.backoff(HOLD, lane.circuit.next_hold()),
        };
        let now = lane.now();
        let is_first = lane.circuit.next_hold() == 1;
        let (until, is_new) = lane.circuit.hold(now, millis(wait), keeps);
        if is_new {
            lane.outbox.store().backend().rest();
            let Failure {
                reason,
                status,
                code,
                ..
            } = failure;
            let (destination, wait_s) = (lane.destination.name(), (until - now) / 1000);
            match (*reason, is_first) {
                ("denied", _) => tracing::error!(
                    destination,
                    status,
                    code,
                    wait_s,
                    "the service refuses the API key: nothing is delivered until it takes it"
                ),
                ("not_set_up", _) => tracing::error!(
                    destination,
                    wait_s,
                    "the client is a disabled one: nothing is delivered until it has an API key"
                ),
                ("refused", _) => tracing::warn!(
                    destination,
                    status,
                    code,
                    wait_s,
                    "the service refuses one event after another in the same way, which is a mistake of the \
                     set-up: no more are given up, and the destination is held back"
                ),
                ("unexplained" | "unreadable_answer", _) => tracing::warn!(
                    destination,
                    status,
                    code,
                    wait_s,
                    "it is not the service that answers, but a proxy or a wrong address: the destination is \
                     held back"
                ),
                (_, true) => tracing::warn!(
                    destination,
                    reason,
                    status,
                    wait_s,
                    "the destination is held back"
                ),
                (_, false) => tracing::debug!(destination, reason, wait_s, "still held back"),
            }
            observe::paused(destination, true);
            self.pause = Some(PauseChange::Began(paused(destination, now, until, failure)));
        }
        until.saturating_sub(now)
    }
}
