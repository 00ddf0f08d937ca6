use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use super::settle::columns;
use crate::store::{Fence, Mark, Settle};

/// How long a lease is remembered that is over, in milliseconds.
const KEPT_AFTER: i64 = 3_600_000;

/// The leases on events of the first table that were taken through this pool, with the keys that they
/// are for. The rows have no numbers yet: their lease gives them.
///
/// What is said here must also hold in the database when something is marked.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    leases: HashMap<i64, Lease>,
    /// By destination, how far the round through its events is.
    rounds: HashMap<String, Round>,
    /// By destination, whose turn it was at the last claim of few: of what was never tried?
    turns: HashMap<String, bool>,
}

/// A round through the events of a destination, in the order of their keys. It leaves out what was
/// enqueued since it began, so that it ends, however much comes in: then the next one begins.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// The key up to which it came.
    pub(super) after: Arc<str>,
    pub(super) began: i64,
}

impl Round {
    pub(super) fn new(now: i64) -> Self {
        Self {
            after: Arc::default(),
            began: now,
        }
    }
}

#[derive(Debug)]
struct Lease {
    /// The number of its first event.
    first: i64,
    keys: Vec<Arc<str>>,
    /// How many of them are not settled.
    left: usize,
    until: i64,
}

/// What is to be marked of events that are under such leases.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The numbers and keys of what was simply delivered, in their order.
    pub(super) delivered: Vec<(i64, Arc<str>)>,
    /// The rest, as [`columns`] with their keys.
    pub(super) other: Vec<Value>,
    /// How many, by lease.
    pub(super) settled: Vec<(i64, usize)>,
    /// The leases of which nothing is left then.
    pub(super) ended: Vec<i64>,
}

impl Marks {
    /// Parts of what was delivered, each of numbers that follow each other, with keys that grow with
    /// them.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[(i64, Arc<str>)]> {
        self.delivered
            .chunk_by(|(id, key), (next_id, next_key)| id + 1 == *next_id && key < next_key)
    }
}

impl Held {
    pub(super) fn round(&self, destination: &str) -> Option<Round> {
        self.lock().rounds.get(destination).cloned()
    }

    /// Where the next claim goes on; at the beginning after none.
    pub(super) fn set_round(&self, destination: &str, round: Option<Round>) {
        let mut state = self.lock();
        match round {
            Some(round) => state.rounds.insert(destination.to_owned(), round),
            None => state.rounds.remove(destination),
        };
    }

    /// Whether a claim of few is one of what was never tried: each other one is.
    pub(super) fn is_turn_of_first(&self, destination: &str) -> bool {
        let mut state = self.lock();
        let turn = state.turns.entry(destination.to_owned()).or_default();
        *turn = !*turn;
        *turn
    }

    /// Remembers the lease `id`, with the number of its first event. Forgets those that were
    /// over long before `now`: nothing can be marked under them. Not at once, for clocks jump.
    pub(super) fn add(&self, id: i64, first: i64, keys: Vec<Arc<str>>, until: i64, now: i64) {
        let mut state = self.lock();
        state
            .leases
            .retain(|_, lease| now < lease.until.saturating_add(KEPT_AFTER));
        let lease = Lease {
            first,
            left: keys.len(),
            keys,
            until,
        };
        state.leases.insert(id, lease);
    }

    /// What is to be marked under leases that are `live` in the database.
    pub(super) fn marks(&self, settles: &[Settle], live: &[i64]) -> Marks {
        let state = self.lock();
        let mut marks = Marks::default();
        let mut settled: HashMap<i64, usize> = HashMap::new();
        for Settle { id, fence, mark } in settles {
            let Fence::Lease(lease) = fence else { continue };
            let Some(held) = state.leases.get(lease).filter(|_| live.contains(lease)) else {
                continue;
            };
            let Some(key) = held.key(*id) else { continue };
            *settled.entry(*lease).or_default() += 1;
            if let Mark::Delivered(None) = mark {
                marks.delivered.push((*id, Arc::clone(key)));
                continue;
            }
            marks.other.push(columns(*id, &**key, 1, mark));
        }
        marks.delivered.sort_unstable_by_key(|(id, _)| *id);
        for (lease, count) in settled {
            if state.leases[&lease].left <= count {
                marks.ended.push(lease);
            }
            marks.settled.push((lease, count));
        }
        marks
    }

    /// These marks are committed.
    pub(super) fn settled(&self, marks: &Marks) {
        let mut state = self.lock();
        for (lease, count) in &marks.settled {
            if let Some(lease) = state.leases.get_mut(lease) {
                lease.left = lease.left.saturating_sub(*count);
            }
        }
        state.leases.retain(|_, lease| lease.left > 0);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn key(&self, id: i64) -> Option<&Arc<str>> {
        let index = usize::try_from(id.checked_sub(self.first)?).ok()?;
        self.keys.get(index)
    }
}
