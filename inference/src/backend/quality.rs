//! Whether a transcript looks wrong: the model ran in a circle, or guessed.
//!
//! The first two measures and their thresholds are those of openai/whisper (`transcribe.py`:
//! `compression_ratio_threshold`, `logprob_threshold`). They overlook short loops, so immediately
//! repeated word groups are counted as well.

use std::collections::HashSet;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Above it a text repeats itself.
const MAX_COMPRESSION_RATIO: f64 = 2.4;
/// Below it the model guessed.
const MIN_AVG_LOGPROB: f64 = -1.0;
/// How often in a row the same group of words may come.
const MAX_REPEATS: usize = 3;
/// Longest group of words that is looked for.
const MAX_GROUP: usize = 8;
/// So many words in the same order a second time are a circle, even with others between. Half a minute of speech hardly
/// ever has them; a piece that ends amid a sentence is continued by what was said before.
const ECHO: usize = 6;

/// Bytes of `text` over bytes of its zlib form; 0 for an empty text.
#[expect(
    clippy::cast_precision_loss,
    reason = "lengths of transcripts are far below 2^52"
)]
pub(super) fn compression_ratio(text: &str) -> f64 {
    if text.is_empty() {
        return 0.0;
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing into a vector does not fail.
    match encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
    {
        Ok(packed) => text.len() as f64 / packed.len() as f64,
        Err(_) => 0.0,
    }
}

/// How good a text is that the model gave; the greater the better.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Quality {
    /// First of all it must not run in a circle.
    is_straight: bool,
    avg_logprob: f64,
}

impl Quality {
    /// Of a text and the mean log-probability of its tokens; nothing said is as good as can be.
    pub(super) fn of(text: &str, avg_logprob: f64) -> Self {
        if text.trim().is_empty() {
            return Self {
                is_straight: true,
                avg_logprob: 0.0,
            };
        }
        Self {
            is_straight: compression_ratio(text) <= MAX_COMPRESSION_RATIO
                && !repeats(text)
                && !echoes(text),
            avg_logprob,
        }
    }

    /// Whether the model guessed.
    pub(super) fn is_guess(self) -> bool {
        self.avg_logprob < MIN_AVG_LOGPROB
    }

    /// Whether the audio should be heard again another way.
    pub(super) fn is_doubtful(self) -> bool {
        !self.is_straight || self.is_guess()
    }
}

/// Whether some group of words comes more than [`MAX_REPEATS`] times in a row.
fn repeats(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (1..=MAX_GROUP).any(|group| {
        let mut equal = 0;
        words.windows(group + 1).any(|w| {
            equal = if w.first() == w.last() { equal + 1 } else { 0 };
            equal >= group * MAX_REPEATS
        })
    })
}

/// Whether some group of [`ECHO`] words comes twice.
fn echoes(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut heard = HashSet::new();
    words.windows(ECHO).any(|group| !heard.insert(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_wrong(text: &str, avg_logprob: f64) -> bool {
        Quality::of(text, avg_logprob).is_doubtful()
    }

    #[test]
    fn a_straight_guess_is_better_than_a_circle_and_a_likelier_text_than_a_guess() {
        let of = Quality::of;
        assert!(of("hello there", -2.0) > of("the the the the", -0.1));
        assert!(of("hello there", -0.5) > of("hello their", -0.6));
        assert!(of("", -9.0) > of("hello", -0.1));
    }

    #[test]
    fn plain_speech_looks_right() {
        let text = "And so, my fellow Americans, ask not what your country can do for you, \
                    ask what you can do for your country.";
        assert!(!looks_wrong(text, -0.3));
        assert!(!looks_wrong("No, no, no.", -0.3));
        assert!(!looks_wrong("", -9.0));
    }

    #[test]
    fn loops_and_guesses_look_wrong() {
        assert!(looks_wrong("the the the the", -0.3));
        assert!(looks_wrong(
            "so it is and so it is and so it is and so it is and",
            -0.3
        ));
        assert!(looks_wrong(
            "the Erleus book printed with movable types, the Guttenberg, the Erleus book printed with movable types",
            -0.3
        ));
        assert!(looks_wrong("hello", -1.2));
        assert!(looks_wrong(&"abcdefgh".repeat(40), -0.3));
    }

    #[test]
    fn the_compression_ratio_is_of_bytes() {
        assert!(compression_ratio("") < f64::EPSILON);
        assert!(compression_ratio("short") < 1.0);
        assert!(compression_ratio(&"ab".repeat(500)) > 20.0);
    }
}
