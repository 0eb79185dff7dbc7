//! Answers whose types stand elsewhere: those of the inference host pass through the edge unread, the list
//! of models is made by the Worker's shell. Tests hold them equal to what is really answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::JobView;

/// The Worker is up.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Health {
    /// `ok`.
    status: Ok,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Ok {
    Ok,
}

/// A model, in OpenAI's form.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Model {
    /// Its name.
    id: String,
    /// `model`.
    object: String,
    /// Unix seconds.
    created: u64,
    /// Who made it.
    owned_by: String,
}

/// The models that a key may use.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct ModelList {
    /// `list`.
    object: String,
    /// The models.
    data: Vec<Model>,
}

/// What a request is accounted for.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct AudioUsage {
    /// `duration`.
    r#type: String,
    /// Seconds of audio; begun ones count whole.
    seconds: u64,
}

/// A transcript: `response_format` `json`.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Transcription {
    /// The text.
    text: String,
    /// How sure the model was of each token; where `include[]` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<TokenLogprob>>,
    /// What it is accounted for.
    usage: AudioUsage,
}

/// A transcript with everything about it: `response_format` `verbose_json`.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct VerboseTranscription {
    /// `transcribe` or `translate`.
    task: String,
    /// The language given or detected, by its English name: `english`.
    language: String,
    /// How sure the model was of the language, 0 to 1; where it had to find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language_probability: Option<f64>,
    /// Length of the audio in seconds.
    duration: f64,
    /// The text.
    text: String,
    /// The segments in order of time.
    segments: Vec<Segment>,
    /// The words with their times; where `timestamp_granularities[]` asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    words: Option<Vec<Word>>,
    /// What it is accounted for.
    usage: AudioUsage,
}

/// A stretch of speech.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Segment {
    /// Counts from 0.
    id: u32,
    /// Where the window began in which it was decoded, in frames of 10 ms.
    seek: u32,
    /// Seconds from the start of the audio.
    start: f64,
    /// Seconds from the start of the audio, never before `start`.
    end: f64,
    /// The text, with its leading space.
    text: String,
    /// Ids of the text's tokens.
    tokens: Vec<u32>,
    /// Sampling temperature, 0 to 1.
    temperature: f64,
    /// Mean log-probability of the tokens; below -1 the text is doubtful.
    avg_logprob: f64,
    /// Bytes of the text over those of its compressed form; above 2.4 the text repeats itself.
    compression_ratio: f64,
    /// Probability that nobody speaks, 0 to 1.
    no_speech_prob: f64,
}

/// A word and when it is said.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Word {
    /// The word with its punctuation.
    #[allow(clippy::struct_field_names)] // OpenAI's name for it.
    word: String,
    /// Seconds from the start of the audio.
    start: f64,
    /// Seconds from the start of the audio, never before `start`.
    end: f64,
}

/// How sure the model was of one token.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct TokenLogprob {
    /// The token's text.
    token: String,
    /// Natural logarithm of its probability.
    logprob: f64,
    /// The token's bytes.
    bytes: Vec<u8>,
}

/// What was made of a batch.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct JobBatch {
    /// One for each job that was asked for, in their order.
    data: Vec<JobOrError>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum JobOrError {
    /// It was made.
    Job(Box<JobView>),
    /// As in the envelope of every error.
    Error(serde_json::Map<String, serde_json::Value>),
}

/// The `data` of a server-sent event of a streamed transcript.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(super) enum TranscriptEvent {
    /// More text.
    #[serde(rename = "transcript.text.delta")]
    Delta {
        /// It follows what came before.
        delta: String,
    },
    /// A segment is finished.
    #[serde(rename = "transcript.text.segment")]
    Segment {
        /// `seg_000`.
        id: String,
        /// Seconds from the start of the audio.
        start: f64,
        /// Seconds from the start of the audio.
        end: f64,
        /// Its text.
        text: String,
    },
    /// The last event of a transcript that went well.
    #[serde(rename = "transcript.text.done")]
    Done {
        /// The whole text.
        text: String,
        /// How sure the model was of each token; where `include[]` asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<TokenLogprob>>,
        /// What it is accounted for.
        usage: AudioUsage,
    },
    /// The last event of one that failed on its way.
    #[serde(rename = "error")]
    Error {
        /// As in the envelope of every error.
        error: serde_json::Map<String, serde_json::Value>,
    },
}
