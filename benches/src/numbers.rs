//! Numbers that stand for shops' own, and the middle of measured ones.

use std::time::Duration;

/// The finaliser of MurmurHash3: one to one, and neighbours end far from each other.
#[must_use]
pub const fn scattered(number: u64) -> u64 {
    let bits = (number ^ (number >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let bits = (bits ^ (bits >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    bits ^ (bits >> 33)
}

/// The median; not a number where there are none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The time in microseconds that so many of a hundred were not above. Sorts them.
#[must_use]
pub fn percentile(times: &mut [Duration], hundredths: usize) -> f64 {
    times.sort_unstable();
    let at = times.len() * hundredths / 100;
    let time = times.get(at.min(times.len().saturating_sub(1)));
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}
