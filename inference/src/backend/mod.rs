//! What a speech model has to offer, so that whisper.cpp is one choice and a test's fake another.
//!
//! A [`Backend`] is a model held once; a [`Session`] is the working memory of one thread that runs
//! it. Sessions are made when the model is loaded, so that memory is known before its first request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use inference_api::language::{LANGUAGES, Language};
use inference_api::transcript::Task;
use inference_models::ggml::{VOCABULARY_MULTILINGUAL, VOCABULARY_MULTILINGUAL_V3};

pub(crate) use prompt::last_bytes;
pub use segments::Decoded;

mod context;
#[cfg(any(test, feature = "test-support"))]
pub mod fake;
pub(crate) mod gpus;
mod prompt;
mod quality;
mod segments;
mod silence;
mod spectrogram;
pub mod whisper;

/// What a caller wants of one piece of audio.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodeOptions {
    /// Transcribe or translate.
    pub task: Task,
    /// The language spoken; `None` lets the model find out.
    pub language: Option<Language>,
    /// Text the audio is taken to follow on from: names, spelling, style.
    pub prompt: Option<String>,
    /// Words that are likely to be said: names, terms. They are kept where a long prompt is cut.
    pub hotwords: Option<String>,
    /// Sampling temperature, 0 to 1. At 0 the model raises it by itself where the text is doubtful.
    pub temperature: f32,
    /// Whether times of single words are wanted.
    pub words: bool,
    /// Whether the tokens' log-probabilities are wanted.
    pub logprobs: bool,
}

/// What a session hears.
#[derive(Clone, Copy, Debug)]
pub struct Speech<'a> {
    /// 16 kHz mono.
    pub samples: &'a [f32],
    /// How many of them there are until the last that may be speech: where the text has come so far it is complete.
    pub spoken: usize,
    /// Whether it is a whole recording, and not cut out of one.
    pub is_whole: bool,
}

/// Set from outside to stop a running session; asked by the session between its steps.
#[derive(Clone, Debug, Default)]
pub struct Abort(Arc<AtomicBool>);

impl Abort {
    /// Asks the session to stop.
    pub fn abort(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked to stop.
    pub fn is_aborted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The flag itself, for code that can only hold a pointer.
    fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// What a model can do. Its file's head tells, before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    languages: usize,
}

impl Abilities {
    /// English, and no translation.
    pub const ENGLISH: Self = Self { languages: 1 };

    /// Of a Whisper model with so many tokens, by which whisper.cpp tells the kinds apart: each language above English
    /// has one (Cantonese came with large-v3).
    pub fn of_vocabulary(tokens: u32) -> Self {
        if tokens < VOCABULARY_MULTILINGUAL {
            return Self::ENGLISH;
        }
        let missing = usize::from(tokens < VOCABULARY_MULTILINGUAL_V3);
        Self {
            languages: LANGUAGES.len() - missing,
        }
    }

    /// Whether it knows languages other than English, and can translate.
    pub fn is_multilingual(self) -> bool {
        self.languages > 1
    }

    /// Whether it knows `language`.
    pub fn knows(self, language: Language) -> bool {
        language.index() < self.languages
    }
}

/// Why a session gave no transcript.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// [`Abort::abort`] was called.
    #[error("the transcription was aborted")]
    Aborted,
    /// The model file can't be loaded, or memory for a session can't be had.
    #[error("the model can't be loaded: {0}")]
    Load(String),
    /// The model failed on this audio; the session can be used again.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The session is unusable and must be replaced.
    #[error("the session is lost: {0}")]
    SessionLost(String),
}

/// A model, loaded once and shared by all threads of a device.
pub trait Backend: Send + Sync + 'static {
    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// Working memory for one thread.
    fn session(&self) -> Result<Box<dyn Session>, BackendError>;
}

/// A model and the name it is served under.
pub type LoadedModel = (String, Arc<dyn Backend>);

/// One thread's working memory. Nothing of one call may be seen in the next.
pub trait Session: Send {
    /// Transcribes a piece of audio. Returns soon after `abort` is set.
    fn transcribe(
        &mut self,
        speech: Speech<'_>,
        options: &DecodeOptions,
        abort: &Abort,
    ) -> Result<Decoded, BackendError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_tells_what_a_model_knows() {
        let cantonese = Language::parse("yue").unwrap();
        let german = Language::parse("de").unwrap();
        for (tokens, knows) in [
            (51_864, [true, false, false]),
            (51_865, [true, true, false]),
            (51_866, [true, true, true]),
        ] {
            let abilities = Abilities::of_vocabulary(tokens);
            let asked = [Language::ENGLISH, german, cantonese];
            assert_eq!(asked.map(|l| abilities.knows(l)), knows, "{tokens}");
            assert_eq!(abilities.is_multilingual(), knows[1], "{tokens}");
        }
    }
}
