use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use refport_core::destination::Destination;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Report, Until,
    backoff::Jitter,
    circuit::{Circuit, Keeps},
    deliver::{Row, deliver},
    settings::Settings,
    stop::Stop,
    turn::{Errand, Found, PauseChange, Visit, paused, visit},
    verdict::{Verdict, failure, unclear},
};
use crate::{
    Event, Outbox, ParsePayloadError, StoreError,
    clock::millis,
    key, observe,
    store::{Claimed, Failure, Mark, Settle},
};

/// Marks that are worth a transaction of their own.
const MANY: usize = 256;
/// How long fewer wait for others.
const LINGER: Duration = Duration::from_millis(50);
/// How long a destination is held that is out of reach, doubling.
const HOLD: (Duration, Duration) = (Duration::from_secs(1), LONGEST_HOLD);
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(300);
/// How often leases that are over are looked for.
const SWEEP: Duration = Duration::from_secs(10);
/// How often what waits is counted, where there are gauges for it.
const GAUGES: Duration = Duration::from_secs(60);
/// When an event of a newer version is looked at again: by then a newer worker had it.
const NEWER: Duration = Duration::from_secs(60);
/// For the last marks, after the time to stop is over.
const LAST_MARKS: Duration = Duration::from_secs(5);

/// The loop of one destination.
pub(super) struct Lane {
    outbox: Outbox,
    destination: Arc<dyn Destination>,
    repeats_leads: bool,
    settings: Settings,
    circuit: Circuit,
    jitter: Jitter,
}

impl Lane {
    pub(super) fn new(
        outbox: Outbox,
        destination: Arc<dyn Destination>,
        repeats_leads: bool,
        settings: &Settings,
        number: u64,
    ) -> Self {
        Self {
            outbox,
            destination,
            repeats_leads,
            circuit: Circuit::new(settings.concurrency),
            jitter: Jitter::new(settings.seed.map(|seed| seed.wrapping_add(number))),
            settings: settings.clone(),
        }
    }

    pub(super) async fn run(&mut self, until: Until, stop: &Stop) -> Result<Report, StoreError> {
        Run::new(self, until).run(stop).await
    }

    fn name(&self) -> &str {
        self.destination.name()
    }

    fn now(&self) -> i64 {
        self.outbox.the_clock().now()
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("destination", &self.name())
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}

type Delivering = Pin<Box<dyn Future<Output = (Row, Verdict)> + Send>>;
type Visiting = Pin<Box<dyn Future<Output = Visit> + Send>>;

/// One run of a lane: what it holds, and what it is waiting for.
struct Run<'a> {
    lane: &'a mut Lane,
    until: Until,
    report: Report,
    /// Claimed and not begun, in the order in which they are due.
    buffer: VecDeque<(Claimed, Instant)>,
    in_flight: FuturesUnordered<Delivering>,
    /// What is on its way, for when it is cut off.
    sent: HashMap<i64, Row>,
    /// To be marked.
    settles: Vec<Settle>,
    /// Since when the first of them waits.
    settles_since: Option<Instant>,
    visiting: Option<Visiting>,
    /// How many events are claimed ahead.
    ahead: usize,
    /// Deliveries that ended since the last visit.
    ended: usize,
    /// Nothing was due when we last looked: not before this.
    looks_at: Instant,
    sweeps_at: Instant,
    gauges_at: Instant,
    /// The database failed: not before this.
    visits_at: Instant,
    visits_failed: u32,
    pause: Option<PauseChange>,
    /// Whether the last look found nothing at all.
    is_dry: bool,
    failed: Option<StoreError>,
    stops_at: Option<Instant>,
}

impl<'a> Run<'a> {
    fn new(lane: &'a mut Lane, until: Until) -> Self {
        let now = Instant::now();
        Self {
            lane,
            until,
            report: Report::default(),
            buffer: VecDeque::new(),
            in_flight: FuturesUnordered::new(),
            sent: HashMap::new(),
            settles: Vec::new(),
            settles_since: None,
            visiting: None,
            ahead: 0,
            ended: 0,
            looks_at: now,
            sweeps_at: now,
            gauges_at: now,
            visits_at: now,
            visits_failed: 0,
            pause: None,
            is_dry: false,
            failed: None,
            stops_at: None,
        }
    }

    async fn run(mut self, stop: &Stop) -> Result<Report, StoreError> {
        let outbox = self.lane.outbox.clone();
        let mut told = pin!(stop.wait());
        let mut woken = pin!(outbox.wakes().notified());
        // Before the first look, so that nothing falls between the two.
        woken.as_mut().enable();
        loop {
            self.begin_deliveries();
            self.begin_visit();
            if self.is_done() {
                break;
            }
            let (stops_at, next_look) = (self.stops_at, self.next_look());
            tokio::select! {
                Some((row, verdict)) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.end_delivery(row, verdict);
                }
                visit = wait_for(&mut self.visiting), if self.visiting.is_some() => {
                    self.visiting = None;
                    self.end_visit(visit);
                }
                () = &mut woken => {
                    woken.set(outbox.wakes().notified());
                    woken.as_mut().enable();
                    self.looks_at = Instant::now();
                }
                () = &mut told, if self.stops_at.is_none() => self.stop(),
                () = at(stops_at), if stops_at.is_some() => {
                    self.cut_off().await;
                    break;
                }
                () = sleep_until(next_look) => {}
            }
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }

