use crate::AudioError;
use std::{ops::RangeInclusive, time::Duration};

/// Hard bounds on what [`decode`](crate::decode) accepts, checked before allocating and again while
/// decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// Longest audio. One hour takes 230 MB of samples.
    pub max_duration: Duration,
    /// Most channels in the source; they are mixed down to one.
    pub max_channels: u32,
    /// Sample rates accepted in the source, in Hz.
    pub sample_rates: RangeInclusive<u32>,
}

impl Default for Limits {
    /// 100 MB, two hours, eight channels (7.1), 4 kHz to 384 kHz.
    fn default() -> Self {
        Self {
            max_bytes: 100_000_000,
            max_duration: Duration::from_hours(2),
            max_channels: 8,
            sample_rates: 4_000..=384_000,
        }
    }
}

impl Limits {
    pub(crate) fn check_channels(&self, channels: u32) -> Result<(), AudioError> {
        if channels > self.max_channels {
            return Err(AudioError::TooManyChannels {
                channels,
                limit: self.max_channels,
            });
        }
        Ok(())
    }

    pub(crate) fn check_sample_rate(&self, rate: u32) -> Result<(), AudioError> {
        // Zero divides: it is refused even where the configured range has it.
        if rate == 0 || !self.sample_rates.contains(&rate) {
            return Err(AudioError::BadSampleRate {
                rate,
                min: *self.sample_rates.start(),
                max: *self.sample_rates.end(),
            });
        }
        Ok(())
    }
}
