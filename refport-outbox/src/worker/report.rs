use std::fmt;

use serde::Serialize;

use crate::{Count, State};

/// What a worker did, and what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Taken by their destination, and marked so or still to be marked when the lease was lost.
    pub delivered: u64,
    /// Attempts that failed and are made again later.
    pub retried: u64,
    /// Given up: now dead letters.
    pub dead: u64,
    /// Claimed and given back without an attempt.
    pub released: u64,
    /// Outcomes that could not be marked because the lease was over: these events are delivered
    /// again.
    pub lost: u64,
    /// Attempts that were cut off when the time to stop was over.
    pub cut_off: u64,
    /// How many events are in which state now. Empty where the database does not answer.
    pub left: Vec<Count>,
}

impl Report {
    pub(super) fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.retried += other.retried;
        self.dead += other.dead;
        self.released += other.released;
        self.lost += other.lost;
        self.cut_off += other.cut_off;
    }

    /// How many events are left in this state, of all destinations.
    #[must_use]
    pub fn left(&self, state: State) -> u64 {
        let counts = self.left.iter().filter(|count| count.state == state);
        counts.map(|count| count.events).sum()
    }
}

/// In one line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "delivered={} retried={} dead={} released={} lost={} cut_off={} left={}",
            self.delivered,
            self.retried,
            self.dead,
            self.released,
            self.lost,
            self.cut_off,
            self.left(State::Waiting) + self.left(State::Leased),
        )
    }
}
