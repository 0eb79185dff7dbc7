//! Audio so quiet that nothing can be said in it.
//!
//! Given silence, Whisper invents words ("you", "Thank you."). What has no frame above the noise
//! of a 16-bit recording is therefore not handed to it at all.

use inference_audio::SAMPLE_RATE;

/// 30 ms, about a phoneme.
const FRAME: usize = SAMPLE_RATE as usize * 30 / 1000;
/// Root mean square of the loudest frame, below which a clip is silent: -70 dB of full scale, ten
/// steps of a 16-bit sample.
const FLOOR: f32 = 3.162e-4;

/// Whether no frame of the clip is audible.
pub(super) fn is_silent(samples: &[f32]) -> bool {
    samples.chunks(FRAME).all(|frame| {
        #[expect(clippy::cast_precision_loss, reason = "at most FRAME")]
        let mean = frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32;
        mean.sqrt() < FLOOR
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, samples: usize) -> Vec<f32> {
        let mut phase = 0.0_f32;
        let step = || {
            phase += 0.17;
            amplitude * phase.sin()
        };
        std::iter::repeat_with(step).take(samples).collect()
    }

    #[test]
    fn digital_silence_and_dither_are_silent() {
        assert!(is_silent(&[]));
        assert!(is_silent(&vec![0.0; 160_000]));
        assert!(is_silent(&tone(2.0 / 32768.0, 160_000)));
    }

    #[test]
    fn one_quiet_word_in_silence_is_heard() {
        let mut clip = vec![0.0; 160_000];
        clip[80_000..84_000].copy_from_slice(&tone(0.002, 4_000));
        assert!(!is_silent(&clip));
    }
}
