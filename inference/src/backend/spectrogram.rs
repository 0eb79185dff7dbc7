//! The log-mel spectrogram that Whisper hears, as openai/whisper makes it (`audio.py`, `log_mel_spectrogram`).
//!
//! whisper.cpp has one of its own, of which each run pays for 30 s of silence and for a Fourier transform that is no fast
//! one: 7 % of a run of tiny.en. This one transforms what was said and nothing else.

use std::f64::consts::TAU;
use std::sync::Arc;

use inference_audio::SAMPLE_RATE;
use inference_models::ggml::FilterBank;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Samples under one frame: 25 ms.
const FRAME: usize = SAMPLE_RATE as usize / 40;
/// From one frame to the next: 10 ms.
const HOP: usize = SAMPLE_RATE as usize / 100;
/// Power below which everything is silence.
const LEAST_POWER: f32 = 1e-10;
/// What lies further below the loudest, in powers of ten, is lifted to here.
const RANGE: f32 = 8.0;

/// Makes spectrograms of so many bands.
pub(super) struct SpectrogramMaker {
    fft: Arc<dyn RealToComplex<f32>>,
    /// Hann's, periodic.
    window: Vec<f32>,
    bands: Vec<Band>,
}

/// A triangular filter without the zeros around it.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

/// What a model takes in: values around 0, band by band.
#[derive(Debug)]
pub(super) struct Spectrogram {
    /// `bands` rows of `frames` values.
    pub(super) values: Vec<f32>,
    pub(super) bands: usize,
    pub(super) frames: usize,
}

impl SpectrogramMaker {
    /// For a model of so many mel bands (80, or 128 since large-v3).
    pub(super) fn new(bands: u32) -> Self {
        let bank = FilterBank::new(bands);
        let rows = bank.weights.chunks_exact(bank.bins as usize);
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(FRAME),
            window: hann(),
            bands: rows.map(Band::of).collect(),
        }
    }

    /// Of 16 kHz mono, and after it silence until there are at least so many frames.
    pub(super) fn of(&self, samples: &[f32], at_least: usize) -> Spectrogram {
        let frames = frames_of(samples.len()).max(at_least);
        let bands = self.bands.len();
        let silence = LEAST_POWER.log10();
        let mut values = vec![silence; bands * frames];
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut frame = vec![0.0; FRAME];
        let mut power = vec![0.0; spectrum.len()];
        for at in 0..sounding(samples.len()).min(frames) {
            for (offset, (value, weight)) in frame.iter_mut().zip(&self.window).enumerate() {
                *value = weight * sample(samples, at * HOP + offset);
            }
            // Fails only where the lengths do not fit, and they come from the transform itself.
            let _ = self
                .fft
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = Complex::norm_sqr(bin);
            }
            for (band, row) in self.bands.iter().zip(values.chunks_exact_mut(frames)) {
                row[at] = band.of_spectrum(&power).max(LEAST_POWER).log10();
            }
        }
        let loudest = values.iter().copied().fold(silence, f32::max);
        for value in &mut values {
            *value = (value.max(loudest - RANGE) + 4.0) / 4.0;
        }
        Spectrogram {
            values,
            bands,
            frames,
        }
    }
}

impl Band {
    fn of(weights: &[f32]) -> Self {
        let is_some = |w: &f32| *w != 0.0;
        let first = weights.iter().position(is_some).unwrap_or(0);
        let end = weights.iter().rposition(is_some).map_or(first, |at| at + 1);
        Self {
            first,
            weights: weights[first..end].to_vec(),
        }
    }

    fn of_spectrum(&self, power: &[f32]) -> f32 {
        let under = power[self.first..].iter().zip(&self.weights);
        under.map(|(power, weight)| power * weight).sum()
    }
}

/// Frames of so many samples: one is centred on every [`HOP`]th, from the first on.
pub(super) fn frames_of(samples: usize) -> usize {
    samples / HOP
}

/// How long whisper.cpp takes so many samples to be, in milliseconds: as many frames as lie under them in full.
pub(super) fn milliseconds_of(samples: usize) -> i32 {
    let frames = 1 + samples.saturating_sub(FRAME / 2) / HOP;
    i32::try_from(frames * 10).unwrap_or(i32::MAX)
}

