use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// Waits that double from the first to the longest, each between its half and the whole, so that
/// those who failed together do not come back together.
#[derive(Debug)]
pub(super) struct Jitter(SmallRng);

impl Jitter {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self(seed.map_or_else(SmallRng::from_os_rng, SmallRng::seed_from_u64))
    }

    /// The wait after so many failures in a row, from 1.
    pub(super) fn backoff(
        &mut self,
        (first, longest): (Duration, Duration),
        failures: u32,
    ) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = first.saturating_mul(1 << doublings).min(longest);
        whole.mul_f64(self.0.random_range(0.5..=1.0))
    }

    /// A wait that was asked for: never less, and up to a tenth more.
    pub(super) fn at_least(&mut self, asked: Duration) -> Duration {
        asked.mul_f64(self.0.random_range(1.0..=1.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_within_their_bounds() {
        let bounds = (Duration::from_secs(5), Duration::from_secs(60));
        let mut jitter = Jitter::new(Some(7));
        for (failures, whole) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (u32::MAX, 60)] {
            for _ in 0..100 {
                let wait = jitter.backoff(bounds, failures).as_secs_f64();
                let whole = f64::from(whole);
                assert!((whole / 2.0..=whole).contains(&wait), "{failures}: {wait}");
            }
        }
    }

    #[test]
    fn waits_differ_and_a_seed_repeats_them() {
        let draw = |seed| {
            let mut jitter = Jitter::new(Some(seed));
            [(); 4].map(|()| jitter.at_least(Duration::from_secs(10)))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let [first, second, ..] = draw(1);
        assert_ne!(first, second);
        assert!(
            draw(3)
                .iter()
                .all(|wait| (10.0..=11.0).contains(&wait.as_secs_f64()))
        );
    }
}
