//! How much of Whisper's 30 s window to encode.
//!
//! The encoder takes about nine tenths of the time, and its cost follows the number of positions it
//! encodes, not the length of the speech: a five-second clip costs as much as thirty seconds unless
//! the window is fitted to it. Some seconds beyond the clip keep the model from ending too early: four beyond a
//! whole one, one beyond a piece that was cut out of a recording, which is longer and ends in a pause.

use std::time::Duration;

use inference_audio::SAMPLE_RATE;

/// Positions of the full window of 30 s, 50 a second.
pub(super) const FULL: u16 = 1500;
/// Positions a second.
const RATE: f64 = 50.0;
/// Silence encoded after a whole clip.
const PAD: Duration = Duration::from_secs(4);
/// And after a piece of a recording.
const PAD_OF_PIECE: Duration = Duration::from_secs(1);
/// Positions are rounded up to a multiple of this, which the matrix kernels like.
const STEP: f64 = 64.0;

/// Positions to encode for a clip of `samples` at 16 kHz; [`FULL`] for what does not fit below it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sample counts are far below 2^52; the result is clamped to 1500"
)]
pub(super) fn fitted(samples: usize, is_whole: bool) -> u16 {
    let pad = if is_whole { PAD } else { PAD_OF_PIECE };
    let seconds = samples as f64 / f64::from(SAMPLE_RATE) + pad.as_secs_f64();
    let positions = (seconds * RATE).ceil();
    let rounded = (positions / STEP).ceil() * STEP;
    rounded.min(f64::from(FULL)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_clip_and_four_seconds_rounded_up() {
        assert_eq!(fitted(0, true), 256);
        assert_eq!(fitted(16_000, true), 256);
        assert_eq!(fitted(2 * 16_000, true), 320);
        assert_eq!(fitted(11 * 16_000, true), 768);
        assert_eq!(fitted(11 * 16_000, false), 640);
    }

    #[test]
    fn a_long_clip_takes_the_full_window() {
        assert_eq!(fitted(26 * 16_000, true), FULL);
        assert_eq!(fitted(3600 * 16_000, true), FULL);
        assert_eq!(fitted(usize::MAX, true), FULL);
    }
}