/// Frames in which there is something of so many samples: the last of them is centred behind their end.
fn sounding(samples: usize) -> usize {
    (samples + FRAME / 2).div_ceil(HOP)
}

/// The sample at a place counted from half a frame before the first: mirrored there, silent after the last.
fn sample(samples: &[f32], at: usize) -> f32 {
    let at = at.abs_diff(FRAME / 2);
    samples.get(at).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is meant")]
#[expect(clippy::cast_precision_loss, reason = "at most FRAME")]
fn hann() -> Vec<f32> {
    let at = |n: usize| 0.5 * (1.0 - (TAU * n as f64 / FRAME as f64).cos());
    (0..FRAME).map(|n| at(n) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of so many hertz.
    #[expect(clippy::cast_precision_loss, reason = "a second of samples")]
    fn tone(hertz: f32, samples: usize) -> Vec<f32> {
        let at = |n: usize| (std::f32::consts::TAU * hertz * n as f32 / 16_000.0).sin();
        (0..samples).map(at).collect()
    }

    /// The spectrogram's definition, without any shortcut: a discrete Fourier transform by its sum, in double precision.
    #[expect(clippy::cast_precision_loss, reason = "a second of samples")]
    fn by_definition(samples: &[f32], frames: usize) -> Vec<f64> {
        let bank = FilterBank::new(80);
        let mut values = vec![-10.0; 80 * frames];
        for frame in 0..frames {
            let bins: Vec<f64> = (0..=FRAME / 2)
                .map(|bin| {
                    let (mut re, mut im) = (0.0, 0.0);
                    for n in 0..FRAME {
                        let at = (frame * HOP + n).abs_diff(FRAME / 2);
                        let value = samples.get(at).map_or(0.0, |s| f64::from(*s))
                            * (0.5 - 0.5 * (TAU * n as f64 / FRAME as f64).cos());
                        let turn = TAU * (bin * n) as f64 / FRAME as f64;
                        re += value * turn.cos();
                        im -= value * turn.sin();
                    }
                    re * re + im * im
                })
                .collect();
            for band in 0..80 {
                let weights = &bank.weights[band * 201..(band + 1) * 201];
                let sum: f64 = bins
                    .iter()
                    .zip(weights)
                    .map(|(p, w)| p * f64::from(*w))
                    .sum();
                values[band * frames + frame] = sum.max(1e-10).log10();
            }
        }
        let loudest = values.iter().copied().fold(-10.0, f64::max);
        let scaled = values.iter().map(|v| (v.max(loudest - 8.0) + 4.0) / 4.0);
        scaled.collect()
    }

    #[test]
    fn it_is_what_openais_definition_says() {
        let mut samples = tone(440.0, 3_000);
        samples.extend(tone(3_100.0, 1_900).iter().map(|s| s * 0.01));
        samples.extend(vec![0.0; 1_000]);
        let got = SpectrogramMaker::new(80).of(&samples, 50);
        assert_eq!((got.bands, got.frames, got.values.len()), (80, 50, 4_000));
        for (got, want) in got.values.iter().zip(by_definition(&samples, 50)) {
            assert!((f64::from(*got) - want).abs() < 2e-3, "{got} {want}");
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_band() {
        let mut loudest = Vec::new();
        for hertz in [200.0, 1_000.0, 4_000.0] {
            let made = SpectrogramMaker::new(128).of(&tone(hertz, 16_000), 0);
            assert_eq!((made.bands, made.frames), (128, 100));
            let amid = |band: &usize| made.values[band * made.frames + 50];
            loudest.push((0..128).max_by(|a, b| amid(a).total_cmp(&amid(b))).unwrap());
        }
        assert!(loudest.is_sorted() && loudest[0] < loudest[1] && loudest[1] < loudest[2]);
    }

    #[test]
    fn any_length_has_its_frames_and_only_finite_values() {
        let maker = SpectrogramMaker::new(80);
        for samples in [0, 1, 159, 160, 399, 401, 16_001] {
            let made = maker.of(&vec![f32::MIN_POSITIVE; samples], 7);
            assert_eq!(made.frames, (samples / 160).max(7));
            assert!(made.values.iter().all(|v| v.is_finite()));
        }
    }
}
