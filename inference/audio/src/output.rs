//! What decoding adds up to: samples at the one rate, and the time they stand for.

use crate::{AudioError, Limits, SourceFormat, resample::ToSampleRate};
use std::time::Duration;

/// The samples that nobody has taken yet, and how much source all of them stand for.
pub(crate) struct Output {
    /// Of one packet, and what the resampler held back: whoever decodes takes them after each.
    samples: Vec<f32>,
    taken: u64,
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
            taken: 0,
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
        resampler.push(frames, &mut self.samples)?;
        self.resampler = Some(resampler);
        Ok(changed)
    }

    /// The samples since the last time, in the buffer that they are in.
    pub(crate) fn take(&mut self) -> std::vec::Drain<'_, f32> {
        self.taken += self.samples.len() as u64;
        self.samples.drain(..)
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

    /// Gives what the resampler held back to the next [`take`](Self::take).
    pub(crate) fn finish(&mut self) -> Result<(), AudioError> {
        self.end_stretch()
    }

    /// What was decoded, after [`finish`](Self::finish); its length, and what it was, if it was anything.
    pub(crate) fn decoded(&self) -> Option<(Duration, SourceFormat)> {
        let source = self.source.filter(|_| self.taken > 0)?;
        Some((self.earlier, source))
    }
}
