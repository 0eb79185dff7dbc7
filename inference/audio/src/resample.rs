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
pub(crate) struct ToSampleRate {
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
    pub(crate) fn new(rate: u32) -> Result<Self, AudioError> {
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
    pub(crate) fn push(&mut self, frames: &[f32], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let before = out.len();
        self.frames_in += frames.len() as u64;
        match &mut self.stage {
            None => {
                reserve(out, frames.len())?;
                out.extend_from_slice(frames);
            }
            Some(stage) => stage.push(frames, out)?,
        }
        self.samples_out += (out.len() - before) as u64;
        Ok(())
    }

    /// Appends what is left in the filter.
    pub(crate) fn finish(mut self, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let Some(stage) = &mut self.stage else {
            return Ok(());
        };
        let rate = u64::from(self.rate);
        let expected = (self.frames_in * u64::from(SAMPLE_RATE) + rate / 2) / rate;
        let missing = usize::try_from(expected.saturating_sub(self.samples_out))
            .map_err(|_| out_of_memory())?;
        stage.finish(missing, out)
    }
}

impl Stage {
    fn new(rate: u32) -> Result<Self, AudioError> {
        let (from, to) = (rate as usize, SAMPLE_RATE as usize);
        let resampler: Box<dyn Resampler<f32>> =
            if rate / gcd(rate, SAMPLE_RATE) <= MAX_BLOCK_FRAMES {
                Box::new(
                    Fft::new(from, to, CHUNK_FRAMES, 1, FixedSync::Both)
                        .map_err(|_| AudioError::Malformed("its rate cannot be resampled"))?,
                )
            } else {
                Box::new(
                    Async::new_sinc(
                        f64::from(SAMPLE_RATE) / f64::from(rate),
                        1.0,
                        &SincInterpolationParameters::new(256, WindowFunction::BlackmanHarris2),
                        CHUNK_FRAMES,
                        1,
                        FixedAsync::Input,
                    )
                    .map_err(|_| AudioError::Malformed("its rate cannot be resampled"))?,
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
        reserve(out, samples.len())?;
        out.extend_from_slice(samples);
        Ok(())
    }
}

/// Makes room like `Vec::reserve`, but a machine without memory is an error and not an abort.
fn reserve(out: &mut Vec<f32>, more: usize) -> Result<(), AudioError> {
    out.try_reserve(more).map_err(|_| out_of_memory())
}

fn out_of_memory() -> AudioError {
    AudioError::Io(std::io::ErrorKind::OutOfMemory.into())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
