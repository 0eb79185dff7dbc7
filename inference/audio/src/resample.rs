//! Mono at any rate to mono at 16 kHz, chunk by chunk.

use crate::{AudioError, SAMPLE_RATE};
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Indexing, Resampler, SincInterpolationParameters,
    WindowFunction, audioadapter_buffers::direct::InterleavedSlice,
};

/// Frames handed to the resampler at a time, about; it rounds to what the two rates allow.
const CHUNK_FRAMES: usize = 1024;

/// Longest transform for which resampling in the frequency domain pays. Rates with a large common
/// divisor with 16 kHz stay far below (44.1 kHz: 441 frames); 47,999 Hz would need one of 47,999.
const MAX_BLOCK_FRAMES: u32 = 4096;

/// Resamples one stretch of constant rate, appending to a vector of 16 kHz samples.
///
/// The output is aligned with the input (the filter's delay is cut off) and `n` frames in give
/// `n * 16000 / rate` samples, rounded, out.
pub struct ToSampleRate {
    rate: u32,
    /// None where the rates are equal.
    stage: Option<Stage>,
    frames_in: u64,
    samples_out: u64,
}

struct Stage {
    resampler: Box<dyn Resampler<f32>>,
    /// Frames that do not fill a chunk yet.
    pending: Vec<f32>,
    scratch: Vec<f32>,
    /// Samples of the filter's delay still to be cut off.
    delay_left: usize,
}

impl ToSampleRate {
    /// For audio of so many frames a second; above 0.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] for a rate that has no filter.
    pub fn new(rate: u32) -> Result<Self, AudioError> {
        let stage = (rate != SAMPLE_RATE)
            .then(|| Stage::new(rate))
            .transpose()?;
        Ok(Self {
            rate,
            stage,
            frames_in: 0,
            samples_out: 0,
        })
    }

    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// Appends what `frames` make, but for the part that is still in the filter.
    ///
    /// # Errors
    /// [`AudioError::Malformed`] where the filter fails; nothing further is to be pushed then.
    pub fn push(&mut self, frames: &[f32], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let before = out.len();
        self.frames_in += frames.len() as u64;
        match &mut self.stage {
            None => out.extend_from_slice(frames),
            Some(stage) => stage.push(frames, out)?,
        }
        self.samples_out += (out.len() - before) as u64;
        Ok(())
    }

    /// Appends what is left in the filter.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let Some(stage) = &mut self.stage else {
            return Ok(());
        };
        let rate = u64::from(self.rate);
        let expected = (self.frames_in * u64::from(SAMPLE_RATE) + rate / 2) / rate;
        // At most what the filter holds, so it fits.
        let missing = usize::try_from(expected.saturating_sub(self.samples_out));
        stage.finish(missing.unwrap_or(0), out)
    }
}

impl Stage {
    fn new(rate: u32) -> Result<Self, AudioError> {
        const REFUSED: AudioError = AudioError::Malformed("its rate cannot be resampled");
        let block = rate / gcd(rate, SAMPLE_RATE);
        let resampler: Box<dyn Resampler<f32>> = if block <= MAX_BLOCK_FRAMES {
            // An even number of blocks: the filter of an odd one has no middle, and shifts the
            // output by half a frame.
            let block = block as usize;
            let chunk = CHUNK_FRAMES.div_ceil(block).next_multiple_of(2) * block;
            let (from, to) = (rate as usize, SAMPLE_RATE as usize);
            Box::new(Fft::new(from, to, chunk, 1, FixedSync::Both).map_err(|_| REFUSED)?)
        } else {
            let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
            let filter = SincInterpolationParameters::new(256, WindowFunction::BlackmanHarris2);
            Box::new(
                Async::new_sinc(ratio, 1.0, &filter, CHUNK_FRAMES, 1, FixedAsync::Input)
                    .map_err(|_| REFUSED)?,
            )
        };
        Ok(Self {
            pending: Vec::with_capacity(resampler.input_frames_max()),
            scratch: vec![0.0; resampler.output_frames_max()],
            delay_left: resampler.output_delay(),
            resampler,
        })
    }

    fn push(&mut self, mut frames: &[f32], out: &mut Vec<f32>) -> Result<(), AudioError> {
        loop {
            let chunk = self.resampler.input_frames_next();
            let wanted = chunk.saturating_sub(self.pending.len()).min(frames.len());
            let (taken, rest) = frames.split_at(wanted);
            self.pending.extend_from_slice(taken);
            frames = rest;
            if self.pending.len() < chunk {
                return Ok(());
            }
            self.process(chunk, usize::MAX, out)?;
        }
    }