    const fn is_stopping(&self) -> bool {
        self.stops_at.is_some() || self.failed.is_some()
    }

    fn is_done(&mut self) -> bool {
        let idle = self.in_flight.is_empty() && self.buffer.is_empty() && self.visiting.is_none();
        if !idle {
            return false;
        }
        if self.failed.is_some() {
            return true;
        }
        let marked = self.settles.is_empty() && self.pause.is_none();
        if self.stops_at.is_some() {
            return marked;
        }
        let now = self.lane.now();
        self.until == Until::Drained
            && marked
            && (self.is_dry || self.lane.circuit.allowed(now) == 0)
    }

    // Deliveries.

    fn begin_deliveries(&mut self) {
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

    fn begin_delivery(&mut self, claimed: Claimed) {
        let event = match Event::from_payload(&claimed.payload) {
            Ok(event) => event,
            Err(error) => return self.cannot_read(&claimed, error),
        };
        let row = Row {
            id: claimed.id,
            fence: claimed.fence,
            attempts: claimed.attempts,
            counts_once: key::counts_once(&event)
                || (self.lane.repeats_leads && matches!(event, Event::Lead(_))),
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
        self.sent.insert(row.id, row);
        self.in_flight.push(Box::pin(deliver(
            Arc::clone(&self.lane.destination),
            event,
            row,
            self.lane.settings.delivery_timeout,
        )));
    }

    fn cannot_read(&mut self, claimed: &Claimed, error: ParsePayloadError) {
        let row = Row {
            id: claimed.id,
            fence: claimed.fence,
            attempts: claimed.attempts,
            counts_once: true,
        };
        let failure = failure("unreadable", &error.to_string());
        if let ParsePayloadError::Version(_) = error {
            self.postpone(row, failure, millis(NEWER), false);
        } else {
            self.bury(row, failure);
        }
    }

    fn end_delivery(&mut self, row: Row, verdict: Verdict) {
        self.sent.remove(&row.id);
        self.ended += 1;
        let settings = &self.lane.settings;
        match verdict {
            Verdict::Delivered(note) => {
                self.report.delivered += 1;
                observe::delivered(self.lane.name(), note);
                self.settle(row, Mark::Delivered(note));
                self.succeeded();
            }
            Verdict::Refused(failure) => {
                self.bury(row, failure);
                self.succeeded();
            }
            Verdict::Unclear(failure) => {
                if self.lane.circuit.failed() {
                    self.hold_failing(&failure, None);
                }
                self.bury(row, failure);
            }
            Verdict::RateLimited(failure, asked) => {
                let asked = asked.map(|asked| asked.min(settings.max_retry_after));
                let wait = self.hold(&failure, asked, Keeps::Half);
                self.postpone(row, failure, wait, false);
            }
            Verdict::Unreachable(failure) => {
                let wait = self.hold(&failure, None, Keeps::None);
                self.postpone(row, failure, wait, false);
            }
            Verdict::Denied(failure) => {
                let wait = self.hold(&failure, Some(LONGEST_HOLD), Keeps::None);
                self.postpone(row, failure, wait, false);
            }
            Verdict::Failing(failure, asked) => {
                let asked = asked.map(|asked| asked.min(settings.max_retry_after));
                if self.lane.circuit.failed() {
                    let wait = self.hold_failing(&failure, asked);
                    self.postpone(row, failure, wait, false);
                } else if row.attempts >= i64::from(settings.max_attempts) {
                    self.bury(row, failure);
                } else {
                    let failures = row.attempts.try_into().unwrap_or(u32::MAX);
                    let wait = self.lane.jitter.backoff(settings.backoff, failures);
                    let wait = wait.max(asked.unwrap_or_default());
                    self.postpone(row, failure, millis(wait), true);
                }
            }
        }
    }

    // What becomes of a row.

    fn settle(&mut self, row: Row, mark: Mark) {
        let Row { id, fence, .. } = row;
        self.settles_since.get_or_insert_with(Instant::now);
        self.settles.push(Settle { id, fence, mark });
    }

    fn bury(&mut self, row: Row, failure: Failure) {
        self.report.dead += 1;
        observe::dead(self.lane.name(), row.id, &failure);
        self.settle(row, Mark::Dead(failure));
    }

    fn postpone(&mut self, row: Row, failure: Failure, wait: i64, counts: bool) {
        self.report.retried += 1;
        observe::retried(self.lane.name(), row.id, &failure, wait);
        let due_at = self.lane.now().saturating_add(wait);
        self.settle(
            row,
            Mark::Waiting {
                due_at,
                counts,
                failure: Some(failure),
            },
        );
    }

    fn release(&mut self, claimed: &Claimed) {
        self.report.released += 1;
        self.settles_since.get_or_insert_with(Instant::now);
        self.settles.push(Settle {
            id: claimed.id,
            fence: claimed.fence,
            mark: Mark::Waiting {
                due_at: claimed.due_at,
                counts: false,
                failure: None,
            },
        });
    }

    fn release_buffer(&mut self) {
        while let Some((claimed, _)) = self.buffer.pop_front() {
            self.release(&claimed);
        }
    }

    // The destination.

    fn succeeded(&mut self) {
        if self.lane.circuit.succeeded() {
            tracing::info!(
                destination = self.lane.name(),
                "the destination takes events again"
            );
            observe::paused(self.lane.name(), false);
            self.pause = Some(PauseChange::Ended);
        }
    }

    fn hold_failing(&mut self, failure: &Failure, asked: Option<Duration>) -> i64 {
        let failure = Failure {
            reason: "failing",
            ..failure.clone()
        };
        self.hold(&failure, asked, Keeps::None)
    }

    /// Holds the destination back. Says for how long.
    fn hold(&mut self, failure: &Failure, asked: Option<Duration>, keeps: Keeps) -> i64 {
        let lane = &mut *self.lane;
        let wait = match asked {
            Some(asked) => lane.jitter.at_least(asked),
            None => lane.jitter.backoff(HOLD, lane.circuit.next_hold()),
        };
        let now = lane.now();
        let is_first = lane.circuit.next_hold() == 1;
        let (until, is_new) = lane.circuit.hold(now, millis(wait), keeps);
        if is_new {
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

    // The database.

    fn begin_visit(&mut self) {
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
        }
        if counts {
            self.gauges_at = now + GAUGES;
        }
        self.settles_since = None;
        self.ended = 0;
        let errand = Errand {
            settles: std::mem::take(&mut self.settles),
            wanted,
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

    fn is_time_to_mark(&self, now: Instant) -> bool {
        let Some(since) = self.settles_since else {
            return false;
        };
        let idle = self.in_flight.is_empty() && self.buffer.is_empty();
        idle || self.settles.len() >= MANY || now >= since + LINGER || self.is_stopping()
    }

    fn is_time_to_sweep(&self, now: Instant) -> bool {
        !self.is_stopping() && now >= self.sweeps_at
    }

    /// How many events to claim now: none while what is there is enough to go on with.
    fn wanted(&mut self, now: Instant) -> usize {
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

    fn end_visit(&mut self, visit: Visit) {
        let Visit { errand, result } = visit;
        let now = Instant::now();
        match result {
            Ok(found) => self.found(&errand, found, now),
            Err(error) => {
                self.visits_failed = self.visits_failed.saturating_add(1);
                let bounds = (Duration::from_millis(100), Duration::from_secs(5));
                self.visits_at = now + self.lane.jitter.backoff(bounds, self.visits_failed);
                tracing::warn!(
                    destination = self.lane.name(),
                    error = &error as &dyn std::error::Error,
                    "the outbox's database failed, trying again"
                );
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
                if self.until == Until::Drained {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn found(&mut self, errand: &Errand, found: Found, now: Instant) {
        self.visits_failed = 0;
        let Found {
            turned,
            taken_over,
            resumed,
        } = found;
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
        if errand.wanted > 0 || errand.looks_for_resume {
            self.is_dry = claimed == 0 && !turned.more;
            // Where something was due, more may be soon.
            let rest = if turned.more || (claimed >= errand.wanted && errand.wanted > 0) {
                Duration::ZERO
            } else if claimed > 0 {
                self.lane.settings.poll.min(LINGER)
            } else {
                self.lane.settings.poll
            };
            self.looks_at = now + rest;
        }
        let claimed = taken_over.into_iter().chain(turned.claimed);
        self.buffer.extend(claimed.map(|claimed| (claimed, now)));
    }

    /// When there may be something to do, if nothing happens before.
    fn next_look(&mut self) -> Instant {
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

    // The end.

    fn stop(&mut self) {
        self.stops_at = Some(Instant::now() + self.lane.settings.stop_within);
    }

    /// The time is over: what is on its way is given up, and what it comes to is not known.
    async fn cut_off(&mut self) {
        self.in_flight.clear();
        let sent: Vec<Row> = self.sent.drain().map(|(_, row)| row).collect();
        for row in sent {
            self.report.cut_off += 1;
            let cut = failure("stopped", "the worker stopped before the answer");
            if row.counts_once {
                self.postpone(row, cut, 0, true);
            } else {
                self.bury(row, unclear(cut));
            }
        }
        if let Some(visiting) = self.visiting.take()
            && let Ok(visit) = timeout(LAST_MARKS, visiting).await
        {
            self.end_visit(visit);
            self.release_buffer();
        }
        self.visits_at = Instant::now();
        self.begin_visit();
        if let Some(visiting) = self.visiting.take()
            && let Ok(visit) = timeout(LAST_MARKS, visiting).await
        {
            self.end_visit(visit);
        }
    }
}

async fn wait_for(visiting: &mut Option<Visiting>) -> Visit {
    match visiting {
        Some(visiting) => visiting.await,
        None => std::future::pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
