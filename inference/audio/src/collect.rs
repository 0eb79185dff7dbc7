//! The samples of a whole file in one piece.

use crate::{AudioError, Limits, SAMPLE_RATE};
use std::io;

/// Samples a resampler may add beyond those of the frames it was given: what it held back.
const RESAMPLER_SLACK: u64 = 32 << 10;

/// Grows by doubling, as a vector does, but never beyond the longest audio; and a machine without memory is an
/// error, not an abort.
pub(crate) struct Collected {
    samples: Vec<f32>,
    most: u64,
}

impl Collected {
    pub(crate) fn new(limits: &Limits) -> Self {
        let seconds = limits.max_duration.as_secs().saturating_add(1);
        Self {
            samples: Vec::new(),
            most: seconds
                .saturating_mul(u64::from(SAMPLE_RATE))
                .saturating_add(RESAMPLER_SLACK),
        }
    }

    pub(crate) fn push(&mut self, more: &[f32]) -> Result<(), AudioError> {
        let out_of_memory = || AudioError::Io(io::ErrorKind::OutOfMemory.into());
        let (len, capacity) = (self.samples.len() as u64, self.samples.capacity() as u64);
        let needed = len + more.len() as u64;
        if needed > capacity {
            let target = needed.max(self.most.min(capacity * 2));
            let additional = usize::try_from(target - len).map_err(|_| out_of_memory())?;
            self.samples
                .try_reserve_exact(additional)
                .map_err(|_| out_of_memory())?;
        }
        self.samples.extend_from_slice(more);
        Ok(())
    }

    pub(crate) fn into_samples(mut self) -> Vec<f32> {
        self.samples.shrink_to_fit();
        self.samples
    }
}
