//! How much of Whisper's 30 s window to encode.
//!
//! The encoder takes about nine tenths of the time, and its cost follows the number of positions it
//! encodes, not the length of the speech: a five-second clip costs as much as thirty seconds unless
//! the window is fitted to it. Some silence beyond the clip keeps the model from ending too early: three and a half seconds
//! beyond a whole one, less beyond a piece that was cut out of a recording, which is longer and ends in a pause.
//! docs/performance.md has the words wrong by these lengths.

use std::time::Duration;

use inference_audio::SAMPLE_RATE;

/// Positions of the full window of 30 s, 50 a second.
pub(super) const FULL: u16 = 1500;
/// Positions a second.
const RATE: f64 = 50.0;
/// Silence encoded after a whole clip.
const PAD: Duration = Duration::from_millis(3500);
/// And after a piece of a recording.
const PAD_OF_PIECE: Duration = Duration::from_millis(700);
/// And after a piece that is heard again, for it ran in a circle: the more silence, the less often it does.
const PAD_OF_DOUBT: Duration = Duration::from_secs(4);
/// Positions are rounded up to a multiple of this: attention sums over them, and the fast kernel for that takes sixteen
/// at a time. 760 positions take a quarter longer than 752 or 768.
const STEP: f64 = 16.0;

/// In which windows to hear `samples` at 16 kHz, one after the other until the text is not doubtful: a whole clip in its
/// own and in the full one; a piece in its own and in a longer one.
pub(super) fn windows(samples: usize, is_whole: bool) -> [u16; 2] {
    if is_whole {
        [fitted(samples, PAD), FULL]
    } else {
        [fitted(samples, PAD_OF_PIECE), fitted(samples, PAD_OF_DOUBT)]
    }
}

/// Positions to encode for a clip and the silence after it; [`FULL`] for what does not fit below it.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sample counts are far below 2^52; the result is clamped to 1500"
)]
fn fitted(samples: usize, pad: Duration) -> u16 {
    let seconds = samples as f64 / f64::from(SAMPLE_RATE) + pad.as_secs_f64();
    let positions = (seconds * RATE).ceil();
    let rounded = (positions / STEP).ceil() * STEP;
    rounded.min(f64::from(FULL)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_the_clip_and_the_silence_after_it_rounded_up() {
        assert_eq!(windows(0, true), [176, FULL]);
        assert_eq!(windows(16_000, true), [240, FULL]);
        assert_eq!(windows(2 * 16_000, true), [288, FULL]);
        assert_eq!(windows(11 * 16_000, true), [736, FULL]);
    }

    #[test]
    fn a_piece_has_less_silence_after_it_and_more_the_second_time() {
        assert_eq!(windows(11 * 16_000, false), [592, 752]);
        assert_eq!(windows(28 * 16_000, false), [1440, FULL]);
    }

    #[test]
    fn a_long_clip_takes_the_full_window() {
        for samples in [27 * 16_000, 3600 * 16_000, usize::MAX] {
            assert_eq!(windows(samples, true), [FULL; 2]);
        }
    }
}
