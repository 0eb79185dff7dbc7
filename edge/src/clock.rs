//! Times and randomness of the runtime.

use edge_core::ports::{Rng, RngError, UnixMs};

/// A JavaScript time as an instant; a negative or absurd one is the epoch.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Saturates, and NaN is 0.
pub(crate) const fn unix_ms(js: f64) -> UnixMs {
    UnixMs(js as u64)
}

/// `crypto.getRandomValues`.
pub(crate) struct RuntimeRng;

impl Rng for RuntimeRng {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        getrandom::fill(bytes).map_err(|_| RngError)
    }
}
