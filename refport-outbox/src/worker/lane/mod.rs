//! The loop of one destination: what it holds and waits for stands here, what it does in the files
//! beside.

mod deliveries;
mod end;
mod hold;
mod marks;
mod visits;

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use refport_core::destination::Destination;
use tokio::time::{Instant, sleep_until};

use super::{
    Report, Until,
    backoff::Jitter,
    circuit::Circuit,
    deliver::Delivery,
    settings::Settings,
    stop::Stop,
    turn::{PauseChange, Visit},
};
use crate::{
    Outbox, Store, StoreError,
    store::{Claimed, Settle},
};

pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(300);

/// The loop of one destination.
pub(super) struct Lane {
    outbox: Outbox,
    destination: Arc<dyn Destination>,
    repeats_leads: bool,
    settings: Settings,
    circuit: Circuit,
    jitter: Jitter,
    /// Whether the destination has taken an event.
    has_flowed: bool,
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
            has_flowed: false,
            settings: settings.clone(),
        }
    }

    pub(super) async fn run(&mut self, until: Until, stop: &Stop) -> Result<Report, StoreError> {
        let destination = Arc::clone(&self.destination);
        // Also where the run is given up.
        let _resting = Resting(self.outbox.store().clone());
        Run::new(self, &*destination, until).run(stop).await
    }

    pub(super) fn name(&self) -> &str {
        self.destination.name()
    }

    fn now(&self) -> i64 {
        self.outbox.the_clock().now()
    }
}

/// Tells the store, when it is dropped, that no more is asked of it for now.
struct Resting(Store);

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.backend().rest();
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

type Visiting = Pin<Box<dyn Future<Output = Visit> + Send>>;

/// One run of a lane: what it holds, and what it is waiting for.
struct Run<'a> {
    lane: &'a mut Lane,
    destination: &'a dyn Destination,
    until: Until,
    report: Report,
    /// Claimed and not begun, in the order in which they are due.
    buffer: VecDeque<(Claimed, Instant)>,
    in_flight: FuturesUnordered<Delivery<'a>>,
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
    /// Whether the destination has taken an event, unheld, since what others say of a pause was looked at.
    has_flowed: bool,
    /// Whether the last look found nothing at all.
    is_dry: bool,
    failed: Option<StoreError>,
    stops_at: Option<Instant>,
}

impl<'a> Run<'a> {
    fn new(lane: &'a mut Lane, destination: &'a dyn Destination, until: Until) -> Self {
        let now = Instant::now();
        Self {
            lane,
            destination,
            until,
            report: Report::default(),
            buffer: VecDeque::new(),
            in_flight: FuturesUnordered::new(),
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
            has_flowed: false,
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
                    // Others that ended too, before the rest is looked at. Each makes room for one.
                    self.begin_deliveries();
                    while let Some(Some((row, verdict))) = self.in_flight.next().now_or_never() {
                        self.end_delivery(row, verdict);
                        self.begin_deliveries();
                    }
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
