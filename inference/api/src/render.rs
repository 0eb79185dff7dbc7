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
mod tests {
    use super::*;
    use crate::envelope::ErrorType;
    use crate::language::Language;
    use crate::transcript::Task;

    fn segment(id: u32, start: f64, end: f64, text: &str) -> Segment {
        Segment {
            id,
            seek: 0,
            start,
            end,
            text: text.into(),
            tokens: vec![7],
            temperature: 0.0,
            avg_logprob: -0.25,
            compression_ratio: 1.5,
            no_speech_prob: 0.01,
        }
    }

    fn transcript() -> Transcript {
        Transcript {
            task: Task::Transcribe,
            language: Language::ENGLISH,
            language_probability: None,
            duration: 11.0,
            segments: vec![
                segment(0, 0.0, 7.5, " Ask not"),
                segment(1, 7.5, 11.0, " what."),
            ],
            words: None,
            logprobs: None,
        }
    }

    #[test]
    fn json_has_text_and_whole_seconds() {
        let t = Transcript {
            duration: 10.01,
            ..transcript()
        };
        assert_eq!(
            render(&t, ResponseFormat::Json),
            r#"{"text":"Ask not what.","usage":{"type":"duration","seconds":11}}"#
        );
    }

    #[test]
    fn verbose_json_names_the_language_and_lists_segments() {
        assert_eq!(
            render(&transcript(), ResponseFormat::VerboseJson),
            concat!(
                r#"{"task":"transcribe","language":"english","duration":11.0,"text":"Ask not what.","segments":["#,
                r#"{"id":0,"seek":0,"start":0.0,"end":7.5,"text":" Ask not","tokens":[7],"temperature":0.0,"#,
                r#""avg_logprob":-0.25,"compression_ratio":1.5,"no_speech_prob":0.01},"#,
                r#"{"id":1,"seek":0,"start":7.5,"end":11.0,"text":" what.","tokens":[7],"temperature":0.0,"#,
                r#""avg_logprob":-0.25,"compression_ratio":1.5,"no_speech_prob":0.01}],"#,
                r#""usage":{"type":"duration","seconds":11}}"#
            )
        );
    }

    #[test]
    fn a_language_that_was_found_out_has_its_probability() {
        let found = Transcript {
            language_probability: Some(0.98),
            ..transcript()
        };
        let verbose = render(&found, ResponseFormat::VerboseJson);
        assert!(verbose.contains(r#""language":"english","language_probability":0.98,"duration""#));
        assert!(!render(&found, ResponseFormat::Json).contains("probability"));
    }

    #[test]
    fn words_and_logprobs_appear_where_they_are_there() {
        let t = Transcript {
            words: Some(vec![Word {
                word: "Ask".into(),
                start: 0.0,
                end: 0.5,
            }]),
            logprobs: Some(vec![TokenLogprob {
                token: " Ask".into(),
                logprob: -0.5,
                bytes: b" Ask".to_vec(),
            }]),
            ..transcript()
        };
        let verbose = render(&t, ResponseFormat::VerboseJson);
        assert!(verbose.contains(r#""words":[{"word":"Ask","start":0.0,"end":0.5}]"#));
        let json = render(&t, ResponseFormat::Json);
        assert!(
            json.contains(
                r#""logprobs":[{"token":" Ask","logprob":-0.5,"bytes":[32,65,115,107]}]"#
            )
        );
    }

    #[test]
    fn text_is_one_line() {
        assert_eq!(
            render(&transcript(), ResponseFormat::Text),
            "Ask not what.\n"
        );
    }

    #[test]
    fn subtitles_are_right_past_an_hour() {
        let t = Transcript {
            segments: vec![
                segment(0, 3599.9994, 3661.0625, " One & <two>\n\n--> x"),
                segment(1, 3700.0, 360_000.0, "  "),
            ],
            ..transcript()
        };
        assert_eq!(
            render(&t, ResponseFormat::Srt),
            "1\n00:59:59,999 --> 01:01:01,063\nOne & <two> -> x\n\n"
        );
        assert_eq!(
            render(&t, ResponseFormat::Vtt),
            "WEBVTT\n\n00:59:59.999 --> 01:01:01.063\nOne &amp; &lt;two> -> x\n\n"
        );
        assert_eq!(clock(359_999.999_9, ','), "100:00:00,000");
        assert_eq!(clock(-1.0, ','), "00:00:00,000");
    }

    #[test]
    fn a_silent_clip_renders_in_every_format() {
        let t = Transcript {
            segments: vec![],
            ..transcript()
        };
        assert_eq!(render(&t, ResponseFormat::Text), "\n");
        assert_eq!(render(&t, ResponseFormat::Srt), "");
        assert_eq!(render(&t, ResponseFormat::Vtt), "WEBVTT\n\n");
        assert!(render(&t, ResponseFormat::Json).starts_with(r#"{"text":"","#));
    }

    #[test]
    fn events_carry_the_text_once_and_end_with_done() {
        let t = transcript();
        let stream: String =
            t.segments.iter().map(segment_events).collect::<String>() + &done_event(&t);
        let events: Vec<serde_json::Value> = stream
            .split_terminator("\n\n")
            .map(|e| serde_json::from_str(e.strip_prefix("data: ").unwrap()).unwrap())
            .collect();
        let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
        assert_eq!(deltas, "Ask not what.");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "transcript.text.done");
        assert_eq!(last["text"], "Ask not what.");
        assert_eq!(last["usage"]["seconds"], 11);
    }

    #[test]
    fn an_error_amid_the_answer_is_an_event_and_what_was_heard_a_comment() {
        let envelope = Envelope::new("no", ErrorType::ServerError, None, "internal_error");
        assert_eq!(
            error_event(&envelope),
            "data: {\"type\":\"error\",\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"param\":null,\
             \"code\":\"internal_error\"}}\n\n"
        );
        let heard = heard_comment(Duration::from_millis(61_250));
        assert_eq!(heard, ": x-audio-seconds 61.250\n\n");
    }

    #[test]
    fn the_canonical_form_renders_like_the_original() {
        let t = transcript();
        let stored: Transcript = serde_json::from_str(&canonical(&t)).unwrap();
        assert_eq!(stored, t);
    }

    #[test]
    fn a_format_is_its_name_on_the_wire() {
        for format in ResponseFormat::ALL {
            assert_eq!(ResponseFormat::parse(format.as_str()), Some(format));
            assert_eq!(
                serde_json::to_value(format).unwrap().as_str(),
                Some(format.as_str())
            );
        }
        assert_eq!(ResponseFormat::parse("xml"), None);
    }
}
