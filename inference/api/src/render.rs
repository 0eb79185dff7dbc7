//! From a [`Transcript`] to what a caller asked for: OpenAI's `response_format`s, and the events of
//! a streamed answer.
//!
//! Source: OpenAI's API reference, "Create transcription"; the SubRip form as ffmpeg reads it; W3C
//! WebVTT.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::envelope::{Envelope, ErrorBody};
use crate::transcript::{Segment, TokenLogprob, Transcript, Word};

/// `response_format` of a transcription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// `{"text": …, "usage": …}`.
    #[default]
    Json,
    /// The text and a line end.
    Text,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// JSON with segments, and words where asked.
    VerboseJson,
}

impl ResponseFormat {
    /// Every format, in the order the documentation lists them.
    pub const ALL: [Self; 5] = [
        Self::Json,
        Self::Text,
        Self::Srt,
        Self::Vtt,
        Self::VerboseJson,
    ];

    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::VerboseJson => "verbose_json",
        }
    }

    /// The format of a value on the wire; none for what is unknown.
    pub fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.as_str() == value)
    }

    /// The `Content-Type` OpenAI's API answers with.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::VerboseJson => "application/json",
            Self::Text | Self::Srt | Self::Vtt => "text/plain; charset=utf-8",
        }
    }
}

/// How a comment begins that says how many seconds of the audio were heard.
pub const HEARD_COMMENT: &str = ": x-audio-seconds ";

/// `Content-Type` of a streamed answer.
pub const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// What a request is accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Usage {
    r#type: &'static str,
    seconds: u64,
}

impl Usage {
    fn of(transcript: &Transcript) -> Self {
        Self {
            r#type: "duration",
            seconds: transcript.billed_seconds(),
        }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [TokenLogprob]>,
    usage: Usage,
}

#[derive(Serialize)]
struct VerboseJson<'a> {
    task: &'static str,
    language: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_probability: Option<f64>,
    duration: f64,
    text: String,
    segments: &'a [Segment],
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<&'a [Word]>,
    usage: Usage,
}

/// The body of the answer in `format`.
pub fn render(transcript: &Transcript, format: ResponseFormat) -> String {
    match format {
        ResponseFormat::Json => to_json(&Json {
            text: transcript.text(),
            logprobs: transcript.logprobs.as_deref(),
            usage: Usage::of(transcript),
        }),
        ResponseFormat::VerboseJson => to_json(&VerboseJson {
            task: transcript.task.as_str(),
            language: transcript.language.name(),
            language_probability: transcript.language_probability,
            duration: transcript.duration,
            text: transcript.text(),
            segments: &transcript.segments,
            words: transcript.words.as_deref(),
            usage: Usage::of(transcript),
        }),
        ResponseFormat::Text => transcript.text() + "\n",
        ResponseFormat::Srt => srt(&transcript.segments),
        ResponseFormat::Vtt => vtt(&transcript.segments),
    }
}

/// The canonical form: a [`Transcript`] as JSON, from which every format can be rendered later.
pub fn canonical(transcript: &Transcript) -> String {
    to_json(transcript)
}

fn to_json<T: Serialize>(value: &T) -> String {
    // Strings, lists and finite numbers always serialise (a number that is not finite becomes null).
    serde_json::to_string(value).unwrap_or_default()
}

fn srt(segments: &[Segment]) -> String {
    let mut out = String::new();
    for (number, segment) in cues(segments).enumerate() {
        let (start, end) = (clock(segment.start, ','), clock(segment.end, ','));
        let text = cue_text(&segment.text);
        // Writing to a string does not fail.
        let _ = write!(out, "{}\n{start} --> {end}\n{text}\n\n", number + 1);
    }
    out
}

fn vtt(segments: &[Segment]) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for segment in cues(segments) {
        let (start, end) = (clock(segment.start, '.'), clock(segment.end, '.'));
        // WebVTT reads `&` and `<` in a cue as markup (W3C WebVTT, 3.4).
        let text = cue_text(&segment.text)
            .replace('&', "&amp;")
            .replace('<', "&lt;");
        let _ = write!(out, "{start} --> {end}\n{text}\n\n");
    }
    out
}

fn cues(segments: &[Segment]) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(|s| !s.text.trim().is_empty())
}

/// A cue ends at an empty line and its arrow is reserved: neither may come from the text.
fn cue_text(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace("-->", "->")
}

/// `HH:MM:SS` and milliseconds; hours have two digits or more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates; negative and absurd times become the nearest that can be shown"
)]
fn clock(seconds: f64, separator: char) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    format!(
        "{:02}:{:02}:{:02}{separator}{:03}",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1000 % 60,
        ms % 1000
    )
}

/// An event of a streamed transcription.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum Event<'a> {
    #[serde(rename = "transcript.text.delta")]
    Delta { delta: &'a str },
    #[serde(rename = "transcript.text.segment")]
    Segment {
        id: String,
        start: f64,
        end: f64,
        text: &'a str,
    },
    #[serde(rename = "transcript.text.done")]
    Done {
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<&'a [TokenLogprob]>,
        usage: Usage,
    },
    #[serde(rename = "error")]
    Error { error: &'a ErrorBody },
}

/// The server-sent events of one segment: its text as a delta, then the segment with its times.
pub fn segment_events(segment: &Segment) -> String {
    let delta = if segment.id == 0 {
        segment.text.trim_start()
    } else {
        &segment.text
    };
    event(&Event::Delta { delta })
        + &event(&Event::Segment {
            id: format!("seg_{:03}", segment.id),
            start: segment.start,
            end: segment.end,
            text: &segment.text,
        })
}

/// The last server-sent event of a transcription that went well.
pub fn done_event(transcript: &Transcript) -> String {
    event(&Event::Done {
        text: transcript.text(),
        logprobs: transcript.logprobs.as_deref(),
        usage: Usage::of(transcript),
    })
}

/// The last server-sent event of a transcription that failed amid its answer.
pub fn error_event(envelope: &Envelope) -> String {
    event(&Event::Error {
        error: &envelope.error,
    })
}

/// Between the events, how much of the audio was heard so far. A comment (WHATWG HTML, 9.2.6), which clients pass
/// over; the edge charges by the last one, for the head of an answer that streams comes too early to say it.
pub fn heard_comment(heard: Duration) -> String {
    format!("{HEARD_COMMENT}{:.3}\n\n", heard.as_secs_f64())
}

fn event(event: &Event<'_>) -> String {
    format!("data: {}\n\n", to_json(event))
}

#[cfg(test)]
mod tests;
