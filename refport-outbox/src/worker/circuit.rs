/// How many deliveries a destination is given at once: few after a bad time, none within one. And what
/// its failures since the last success say, of the event or of it.
///
/// Held after a failure that is the destination's and not the event's, it lets a single event
/// through when the time is over. From then on, each success allows one more at once: the number
/// doubles with every round trip, up to the most that is allowed.
#[derive(Debug)]
pub(super) struct Circuit {
    most: usize,
    limit: usize,
    /// The first few different events that failed since the last success.
    failed: Vec<i64>,
    /// Which refusals there were since, and how many of each.
    refusals: Vec<(Refusal, u32)>,
    /// Whether it comes back from a bad time, in which some events failed.
    recovers: bool,
    /// Holds without a success between them.
    holds: u32,
    state: State,
}

/// A status and its code.
type Refusal = (Option<u16>, Option<String>);

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
    /// So many different events fail in a row before it counts as the destination's failure.
    const TRIPS_AFTER: usize = 5;
    /// So many events are refused in the same way before it counts as a mistake of the set-up.
    const REFUSALS: u32 = 20;
    /// More ways than these count as one.
    const WAYS: usize = 8;

    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            limit: 1,
            failed: Vec::new(),
            refusals: Vec::new(),
            recovers: true,
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

    /// Whether single events show if it is well again.
    pub(super) fn is_probing(&self) -> bool {
        self.state == State::Probing
    }

    /// Whether it comes back from a bad time: what failed goes behind what did not.
    pub(super) const fn recovers(&self) -> bool {
        self.recovers
    }

    /// The destination took an event. Says whether that ends a bad time.
    pub(super) fn succeeded(&mut self) -> bool {
        self.refusals.clear();
        if self.state == State::Flowing {
            self.limit = self.most.min(self.limit + 1);
        }
        self.recovers &= self.limit < self.most;
        self.answered()
    }

    /// The service itself answered, so it is there. Says whether that ends a bad time.
    fn answered(&mut self) -> bool {
        self.failed.clear();
        // Where it is held, that was sent before.
        let ends = self.is_probing();
        if ends {
            self.holds = 0;
            self.state = State::Flowing;
        }
        ends
    }

    /// The service refused an event for good. `None` where so many were refused in this way, and none was
    /// taken, that it is not the events' fault; else whether that ends a bad time.
    pub(super) fn refused(&mut self, status: Option<u16>, code: Option<&str>) -> Option<bool> {
        let is_it = |(way, _): &(Refusal, _)| (way.0, way.1.as_deref()) == (status, code);
        let known = self.refusals.iter().position(is_it);
        let way = known.unwrap_or_else(|| {
            if self.refusals.len() < Self::WAYS {
                self.refusals.push(((status, code.map(str::to_owned)), 0));
            }
            self.refusals.len() - 1
        });
        let count = &mut self.refusals[way].1;
        *count = count.saturating_add(1);
        let is_of_the_event = *count < Self::REFUSALS;
        is_of_the_event.then(|| self.answered())
    }

    /// Whether this event failed, and none has succeeded since.
    pub(super) fn has_failed(&self, event: i64) -> bool {
        self.failed.contains(&event)
    }

    /// This event failed, which may be its own fault or the destination's. Says whether so many different
    /// ones did that it is the destination's.
    pub(super) fn failed(&mut self, event: i64) -> bool {
        if self.failed.len() < Self::TRIPS_AFTER && !self.has_failed(event) {
            self.failed.push(event);
        }
        self.failed.len() >= Self::TRIPS_AFTER
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
        self.recovers |= keeps == Keeps::None;
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
    fn failures_of_different_events_in_a_row_are_the_destinations() {
        let mut circuit = Circuit::new(8);
        assert!((0..100).all(|_| !circuit.failed(7)), "all of one event");
        assert!((0..3).all(|event| !circuit.failed(event)));
        circuit.succeeded();
        assert!(!circuit.has_failed(7));
        assert!(
            (0..4).all(|event| !circuit.failed(event)),
            "a success is between them"
        );
        assert!(circuit.failed(4));
        assert!(circuit.failed(0), "again");
        circuit.hold(0, 10, Keeps::None);
        circuit.resume();
        assert_eq!(circuit.allowed(1), 1);
        assert!(
            circuit.failed(9),
            "so is the failure of the one that was let through"
        );
    }

    #[test]
    fn refusals_in_one_way_are_the_set_ups() {
        let mut circuit = Circuit::new(8);
        let mut refuse = |code| circuit.refused(Some(400), Some(code));
        for _ in 1..Circuit::REFUSALS {
            assert_eq!((refuse("A"), refuse("B")), (Some(false), Some(false)));
        }
        assert_eq!((refuse("A"), refuse("B")), (None, None));
        assert_eq!(refuse("C"), Some(false));
        circuit.hold(0, 10, Keeps::None);
        assert_eq!(circuit.allowed(10), 1);
        assert_eq!(circuit.refused(Some(400), Some("A")), None, "still");
        assert_eq!(circuit.refused(Some(400), Some("C")), Some(true));
        circuit.succeeded();
        assert_eq!(circuit.refused(Some(400), Some("A")), Some(false));
    }

    #[test]
    fn a_code_that_differs_each_time_is_one_way() {
        let mut circuit = Circuit::new(8);
        let refused = (0..100).filter(|number| {
            let code = format!("request {number}");
            circuit.refused(Some(400), Some(&code)).is_some()
        });
        let most = Circuit::REFUSALS as usize + Circuit::WAYS;
        assert!(refused.count() < most);
    }

    #[test]
    fn it_recovers_until_it_is_as_fast_as_ever() {
        let mut circuit = Circuit::new(2);
        circuit.succeeded();
        assert!(!circuit.recovers());
        circuit.hold(0, 10, Keeps::Half);
        assert!(!circuit.recovers(), "a rate limit is no event's");
        circuit.resume();
        circuit.succeeded();
        circuit.hold(0, 10, Keeps::None);
        circuit.resume();
        circuit.succeeded();
        assert!(circuit.recovers());
        circuit.succeeded();
        assert!(!circuit.recovers());
    }
}
