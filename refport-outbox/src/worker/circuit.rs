/// How many deliveries a destination is given at once: few after a bad time, none within one.
///
/// Held after a failure that is the destination's and not the event's, it lets a single event
/// through when the time is over. From then on, each success allows one more at once: the number
/// doubles with every round trip, up to the most that is allowed.
#[derive(Debug)]
pub(super) struct Circuit {
    most: usize,
    limit: usize,
    /// Failures without a success between them that may be the event's or the destination's.
    failures: u32,
    /// Holds without a success between them.
    holds: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Flowing,
    /// In milliseconds by the clock.
    Held {
        since: i64,
        until: i64,
    },
    Probing,
}

impl Circuit {
    /// So many events in a row fail before it counts as the destination's failure.
    const TRIPS_AFTER: u32 = 5;

    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            limit: 1,
            failures: 0,
            holds: 0,
            state: State::Flowing,
        }
    }

    /// How many deliveries may be on their way.
    pub(super) const fn allowed(&mut self, now: i64) -> usize {
        if let State::Held { since, until } = self.state
            // Before the hold began: the clock was set back.
            && (now >= until || now < since)
        {
            self.state = State::Probing;
        }
        match self.state {
            State::Flowing => self.limit,
            State::Held { .. } => 0,
            State::Probing => 1,
        }
    }

    /// Whether as many are allowed as ever.
    pub(super) fn is_wide_open(&self) -> bool {
        self.state == State::Flowing && self.limit == self.most
    }

    pub(super) const fn held_until(&self) -> Option<i64> {
        match self.state {
            State::Held { until, .. } => Some(until),
            _ => None,
        }
    }

    /// The number of the hold that would begin now, from 1: for its length.
    pub(super) const fn next_hold(&self) -> u32 {
        self.holds.saturating_add(1)
    }

    /// The destination answered as it should. Says whether that ends a bad time.
    pub(super) fn succeeded(&mut self) -> bool {
        self.failures = 0;
        match self.state {
            State::Flowing => {
                self.limit = self.most.min(self.limit + 1);
                false
            }
            // Sent before the hold.
            State::Held { .. } => false,
            State::Probing => {
                self.holds = 0;
                self.state = State::Flowing;
                true
            }
        }
    }

    /// A failure that may be the event's or the destination's. Says whether it is the destination's,
    /// so that it should be held if it is not yet.
    pub(super) fn failed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.state != State::Flowing || self.failures >= Self::TRIPS_AFTER
    }

    /// Lets nothing through for so long, and then one. Says until when, and whether that is new:
    /// what was on its way fails together, and counts once.
    pub(super) fn hold(&mut self, now: i64, wait: i64, keeps: Keeps) -> (i64, bool) {
        let until = now.saturating_add(wait);
        if let State::Held { since, until: held } = self.state {
            let until = until.max(held);
            if keeps == Keeps::Half {
                self.state = State::Held { since, until };
                return (until, false);
            }
            return (held, false);
        }
        self.holds = self.holds.saturating_add(1);
        self.limit = match keeps {
            Keeps::Half => (self.limit / 2).max(1),
            Keeps::None => 1,
        };
        self.state = State::Held { since: now, until };
        (until, true)
    }

    /// Ends a hold early: somebody says that it is over.
    pub(super) fn resume(&mut self) {
        if self.held_until().is_some() {
            self.state = State::Probing;
        }
    }
}

/// How much of its speed a destination keeps over a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// It answers, and asks for less.
    Half,
    /// It starts anew.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_with_each_success_up_to_the_most() {
        let mut circuit = Circuit::new(4);
        let mut allowed = vec![circuit.allowed(0)];
        for _ in 0..4 {
            assert!(!circuit.succeeded());
            allowed.push(circuit.allowed(0));
        }
        assert_eq!(allowed, [1, 2, 3, 4, 4]);
        assert!(circuit.is_wide_open());
    }

    #[test]
    fn a_hold_lets_one_through_when_it_is_over() {
        let mut circuit = Circuit::new(8);
        for _ in 0..7 {
            circuit.succeeded();
        }
        assert_eq!(circuit.hold(100, 50, Keeps::None), (150, true));
        assert_eq!(
            circuit.hold(110, 90, Keeps::None),
            (150, false),
            "sent before"
        );
        assert_eq!((circuit.allowed(149), circuit.next_hold()), (0, 2));
        assert!(!circuit.succeeded(), "sent before the hold");
        assert_eq!(circuit.allowed(149), 0);
        assert_eq!(circuit.allowed(150), 1);
        assert!(circuit.succeeded());
        assert_eq!((circuit.allowed(150), circuit.next_hold()), (1, 1));
    }

    #[test]
    fn a_rate_limit_halves() {
        let mut circuit = Circuit::new(8);
        for _ in 0..7 {
            circuit.succeeded();
        }
        circuit.hold(0, 10, Keeps::Half);
        assert_eq!(
            circuit.hold(0, 20, Keeps::Half),
            (20, false),
            "the longest wait counts"
        );
        assert_eq!(circuit.allowed(20), 1);
        circuit.succeeded();
        assert_eq!(circuit.allowed(20), 4);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_a_hold() {
        let mut circuit = Circuit::new(8);
        circuit.hold(1_000_000, 10, Keeps::None);
        assert_eq!(circuit.allowed(5), 1);
    }

    #[test]
    fn failures_in_a_row_are_the_destinations() {
        let mut circuit = Circuit::new(8);
        assert!((0..4).all(|_| !circuit.failed()));
        circuit.succeeded();
        assert!(
            (0..4).all(|_| !circuit.failed()),
            "a success is between them"
        );
        assert!(circuit.failed());
        circuit.hold(0, 10, Keeps::None);
        circuit.resume();
        assert_eq!(circuit.allowed(1), 1);
        assert!(
            circuit.failed(),
            "so is the failure of the one that was let through"
        );
    }
}
