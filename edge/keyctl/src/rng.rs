//! The system's generator.

use edge_core::ports::{Rng, RngError};

/// Random bytes of the system, fit for secrets.
#[derive(Debug)]
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        getrandom::fill(bytes).map_err(|_| RngError)
    }
}
