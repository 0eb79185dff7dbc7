//! The mel filter bank that turns a power spectrum into Whisper's features.

/// Mel bands Whisper models are made with.
pub(crate) const SUPPORTED_MELS: [u32; 2] = [80, 128];

const SAMPLE_RATE: f64 = 16_000.0;
/// Bins of a real Fourier transform over 400 samples (25 ms).
const BINS: u32 = 201;

// Slaney's Auditory Toolbox scale: linear up to 1 kHz, logarithmic above.
const HERTZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_FROM_HERTZ: f64 = 1_000.0;
const LOG_FROM_MEL: f64 = LOG_FROM_HERTZ / HERTZ_PER_MEL;

/// Triangular filters, row by row: band, then frequency bin.
///
/// The same numbers as `librosa.filters.mel(sr=16000, n_fft=400, n_mels=…)`, from which OpenAI
/// made `mel_filters.npz`: Slaney's scale, and each triangle scaled to constant energy per band.
pub struct FilterBank {
    /// Filters.
    pub bands: u32,
    /// Frequency bins under each filter: those of a real Fourier transform over 400 samples.
    pub bins: u32,
    /// `bands` rows of `bins` weights.
    pub weights: Vec<f32>,
}

impl FilterBank {
    /// A bank of `bands` filters up to the Nyquist frequency.
    pub fn new(bands: u32) -> Self {
        let edges = edges(bands);
        let mut weights = Vec::with_capacity(bands as usize * BINS as usize);
        for edge in edges.windows(3) {
            let &[low, centre, high] = edge else { continue };
            let energy = 2.0 / (high - low);
            for bin in 0..BINS {
                let hertz = f64::from(bin) * SAMPLE_RATE / 400.0;
                // The sign as librosa has it: its very first weight is a negative zero.
                let rising = -(low - hertz) / (centre - low);
                let falling = (high - hertz) / (high - centre);
                let triangle = rising.min(falling);
                weights.push(scaled(if triangle < 0.0 { 0.0 } else { triangle }, energy));
            }
        }
        Self {
            bands,
            bins: BINS,
            weights,
        }
    }
}

/// librosa keeps the triangle in single precision and scales it in double: two roundings.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is meant")]
fn scaled(triangle: f64, energy: f64) -> f32 {
    (f64::from(triangle as f32) * energy) as f32
}

/// Corner frequencies in hertz: `bands` triangles share `bands` + 2 of them, evenly on the scale.
fn edges(bands: u32) -> Vec<f64> {
    let top = mel(SAMPLE_RATE / 2.0);
    let step = top / f64::from(bands + 1);
    (0..=bands)
        .map(|at| hertz(f64::from(at) * step))
        .chain([hertz(top)])
        .collect()
}

/// Width of the logarithmic part: 27 mels for a factor of 6.4.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn mel(hertz: f64) -> f64 {
    if hertz < LOG_FROM_HERTZ {
        hertz / HERTZ_PER_MEL
    } else {
        LOG_FROM_MEL + (hertz / LOG_FROM_HERTZ).ln() / log_step()
    }
}

fn hertz(mel: f64) -> f64 {
    if mel < LOG_FROM_MEL {
        mel * HERTZ_PER_MEL
    } else {
        LOG_FROM_HERTZ * (log_step() * (mel - LOG_FROM_MEL)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Hasher;

    #[test]
    fn the_scale_is_linear_to_1_khz_and_ends_at_8_khz() {
        assert!((mel(500.0) - 7.5).abs() < 1e-12);
        assert!((mel(6_400.0) - 42.0).abs() < 1e-12);
        assert!((hertz(mel(8_000.0)) - 8_000.0).abs() < 1e-9);
    }

    /// The hashes are of the arrays `mel_80` and `mel_128` in `mel_filters.npz` of OpenAI's
    /// package openai-whisper 20250625.
    #[test]
    fn the_filters_are_openais_to_the_bit() {
        let published = [
            "4f2701b1d287d74a0dc9871026e9519d98cb76426615f2539b0d151a0ae4ec2e",
            "2a5f9822897750e047c85dea37cc268d3be0ecfd23c28a5f10da129d99d05afe",
        ];
        for (bands, hash) in SUPPORTED_MELS.into_iter().zip(published) {
            let mut hasher = Hasher::default();
            for weight in FilterBank::new(bands).weights {
                hasher.update(&weight.to_le_bytes());
            }
            assert_eq!(hasher.finish().to_string(), hash, "{bands} bands");
        }
    }

    #[test]
    fn each_band_has_the_energy_of_its_neighbours() {
        for bands in SUPPORTED_MELS {
            let bank = FilterBank::new(bands);
            assert_eq!(bank.weights.len(), bands as usize * 201);
            assert!(
                bank.weights
                    .iter()
                    .all(|weight| (0.0..0.1).contains(weight))
            );
            // Slaney: the area under each triangle is 1 (40 Hz between bins); the widest
            // triangles have enough bins to show it.
            let last = bank.weights.chunks(201).next_back().unwrap();
            let area = last.iter().map(|&weight| f64::from(weight)).sum::<f64>() * 40.0;
            assert!((area - 1.0).abs() < 0.01, "{bands} bands: {area}");
        }
    }
}
