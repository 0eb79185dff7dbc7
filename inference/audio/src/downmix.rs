//! Any decoded buffer to one channel of finite samples.

use symphonia::core::audio::GenericAudioBufferRef;

/// Largest magnitude kept. Float files may carry anything up to 10^38, of which a resampler's sums
/// would make infinities; real ones stay below 2.
const MAX_AMPLITUDE: f32 = 64.0;

/// Mixes buffers down to mono, each channel with the same weight, reusing its working memory.
#[derive(Default)]
pub(crate) struct Downmixer {
    planes: Vec<Vec<f32>>,
}

impl Downmixer {
    /// Returns the frames of `buffer` as one channel.
    pub(crate) fn mix(&mut self, buffer: &GenericAudioBufferRef<'_>) -> &[f32] {
        buffer.copy_to_vecs_planar(&mut self.planes);
        let Some((mono, others)) = self.planes.split_first_mut() else {
            return &[];
        };
        for sample in mono.iter_mut() {
            *sample = finite(*sample);
        }
        for plane in others.iter() {
            for (sum, sample) in mono.iter_mut().zip(plane) {
                *sum += finite(*sample);
            }
        }
        if !others.is_empty() {
            // Channel counts are small: exact in f32.
            #[allow(clippy::cast_precision_loss)]
            let weight = 1.0 / (others.len() + 1) as f32;
            for sample in mono.iter_mut() {
                *sample *= weight;
            }
        }
        mono
    }
}

fn finite(sample: f32) -> f32 {
    if sample.is_nan() {
        0.0
    } else {
        sample.clamp(-MAX_AMPLITUDE, MAX_AMPLITUDE)
    }
}
