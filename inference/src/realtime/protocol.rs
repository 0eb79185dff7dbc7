//! The events of both directions, and the bounds of those that come.
//!
//! There are two dialects: that of the API's general availability, and the older one, whose session is flat. A
//! client speaks the one in which it sets its session.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inference_api::envelope::ErrorBody;
use inference_api::transcript::TokenLogprob;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::Error;

/// Longest message of a client, in bytes; a longer one ends the session with 1009.
pub(crate) const MAX_MESSAGE_BYTES: usize = 2 * 1024 * 1024;
/// Most audio of one `input_audio_buffer.append`, in bytes: about 22 seconds.
pub(super) const MAX_APPEND_BYTES: usize = 1024 * 1024;
/// Longest `event_id` of a client that is repeated to it.
const MAX_EVENT_ID_BYTES: usize = 512;

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(super) enum ClientEvent {
    /// `session.update` or `transcription_session.update`.
    Update(Box<Update>),
    /// `input_audio_buffer.append`: 16-bit PCM, little endian, 24 kHz mono.
    Append(Vec<u8>),
    /// `input_audio_buffer.commit`.
    Commit,
    /// `input_audio_buffer.clear`.
    Clear,
}

/// An event that can be understood, with its id where it has one.
#[derive(Debug, PartialEq)]
pub(super) struct Received {
    pub(super) event_id: Option<String>,
    pub(super) event: ClientEvent,
}

/// An event that is refused, with its id where it has one.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) event_id: Option<String>,
    pub(super) error: Error,
}

/// The form in which a client sets its session, and is shown it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `session.update`.
    #[default]
    Current,
    /// `transcription_session.update`.
    Older,
}

/// What is to be changed of a session; what is not named stays.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Update {
    pub(super) dialect: Dialect,
    /// `transcription`; none in the older dialect.
    pub(super) kind: Option<String>,
    pub(super) input: Input,
    pub(super) include: Option<Vec<String>>,
}

/// The audio of a session, as `session.audio.input` has it.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Input {
    pub(super) format: Option<Format>,
    pub(super) transcription: Option<Transcription>,
    #[serde(default)]
    pub(super) turn_detection: Change<TurnDetection>,
    #[serde(default)]
    pub(super) noise_reduction: Change<NoiseReduction>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Format {
    pub(super) r#type: String,
    pub(super) rate: Option<u32>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Transcription {
    pub(super) model: Option<String>,
    pub(super) language: Option<String>,
    pub(super) prompt: Option<String>,
}

/// Where turns begin and end, as a client sets it.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct TurnDetection {
    pub(super) r#type: Option<String>,
    pub(super) threshold: Option<f32>,
    pub(super) prefix_padding_ms: Option<u32>,
    pub(super) silence_duration_ms: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct NoiseReduction {
    pub(super) r#type: String,
}

/// What an update says of something that can be switched off.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Change<T> {
    /// Nothing.
    #[default]
    Keep,
    /// `null`.
    Off,
    /// A value.
    To(T),
}

impl<T> Change<T> {
    /// Carries it out with a value that was checked.
    pub(super) fn apply<U>(
        self,
        to: &mut Option<U>,
        check: impl FnOnce(T) -> Result<U, Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Keep => {}
            Self::Off => *to = None,
            Self::To(value) => *to = Some(check(value)?),
        }
        Ok(())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    /// Where the field is there.
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(value)?.map_or(Self::Off, Self::To))
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct SessionUpdate {
    session: CurrentSession,
}

#[derive(Deserialize)]
struct CurrentSession {
    r#type: Option<String>,
    audio: Option<Audio>,
    include: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Audio {
    input: Option<Input>,
}

#[derive(Deserialize)]
struct TranscriptionSessionUpdate {
    session: OlderSession,
}

#[derive(Deserialize)]
struct OlderSession {
    input_audio_format: Option<String>,
    input_audio_transcription: Option<Transcription>,
    #[serde(default)]
    turn_detection: Change<TurnDetection>,
    #[serde(default)]
    input_audio_noise_reduction: Change<NoiseReduction>,
    include: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Append<'a> {
    #[serde(borrow)]
    audio: Cow<'a, str>,
}

impl From<SessionUpdate> for Update {
    fn from(SessionUpdate { session }: SessionUpdate) -> Self {
        Self {
            dialect: Dialect::Current,
            kind: session.r#type,
            input: session.audio.and_then(|a| a.input).unwrap_or_default(),
            include: session.include,
        }
    }
}

impl From<TranscriptionSessionUpdate> for Update {
    fn from(TranscriptionSessionUpdate { session }: TranscriptionSessionUpdate) -> Self {
        Self {
            dialect: Dialect::Older,
            kind: None,
            input: Input {
                format: session
                    .input_audio_format
                    .map(|r#type| Format { r#type, rate: None }),
                transcription: session.input_audio_transcription,
                turn_detection: session.turn_detection,
                noise_reduction: session.input_audio_noise_reduction,
            },
            include: session.include,
        }
    }
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::InvalidEvent {
        problem: problem.into(),
    }
}

/// Reads a client's message.
pub(super) fn read(text: &str) -> Result<Received, Refused> {
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| Refused {
        event_id: None,
        // Where, not what: the message may hold speech.
        error: wrong(format!(
            "it is not the JSON of an event (line {}, column {})",
            error.line(),
            error.column()
        )),
    })?;
    let event_id = head
        .event_id
        .filter(|id| id.len() <= MAX_EVENT_ID_BYTES)
        .map(Cow::into_owned);
    match event(text, head.r#type.as_deref()) {
        Ok(event) => Ok(Received { event_id, event }),
        Err(error) => Err(Refused { event_id, error }),
    }
}

fn event(text: &str, kind: Option<&str>) -> Result<ClientEvent, Error> {
    match kind {
        None => Err(wrong("its 'type' is missing")),
        Some("session.update") => {
            fields::<SessionUpdate>(text).map(|u| ClientEvent::Update(Box::new(u.into())))
        }
        Some("transcription_session.update") => fields::<TranscriptionSessionUpdate>(text)
            .map(|u| ClientEvent::Update(Box::new(u.into()))),
        Some("input_audio_buffer.append") => pcm(&fields::<Append<'_>>(text)?.audio),
        Some("input_audio_buffer.commit") => Ok(ClientEvent::Commit),
        Some("input_audio_buffer.clear") => Ok(ClientEvent::Clear),
        Some(_) => Err(wrong("its 'type' is none of a transcription session's")),
    }
}

fn fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|_| wrong("a field is missing, or has a value of another type"))
}

