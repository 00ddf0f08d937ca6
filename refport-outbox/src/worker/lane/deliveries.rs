//! What is delivered, and what its outcome means.

use std::time::Duration;

use super::{
    super::{
        circuit::Keeps,
        deliver::{Delivery, Row},
        settings::Settings,
        verdict::{Fault, Suspect, Verdict, failure, unclear},
    },
    LONGEST_HOLD, Run,
};
use crate::{
    Event, ParsePayloadError,
    clock::millis,
    key, observe,
    store::{Claimed, Mark},
};

/// When an event of a newer version is looked at again: by then a newer worker had it.
const NEWER: Duration = Duration::from_secs(60);

impl Run<'_> {
    pub(super) fn begin_deliveries(&mut self) {
        let now = self.lane.now();
        let allowed = self.lane.circuit.allowed(now);
        if self.is_stopping() || allowed == 0 {
            self.release_buffer();
            return;
        }
        while self.in_flight.len() < allowed
            && let Some((claimed, since)) = self.buffer.pop_front()
        {
            // By a clock that does not jump: what others think of the lease, the fence tells.
            let left = self.lane.settings.lease.saturating_sub(since.elapsed());
            if left < self.lane.settings.delivery_timeout + Settings::MARK_MARGIN {
                self.release(&claimed);
            } else {
                self.begin_delivery(claimed);
            }
        }
    }

    pub(super) fn begin_delivery(&mut self, claimed: Claimed) {
        let event = match claimed.event {
            // Not later than now: a service refuses what is yet to happen, and clocks jump.
            Ok(event) => event.or_occurred_at(claimed.created_at.min(self.lane.now())),
            Err(error) => return self.cannot_read(&claimed, error),
        };
        let row = Row {
            id: claimed.id,
            fence: claimed.fence,
            attempts: claimed.attempts,
            counts_once: key::counts_once(&event)
                || (self.lane.repeats_leads && matches!(event, Event::Lead(_))),
            // At first it is due when it was enqueued.
            tried: claimed.due_at > claimed.created_at,
        };
        let most = i64::from(self.lane.settings.max_attempts);
        if claimed.taken_over && !row.counts_once {
            let lost = failure("lease_lost", "a worker was gone while it had the event");
            return self.bury(row, unclear(lost));
        }
        if claimed.taken_over && row.attempts > most {
            let lost = failure(
                "lease_lost",
                "workers were gone each time they had the event",
            );
            return self.bury(row, lost);
        }
        let time = self.lane.settings.delivery_timeout;
        self.in_flight
            .push(Delivery::new(self.destination, event, row, time));
    }

    pub(super) fn cannot_read(&mut self, claimed: &Claimed, error: ParsePayloadError) {
        let row = Row {
            id: claimed.id,
            fence: claimed.fence,
            attempts: claimed.attempts,
            counts_once: true,
            tried: claimed.due_at > claimed.created_at,
        };
        let failure = failure("unreadable", &error.to_string());
        if let ParsePayloadError::Version(_) = error {
            self.postpone(row, failure, millis(NEWER), false);
        } else {
            self.bury(row, failure);
        }
    }

    pub(super) fn end_delivery(&mut self, row: Row, verdict: Verdict) {
        self.ended += 1;
        let settings = &self.lane.settings;
        match verdict {
            Verdict::Delivered(note) => {
                self.report.delivered += 1;
                observe::delivered(self.lane.name(), note);
                self.settle(row, Mark::Delivered(note));
                self.succeeded();
            }
            Verdict::Invalid(failure) => self.bury(row, failure),
            Verdict::Refused(failure) => {
                let circuit = &mut self.lane.circuit;
                match circuit.refused(failure.status, failure.code.as_deref()) {
                    Some(ends) => {
                        self.bury(row, failure);
                        if ends {
                            self.end_pause();
                        }
                    }
                    None => {
                        let wait = self.hold(&failure, None, Keeps::None);
                        self.postpone(row, failure, wait, false);
                    }
                }
            }
            Verdict::RateLimited(failure, asked) => {
                let asked = asked.map(|asked| asked.min(settings.max_retry_after));
                let wait = self.hold(&failure, asked, Keeps::Half);
                self.postpone(row, failure, wait, false);
            }
            Verdict::Unreachable(failure) => {
                self.lane.circuit.failed(row.id);
                let wait = self.hold(&failure, None, Keeps::None);
                self.postpone(row, failure, wait, false);
            }
            Verdict::Faulty(fault) => self.failed(row, fault),
            Verdict::Unclear(fault) => {
                let circuit = &mut self.lane.circuit;
                // The next one would be lost as well, if it is another that could count twice.
                let asked = circuit.is_probing().then_some(LONGEST_HOLD);
                if circuit.failed(row.id) || asked.is_some() || fault.suspect != Suspect::Either {
                    self.hold_faulty(&fault, asked);
                }
                self.bury(row, unclear(fault.failure));
            }
        }
    }

    /// Whose fault it is. The destination's, where several different events have failed and none has
    /// succeeded: then none of them is to blame. The event's own, where others have succeeded since it failed
    /// the last time. Between the two nobody knows: it counts as an attempt, lest an event that is alone never
    /// ends, and the destination is held where it is suspect.
    fn failed(&mut self, row: Row, fault: Fault) {
        let lane = &mut *self.lane;
        let is_its_own = lane.has_flowed && row.tried && !lane.circuit.has_failed(row.id);
        let is_the_destinations = lane.circuit.failed(row.id);
        let is_suspect = fault.suspect != Suspect::Either || lane.circuit.is_probing();
        let asked = fault
            .asked
            .map(|asked| asked.min(lane.settings.max_retry_after));
        let held = if is_the_destinations || (is_suspect && !is_its_own) {
            self.hold_faulty(&fault, asked)
        } else {
            0
        };
        let is_the_keys = fault.suspect == Suspect::Key && !is_its_own;
        let settings = &self.lane.settings;
        if is_the_destinations || is_the_keys {
            self.postpone(row, fault.failure, held, false);
        } else if row.attempts >= i64::from(settings.max_attempts) {
            self.bury(row, fault.failure);
        } else {
            let failures = row.attempts.try_into().unwrap_or(u32::MAX);
            let wait = self.lane.jitter.backoff(settings.backoff, failures);
            let wait = wait.max(asked.unwrap_or_default());
            self.postpone(row, fault.failure, millis(wait).max(held), true);
        }
    }
}
