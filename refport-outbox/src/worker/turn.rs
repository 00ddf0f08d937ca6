use std::future::Future;

use refport_core::Timestamp;
use tokio::time::Instant;

use crate::{
    Count, Outbox, PausedDestination, State, StoreError,
    clock::{millis, timestamp},
    observe,
    store::{Backend, Claim, Claimed, Order, Settle, Turn, Turned},
};

use super::settings::Settings;

/// What is to be done in one visit to the database.
#[derive(Debug)]
pub(super) struct Errand {
    /// To be marked; given back where that fails.
    pub(super) settles: Vec<Settle>,
    /// How many events are wanted.
    pub(super) wanted: usize,
    /// And which of them first.
    pub(super) order: Order,
    /// Whether leases and waits that a dead worker or a jumping clock left are looked for.
    pub(super) sweeps: bool,
    /// What is to be said of the destination's pause, where that changed.
    pub(super) pause: Option<PauseChange>,
    /// Whether to look if somebody ended the pause.
    pub(super) looks_for_resume: bool,
    /// Whether to count what waits, for the gauges.
    pub(super) counts: bool,
}

#[derive(Clone, Debug)]
pub(super) enum PauseChange {
    Began(PausedDestination),
    Ended,
    /// The destination takes events from this worker, which has paused nothing: what is said of a pause is
    /// of another, which may be gone.
    Refuted {
        /// Whether only a pause whose time is over: who said the other may be there, and have another key.
        only_over: bool,
    },
}

/// The errand, and what came of it.
#[derive(Debug)]
pub(super) struct Visit {
    /// By a clock that does not jump.
    pub(super) began: Instant,
    pub(super) errand: Errand,
    pub(super) result: Result<Found, StoreError>,
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) turned: Turned,
    /// From workers whose leases are over.
    pub(super) taken_over: Vec<Claimed>,
    /// Whether somebody ended the pause.
    pub(super) resumed: bool,
    /// Whether a pause of another worker was ended here; or why what was to be said of the pause was not,
    /// though all else is done.
    pub(super) refuted: Result<bool, StoreError>,
}

/// Runs the errand. It does not borrow the lane, which goes on delivering meanwhile.
pub(super) fn visit(
    outbox: Outbox,
    destination: String,
    settings: &Settings,
    errand: Errand,
) -> impl Future<Output = Visit> + Send + use<> {
    let lease = millis(settings.lease);
    let horizon = millis(settings.horizon());
    async move {
        let began = Instant::now();
        let result = run(&outbox, &destination, lease, horizon, &errand).await;
        Visit {
            began,
            errand,
            result,
        }
    }
}

async fn run(
    outbox: &Outbox,
    destination: &str,
    lease: i64,
    horizon: i64,
    errand: &Errand,
) -> Result<Found, StoreError> {
    let backend = outbox.store().backend();
    let now = outbox.the_clock().now();
    let mut found = Found {
        turned: Turned::default(),
        taken_over: Vec::new(),
        resumed: false,
        refuted: Ok(false),
    };
    if errand.pause.is_none() && errand.looks_for_resume {
        let pauses = backend.pauses().await?;
        found.resumed = pauses.iter().all(|pause| pause.destination != destination);
    }
    let mut claim = Claim {
        destination,
        limit: errand.wanted,
        now,
        lease_until: now.saturating_add(lease),
        order: errand.order,
    };
    if errand.sweeps {
        let longest_lease = now.saturating_add(millis(Settings::LONGEST_LEASE));
        let healed = backend
            .heal(destination, now, now.saturating_add(horizon), longest_lease)
            .await?;
        if healed > 0 {
            tracing::warn!(
                destination,
                events = healed,
                "a clock jumped, waits are cut short"
            );
        }
        if claim.limit > 0 {
            found.taken_over = backend.take_over(claim).await?;
            claim.limit -= found.taken_over.len().min(claim.limit);
        }
    }
    if !errand.settles.is_empty() || claim.limit > 0 {
        let turn = Turn {
            settles: &errand.settles,
            claim,
        };
        // Where this fails, what was taken over waits until its new lease is over.
        found.turned = backend.turn(&turn).await?;
    }
    // After the marks: who sees the pause and ends it finds the events that wait because of it.
    if let Some(change) = &errand.pause {
        found.refuted = say(backend, destination, change, now).await;
    }
    if errand.counts {
        let waiting = backend.counts().await?;
        let own =
            |count: &&Count| count.destination == destination && count.state == State::Waiting;
        let (events, oldest) = waiting
            .iter()
            .find(own)
            .map_or((0, None), |count| (count.events, count.age(timestamp(now))));
        observe::waiting(destination, events, oldest.unwrap_or_default());
    }
    Ok(found)
}

/// Says what has changed of the pause. Answers whether that was another worker's, and is ended.
async fn say(
    backend: &dyn Backend,
    destination: &str,
    change: &PauseChange,
    now: i64,
) -> Result<bool, StoreError> {
    let only_over = match change {
        PauseChange::Began(pause) => {
            backend.set_pause(destination, Some(pause)).await?;
            return Ok(false);
        }
        PauseChange::Ended => {
            backend.set_pause(destination, None).await?;
            return Ok(false);
        }
        PauseChange::Refuted { only_over } => *only_over,
    };
    // Reading takes no lock from the application, and mostly there is none.
    let pauses = backend.pauses().await?;
    let is_refuted = pauses.iter().any(|pause| {
        let is_over = pause.until.as_millis() <= now;
        pause.destination == destination && (is_over || !only_over)
    });
    if is_refuted {
        backend.set_pause(destination, None).await?;
    }
    Ok(is_refuted)
}

/// A pause as it is kept.
pub(super) fn paused(
    destination: &str,
    since: i64,
    until: i64,
    failure: &crate::store::Failure,
) -> PausedDestination {
    let [since, until]: [Timestamp; 2] = [since, until].map(timestamp);
    PausedDestination {
        destination: destination.to_owned(),
        since,
        until,
        reason: failure.reason.to_owned(),
        status: failure.status,
        code: failure.code.clone(),
        message: failure.message.clone(),
    }
}
