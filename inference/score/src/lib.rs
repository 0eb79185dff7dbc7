//! How well and how fast speech was transcribed: for `inference bench` and for the project's own bench.

mod normalize;
mod words;

pub use normalize::normalize;
pub use words::Errors;

use std::time::Duration;

/// The `percent`-th percentile (nearest rank) of ascending durations; zero of none.
pub fn percentile(ascending: &[Duration], percent: usize) -> Duration {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let ascending: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&ascending, 50), Duration::from_millis(100));
        assert_eq!(percentile(&ascending, 99), Duration::from_millis(198));
        assert_eq!(percentile(&ascending[..1], 50), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
