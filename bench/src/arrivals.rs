//! When requests come that do not wait for each other: a Poisson process, the same in every round.

use std::time::Duration;

/// Times of arrival from the start, without end.
pub(crate) struct Arrivals {
    mean: Duration,
    at: Duration,
    random: u64,
}

impl Arrivals {
    /// With so much time between two of them in the mean.
    pub(crate) fn of_mean(mean: Duration) -> Self {
        Self {
            mean,
            at: Duration::ZERO,
            random: 0x2545_f491_4f6c_dd1d,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let at = self.at;
        // Marsaglia's xorshift, to an exponential by inversion.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        #[allow(clippy::cast_precision_loss)] // 53 bits.
        let uniform = ((self.random >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        self.at += self.mean.mul_f64(-uniform.ln());
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_mean_and_the_spread_of_a_poisson_process() {
        let mean = Duration::from_millis(100);
        let times: Vec<f64> = Arrivals::of_mean(mean)
            .map(|at| at.as_secs_f64())
            .take(10_001)
            .collect();
        let gaps: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        let average = gaps.iter().sum::<f64>() / 1e4;
        let square = gaps.iter().map(|gap| (gap - average).powi(2)).sum::<f64>() / 1e4;
        assert!((average - 0.1).abs() < 0.005, "{average}");
        assert!((square.sqrt() - 0.1).abs() < 0.005, "{square}");
    }
}
