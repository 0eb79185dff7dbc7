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

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::audio::{AudioBuffer, AudioMut, AudioSpec, layouts};

    fn stereo(left: &[f32], right: &[f32]) -> Vec<f32> {
        let spec = AudioSpec::new(16_000, layouts::CHANNEL_LAYOUT_STEREO);
        let mut buffer = AudioBuffer::<f32>::new(spec, left.len());
        buffer.render_silence(None);
        buffer.plane_mut(0).unwrap().copy_from_slice(left);
        buffer.plane_mut(1).unwrap().copy_from_slice(right);
        Downmixer::default()
            .mix(&GenericAudioBufferRef::F32(&buffer))
            .to_vec()
    }

    #[test]
    fn channels_are_averaged() {
        assert_eq!(
            stereo(&[1.0, 0.5, -1.0], &[0.0, 0.5, 0.5]),
            [0.5, 0.5, -0.25]
        );
    }

    #[test]
    fn what_is_no_number_is_silence_and_what_is_infinite_is_bounded() {
        let mixed = stereo(&[f32::NAN, f32::INFINITY, f32::MIN], &[0.5, 0.0, 0.0]);
        assert_eq!(mixed, [0.25, MAX_AMPLITUDE / 2.0, -MAX_AMPLITUDE / 2.0]);
    }
}
