//! A transcript as Whisper made it: the one full form from which every response format is rendered.

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// What was asked of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Write down what is said, in the language it is said in.
    #[default]
    Transcribe,
    /// Write down what is said, in English.
    Translate,
}

impl Task {
    /// The value of `task` in `verbose_json`, and the name of the scope a key needs for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transcribe => "transcribe",
            Self::Translate => "translate",
        }
    }
}

/// A transcript with everything that any format shows. Also the canonical form that is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// What was asked.
    pub task: Task,
    /// The language given or detected.
    pub language: Language,
    /// How sure the model was of it, 0 to 1; absent where the language was given, or the model knows one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_probability: Option<f64>,
    /// Length of the audio in seconds.
    pub duration: f64,
    /// The segments in order of time; they never overlap and never pass `duration`.
    pub segments: Vec<Segment>,
    /// The words with their times; absent where nobody asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<Word>>,
    /// Log-probabilities of the text's tokens; absent where nobody asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
}

/// A stretch of speech between two of Whisper's timestamp tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Counts from 0.
    pub id: u32,
    /// Where the 30 s window began in which it was decoded, in frames of 10 ms.
    pub seek: u32,
    /// Seconds from the start of the audio.
    pub start: f64,
    /// Seconds from the start of the audio, never before `start`.
    pub end: f64,
    /// The text, with the leading space that Whisper's tokens carry.
    pub text: String,
    /// Ids of the text's tokens.
    pub tokens: Vec<u32>,
    /// Sampling temperature asked for, 0 to 1.
    pub temperature: f64,
    /// Mean log-probability of the tokens; below -1 the text is doubtful.
    pub avg_logprob: f64,
    /// Bytes of the text over bytes of its zlib form; above 2.4 the text repeats itself.
    pub compression_ratio: f64,
    /// Probability that nobody speaks, 0 to 1.
    pub no_speech_prob: f64,
}

/// A word and when it is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word with its punctuation, without spaces around it.
    pub word: String,
    /// Seconds from the start of the audio.
    pub start: f64,
    /// Seconds from the start of the audio, never before `start`.
    pub end: f64,
}

/// How sure the model was of one token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's text; a replacement character stands for what is only a part of a character.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// The token's bytes.
    pub bytes: Vec<u8>,
}

impl Transcript {
    /// The whole text on one line, without spaces at its ends.
    pub fn text(&self) -> String {
        let joined: String = self.segments.iter().map(|s| s.text.as_str()).collect();
        joined.trim().to_owned()
    }

    /// Seconds of audio that are accounted for: begun seconds count whole, as OpenAI does it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a finite non-negative number of seconds; `as` saturates"
    )]
    pub fn billed_seconds(&self) -> u64 {
        self.duration.ceil() as u64
    }
}