fn pcm(audio: &str) -> Result<ClientEvent, Error> {
    // Before anything is allocated by it.
    if audio.len() > MAX_APPEND_BYTES.div_ceil(3) * 4 {
        return Err(wrong(format!(
            "its audio is longer than {MAX_APPEND_BYTES} bytes"
        )));
    }
    let bytes = STANDARD
        .decode(audio)
        .map_err(|_| wrong("its audio is not base64"))?;
    if !bytes.len().is_multiple_of(2) {
        return Err(wrong("its audio has an odd number of bytes"));
    }
    Ok(ClientEvent::Append(bytes))
}

/// What the service sends, but for its `event_id`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub(super) enum ServerEvent {
    #[serde(rename = "session.created")]
    Created { session: Value },
    #[serde(rename = "session.updated")]
    Updated { session: Value },
    #[serde(rename = "transcription_session.updated")]
    OlderUpdated { session: Value },
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted {
        audio_start_ms: u64,
        item_id: String,
    },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped { audio_end_ms: u64, item_id: String },
    #[serde(rename = "input_audio_buffer.committed")]
    Committed {
        previous_item_id: Option<String>,
        item_id: String,
    },
    #[serde(rename = "input_audio_buffer.cleared")]
    Cleared {},
    #[serde(rename = "conversation.item.added")]
    ItemAdded {
        previous_item_id: Option<String>,
        item: Item,
    },
    #[serde(rename = "conversation.item.done")]
    ItemDone {
        previous_item_id: Option<String>,
        item: Item,
    },
    /// What the older dialect has for the two before.
    #[serde(rename = "conversation.item.created")]
    ItemCreated {
        previous_item_id: Option<String>,
        item: Item,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    Delta {
        item_id: String,
        content_index: u32,
        delta: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<TokenLogprob>>,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    Completed {
        item_id: String,
        content_index: u32,
        transcript: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<TokenLogprob>>,
        usage: Usage,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    Failed {
        item_id: String,
        content_index: u32,
        error: ErrorBody,
    },
    #[serde(rename = "error")]
    Error { error: ErrorOfEvent },
}

impl ServerEvent {
    /// The message: the event with an id.
    pub(super) fn to_json(&self, event_id: &str) -> String {
        #[derive(Serialize)]
        struct Numbered<'a> {
            event_id: &'a str,
            #[serde(flatten)]
            event: &'a ServerEvent,
        }
        // Strings and finite numbers always serialise.
        serde_json::to_string(&Numbered {
            event_id,
            event: self,
        })
        .unwrap_or_default()
    }
}

/// What was said, as an item of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Item {
    id: String,
    object: &'static str,
    r#type: &'static str,
    status: &'static str,
    role: &'static str,
    content: [Content; 1],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Content {
    r#type: &'static str,
    /// None yet.
    transcript: Option<String>,
}

impl Item {
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            object: "realtime.item",
            r#type: "message",
            status: "completed",
            role: "user",
            content: [Content {
                r#type: "input_audio",
                transcript: None,
            }],
        }
    }
}

/// What an utterance is accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Usage {
    r#type: &'static str,
    /// To the millisecond: a session is many short utterances, of which begun seconds would add up.
    seconds: f64,
}

impl Usage {
    pub(super) fn of(audio: std::time::Duration) -> Self {
        Self {
            r#type: "duration",
            seconds: (audio.as_secs_f64() * 1000.0).round() / 1000.0,
        }
    }
}

/// An error, and the event of the client that it answers.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ErrorOfEvent {
    #[serde(flatten)]
    error: ErrorBody,
    event_id: Option<String>,
}

impl From<Refused> for ServerEvent {
    fn from(Refused { event_id, error }: Refused) -> Self {
        let error = error.envelope().error;
        Self::Error {
            error: ErrorOfEvent { error, event_id },
        }
    }
}

#[cfg(test)]
mod tests;
