//! What decoding adds up to: samples at the one rate, and the time they stand for.

use crate::{AudioError, Limits, SAMPLE_RATE, SourceFormat, resample::ToSampleRate};
use std::{io, time::Duration};

/// Samples a resampler may add beyond those of the frames it was given: what it held back.
const RESAMPLER_SLACK: u64 = 32 << 10;

/// The samples so far, and how much source they stand for.
pub(crate) struct Output {
    samples: Vec<f32>,
    resampler: Option<ToSampleRate>,
    /// Source nanoseconds of all stretches before the current one.
    earlier: Duration,
    /// Source frames of the current stretch of constant rate.
    frames: u64,
    max_duration: Duration,
    pub(crate) source: Option<SourceFormat>,
}

impl Output {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            samples: Vec::new(),
            resampler: None,
            earlier: Duration::ZERO,
            frames: 0,
            max_duration: limits.max_duration,
            source: None,
        }
    }

    /// Appends frames at `rate`; says whether that ended a stretch of another rate.
    pub(crate) fn push(&mut self, rate: u32, frames: &[f32]) -> Result<bool, AudioError> {
        let changed = match &self.resampler {
            Some(resampler) if resampler.rate() == rate => false,
            Some(_) => {
                self.end_stretch()?;
                true
            }
            None => false,
        };
        self.frames += frames.len() as u64;
        if self.duration(rate) > self.max_duration {
            return Err(AudioError::TooLong {
                limit: self.max_duration,
            });
        }
        let mut resampler = match self.resampler.take() {
            Some(resampler) => resampler,
            None => ToSampleRate::new(rate)?,
        };
        self.make_room(frames.len() as u64 * u64::from(SAMPLE_RATE) / u64::from(rate))?;
        resampler.push(frames, &mut self.samples)?;
        self.resampler = Some(resampler);
        Ok(changed)
    }

    /// Makes room for `more` samples and what a resampler held back: by doubling, as a vector does,
    /// but never beyond the longest audio, and a machine without memory is an error, not an abort.
    fn make_room(&mut self, more: u64) -> Result<(), AudioError> {
        let out_of_memory = || AudioError::Io(io::ErrorKind::OutOfMemory.into());
        let (len, capacity) = (self.samples.len() as u64, self.samples.capacity() as u64);
        let needed = len + more + RESAMPLER_SLACK;
        if needed > capacity {
            let seconds = self.max_duration.as_secs().saturating_add(1);
            let most = seconds
                .saturating_mul(u64::from(SAMPLE_RATE))
                .saturating_add(RESAMPLER_SLACK);
            let target = needed.max(most.min(capacity * 2));
            let additional = usize::try_from(target - len).map_err(|_| out_of_memory())?;
            self.samples
                .try_reserve_exact(additional)
                .map_err(|_| out_of_memory())?;
        }
        Ok(())
    }

    fn duration(&self, rate: u32) -> Duration {
        let (seconds, rest) = (self.frames / u64::from(rate), self.frames % u64::from(rate));
        let nanos = rest * 1_000_000_000 / u64::from(rate);
        self.earlier
            .saturating_add(Duration::from_secs(seconds))
            .saturating_add(Duration::from_nanos(nanos))
    }

    fn end_stretch(&mut self) -> Result<(), AudioError> {
        if let Some(resampler) = self.resampler.take() {
            self.earlier = self.duration(resampler.rate());
            self.frames = 0;
            resampler.finish(&mut self.samples)?;
        }
        Ok(())
    }

    pub(crate) fn finish(
        mut self,
    ) -> Result<(Vec<f32>, Duration, Option<SourceFormat>), AudioError> {
        self.end_stretch()?;
        self.samples.shrink_to_fit();
        Ok((self.samples, self.earlier, self.source))
    }
}
