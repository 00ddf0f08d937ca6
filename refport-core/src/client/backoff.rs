use std::time::Duration;

use tower::util::rng::{HasherRng, Rng};

/// The waits between the attempts of one call. They double, and each is drawn by chance, so that
/// calls that fail together are not repeated together.
///
/// tower's own draws whole seconds and fractions apart and drops the fraction of the former, so that
/// a wait of one second has no chance in it; nor has one that has reached the longest.
#[derive(Clone, Debug)]
pub(super) struct Backoff<R = HasherRng> {
    /// The shortest that the next wait can be, but for the longest wait.
    base: Duration,
    longest: Duration,
    rng: R,
}

impl Backoff {
    /// With a generator of its own.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self::drawn_by(HasherRng::default(), first, longest)
    }
}

impl<R: Rng> Backoff<R> {
    fn drawn_by(rng: R, first: Duration, longest: Duration) -> Self {
        let base = first.max(Duration::from_millis(1));
        Self {
            base,
            longest: longest.max(base),
            rng,
        }
    }

    /// The next wait: up to a half more than its base, and at most the longest. The upper third of
    /// what it can be is left to chance, also where that is cut at the longest.
    pub(super) fn next_wait(&mut self) -> Duration {
        let most = self.base.saturating_add(self.base / 2).min(self.longest);
        self.base = self.base.saturating_mul(2).min(self.longest);
        let share = 1.0 - self.rng.next_f64() / 3.0;
        Duration::try_from_secs_f64(most.as_secs_f64() * share).map_or(most, |wait| wait.min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the same each time.
    struct Always(u64);

    impl Rng for Always {
        fn next_u64(&mut self) -> u64 {
            self.0
        }
    }

    /// Some waits in milliseconds, where chance says the `least` or the most.
    fn waits<const N: usize>(draw: u64, first: u64, longest: u64) -> [u128; N] {
        let [first, longest] = [first, longest].map(Duration::from_millis);
        let mut backoff = Backoff::drawn_by(Always(draw), first, longest);
        [(); N].map(|()| (backoff.next_wait().as_secs_f64() * 1000.0).round() as u128)
    }

    #[test]
    fn waits_double_between_their_bounds() {
        assert_eq!(waits(u64::MAX, 100, 1000), [100, 200, 400, 667, 667]);
        assert_eq!(waits(0, 100, 1000), [150, 300, 600, 1000, 1000]);
    }

    #[test]
    fn whole_seconds_are_left_to_chance_too() {
        assert_eq!(waits(u64::MAX, 1000, 5000), [1000, 2000, 3333, 3333]);
        assert_eq!(waits(0, 1000, 5000), [1500, 3000, 5000, 5000]);
        assert_eq!(waits(u64::MAX, 3000, 3000), [2000, 2000]);
        assert_eq!(waits(0, 3000, 3000), [3000, 3000]);
    }

    #[test]
    fn each_call_and_each_wait_draws_its_own() {
        let second = Duration::from_secs(1);
        let mut drawn = std::collections::HashSet::new();
        for _ in 0..8 {
            let mut backoff = Backoff::new(second, second);
            drawn.extend([(); 8].map(|()| backoff.next_wait()));
        }
        assert!(drawn.len() > 32, "64 waits, and so few differ: {drawn:?}");
        assert!(
            drawn
                .iter()
                .all(|wait| *wait * 3 > second && *wait <= second)
        );
    }

    #[test]
    fn odd_bounds_are_put_right() {
        assert_eq!(waits(0, 0, 0), [1]);
        assert_eq!(waits(0, 300, 100), [300]);
        let mut forever = Backoff::drawn_by(Always(0), Duration::MAX, Duration::MAX);
        assert_eq!(forever.next_wait(), Duration::MAX);
    }
}
