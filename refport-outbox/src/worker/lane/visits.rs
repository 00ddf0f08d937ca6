//! When the database is visited, and what that finds.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::{
        Until,
        turn::{Errand, Found, Visit, visit},
    },
    Run,
};
use crate::{StoreError, observe, store::Order};

/// Marks that are worth a transaction of their own.
const MANY: usize = 512;
/// How long fewer wait for others.
const LINGER: Duration = Duration::from_millis(50);
/// How often leases that are over are looked for.
const SWEEP: Duration = Duration::from_secs(10);
/// How often what waits is counted, where there are gauges for it.
const GAUGES: Duration = Duration::from_secs(60);

impl Run<'_> {
    pub(super) fn begin_visit(&mut self) {
        let now = Instant::now();
        if self.visiting.is_some() || self.failed.is_some() || now < self.visits_at {
            return;
        }
        let wanted = self.wanted(now);
        // It waits until there is room for what it finds; while the destination is held there is none,
        // and it heals what a clock did.
        let sweeps = self.is_time_to_sweep(now)
            && (wanted > 0 || self.lane.circuit.allowed(self.lane.now()) == 0);
        let counts = cfg!(feature = "metrics") && sweeps && now >= self.gauges_at;
        let looks_for_resume = !self.is_stopping()
            && self.until == Until::Stopped
            && self.lane.circuit.held_until().is_some()
            && now >= self.looks_at;
        if wanted == 0
            && !sweeps
            && !looks_for_resume
            && self.pause.is_none()
            && !self.is_time_to_mark(now)
        {
            return;
        }
        if sweeps {
            self.sweeps_at = now + SWEEP;
            if self.has_flowed && self.lane.circuit.held_until().is_none() {
                self.refute_pause(true);
            }
        }
        if counts {
            self.gauges_at = now + GAUGES;
        }
        self.settles_since = None;
        self.ended = 0;
        let errand = Errand {
            settles: std::mem::take(&mut self.settles),
            wanted,
            order: self.order(),
            sweeps,
            pause: self.pause.take(),
            looks_for_resume,
            counts,
        };
        let destination = self.lane.name().to_owned();
        let visit = visit(
            self.lane.outbox.clone(),
            destination,
            &self.lane.settings,
            errand,
        );
        self.visiting = Some(Box::pin(visit));
    }

    pub(super) fn is_time_to_mark(&self, now: Instant) -> bool {
        let Some(since) = self.settles_since else {
            return false;
        };
        let idle = self.in_flight.is_empty() && self.buffer.is_empty();
        idle || self.settles.len() >= MANY || now >= since + LINGER || self.is_stopping()
    }

    pub(super) fn is_time_to_sweep(&self, now: Instant) -> bool {
        !self.is_stopping() && now >= self.sweeps_at
    }

    /// How many events to claim now: none while what is there is enough to go on with.
    pub(super) fn wanted(&mut self, now: Instant) -> usize {
        let allowed = self.lane.circuit.allowed(self.lane.now());
        let is_time = now >= self.looks_at || self.is_time_to_sweep(now);
        if self.is_stopping() || allowed == 0 || !is_time {
            return 0;
        }
        if self.until == Until::Drained && self.is_dry {
            return 0;
        }
        let free = allowed.saturating_sub(self.in_flight.len());
        // As many as were got rid of since the last time, and as many again; none while the
        // destination is tried out.
        let ahead = if self.lane.circuit.is_wide_open() {
            self.ahead.max(self.ended * 2).min(self.lane.settings.batch)
        } else {
            0
        };
        let room = (free + ahead).saturating_sub(self.buffer.len());
        let is_starving = self.buffer.is_empty() && free > 0;
        if is_starving || room >= MANY.min(self.lane.settings.batch) || self.is_time_to_mark(now) {
            self.ahead = ahead;
            room
        } else {
            0
        }
    }

    /// Which events are claimed first.
    fn order(&self) -> Order {
        let circuit = &self.lane.circuit;
        match (circuit.is_probing(), circuit.recovers()) {
            (true, _) if !self.lane.repeats_leads => Order::Probe,
            (false, false) => Order::Due,
            _ => Order::Healthy,
        }
    }

    pub(super) fn end_visit(&mut self, visit: Visit) {
        let Visit {
            began,
            errand,
            result,
        } = visit;
        let now = Instant::now();
        match result {
            Ok(found) => self.found(errand, found, began, now),
            Err(error) => {
                let mut settles = errand.settles;
                settles.append(&mut self.settles);
                self.settles = settles;
                if !self.settles.is_empty() {
                    self.settles_since.get_or_insert(now);
                }
                // A later change counts more than the one that could not be written.
                self.pause = self.pause.take().or(errand.pause);
                if errand.sweeps {
                    self.sweeps_at = now;
                }
                self.visit_failed(error, now);
            }
        }
    }

    fn visit_failed(&mut self, error: StoreError, now: Instant) {
        self.lane.outbox.store().backend().rest();
        self.visits_failed = self.visits_failed.saturating_add(1);
        let bounds = (Duration::from_millis(100), Duration::from_secs(5));
        self.visits_at = now + self.lane.jitter.backoff(bounds, self.visits_failed);
        tracing::warn!(
            destination = self.lane.name(),
            error = &error as &dyn std::error::Error,
            "the outbox's database failed, trying again"
        );
        if self.until == Until::Drained {
            self.failed = Some(error);
        }
    }

    pub(super) fn found(&mut self, errand: Errand, found: Found, began: Instant, now: Instant) {
        let Found {
            turned,
            taken_over,
            resumed,
            refuted,
        } = found;
        match refuted {
            Ok(refuted) => {
                self.visits_failed = 0;
                if refuted {
                    self.tell_it_flows();
                }
            }
            Err(error) => {
                self.pause = self.pause.take().or(errand.pause);
                self.visit_failed(error, now);
            }
        }
        if resumed {
            self.lane.circuit.resume();
        }
        let lost = (errand.settles.len() as u64).saturating_sub(turned.marked);
        if lost > 0 {
            self.report.lost += lost;
            observe::lost_leases(self.lane.name(), lost);
        }
        if errand.wanted > 0 && taken_over.len() >= errand.wanted {
            // There may be more.
            self.sweeps_at = now;
        }
        let claimed = taken_over.len() + turned.claimed.len();
        if claimed == 0 {
            self.lane.outbox.store().backend().rest();
        }
        if errand.wanted > 0 || errand.looks_for_resume {
            self.is_dry = claimed == 0;
            // Where something was due, more may be soon.
            let rest = if claimed >= errand.wanted && errand.wanted > 0 {
                Duration::ZERO
            } else if claimed > 0 {
                self.lane.settings.poll.min(LINGER)
            } else {
                self.lane.settings.poll
            };
            self.looks_at = now + rest;
        }
        let claimed = taken_over.into_iter().chain(turned.claimed);
        // Their leases began with the visit, however long it took to read them.
        self.buffer.extend(claimed.map(|claimed| (claimed, began)));
    }

    /// When there may be something to do, if nothing happens before.
    pub(super) fn next_look(&mut self) -> Instant {
        let now = Instant::now();
        let mut next = self
            .looks_at
            .max(now + Duration::from_millis(1))
            .min(self.sweeps_at);
        if let Some(since) = self.settles_since {
            next = next.min(since + LINGER);
        }
        if self
            .lane
            .circuit
            .held_until()
            .is_some_and(|until| until > self.lane.now())
        {
            next = next.max(self.looks_at);
        }
        next.max(self.visits_at).max(now + Duration::from_millis(1))
    }
}