    fn finish(&mut self, mut missing: usize, out: &mut Vec<f32>) -> Result<(), AudioError> {
        while missing > 0 {
            let before = out.len();
            let real = self.pending.len();
            let chunk = self.resampler.input_frames_next();
            self.pending.resize(chunk.max(real), 0.0);
            self.process(real, missing, out)?;
            missing -= out.len() - before;
        }
        Ok(())
    }

    /// Resamples the pending chunk, of which `real` frames are audio, and appends at most `most`
    /// of what comes out.
    fn process(&mut self, real: usize, most: usize, out: &mut Vec<f32>) -> Result<(), AudioError> {
        const MISUSED: AudioError = AudioError::Malformed("it cannot be resampled");
        let input = InterleavedSlice::new(&self.pending, 1, self.pending.len());
        let room = self.scratch.len();
        let output = InterleavedSlice::new_mut(&mut self.scratch, 1, room);
        let (Ok(input), Ok(mut output)) = (input, output) else {
            return Err(MISUSED);
        };
        let (_, produced) = self
            .resampler
            .process_into_buffer(
                &input,
                &mut output,
                Some(&Indexing::new().partial_len(real)),
            )
            .map_err(|_| MISUSED)?;
        self.pending.clear();
        let cut = self.delay_left.min(produced);
        self.delay_left -= cut;
        let samples = &self.scratch[cut..produced];
        let samples = &samples[..samples.len().min(most)];
        out.extend_from_slice(samples);
        Ok(())
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const RATES: [u32; 14] = [
        4_000, 4_001, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 44_056, 44_100, 47_999,
        48_000, 192_000, 383_999,
    ];

    #[allow(clippy::cast_possible_truncation)]
    fn tone(hertz: f64, rate: u32, frames: u32) -> Vec<f32> {
        (0..frames)
            .map(|frame| (TAU * hertz * f64::from(frame) / f64::from(rate)).sin() as f32)
            .collect()
    }

    fn resample(rate: u32, frames: &[f32], piece: usize) -> Vec<f32> {
        let mut out = Vec::new();
        let mut resampler = ToSampleRate::new(rate).unwrap();
        for piece in frames.chunks(piece) {
            resampler.push(piece, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_level_and_place_at_every_rate() {
        for rate in RATES {
            let out = resample(rate, &tone(440.0, rate, rate), 1152);
            let ideal = tone(440.0, SAMPLE_RATE, SAMPLE_RATE);
            assert_eq!(out.len(), ideal.len(), "{rate} Hz");
            // Rates with no useful divisor are interpolated, less than a sample off.
            let sound = if rate % 25 == 0 { 0.01 } else { 0.17 };
            // The ends see the silence around the clip.
            for (at, (out, ideal)) in out.iter().zip(&ideal).enumerate().skip(1600).take(12_800) {
                assert!(
                    (out - ideal).abs() < sound,
                    "{rate} Hz at {at}: {out}, not {ideal}"
                );
            }
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_filtered_out_and_not_folded_back() {
        for rate in [22_050, 44_100, 47_999, 48_000, 96_000] {
            let out = resample(rate, &tone(9_500.0, rate, rate), 4096);
            let loudest = out[1600..14_400]
                .iter()
                .fold(0.0, |most: f32, s| most.max(s.abs()));
            assert!(loudest < 0.001, "{rate} Hz leaves {loudest}");
        }
    }

    #[test]
    fn n_frames_give_their_share_of_samples_to_the_nearest_one() {
        for rate in RATES {
            for frames in [1, 2, 3, 7, 160, 1023, 1024, 1025, 5000] {
                let out = resample(rate, &tone(100.0, rate, frames), 4096);
                let exact = f64::from(frames) * f64::from(SAMPLE_RATE) / f64::from(rate);
                #[allow(clippy::cast_precision_loss)]
                let off = (out.len() as f64 - exact).abs();
                assert!(
                    off <= 0.5,
                    "{frames} frames at {rate} Hz gave {}",
                    out.len()
                );
            }
        }
    }

    #[test]
    fn how_the_input_is_cut_into_packets_does_not_change_the_output() {
        for rate in [8_000, 44_100, 47_999] {
            let input = tone(440.0, rate, 5000);
            let whole = resample(rate, &input, usize::MAX);
            assert_eq!(resample(rate, &input, 1), whole);
            assert_eq!(resample(rate, &input, 777), whole);
        }
    }
}
