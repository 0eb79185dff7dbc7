//! What the owner of a transcript is shown of it.

use inference_api::render::{ResponseFormat, render};
use inference_api::transcript::Transcript;
use serde::{Deserialize, Serialize};

use super::page::visible;
use crate::error::{EdgeError, invalid};

/// What the database knows of a transcript beside itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct About {
    /// Its id.
    pub id: String,
    /// `transcript`.
    pub object: String,
    /// Unix seconds.
    pub created_at: u64,
    /// From then on it is gone, unix seconds; `null`: never.
    pub expires_at: Option<u64>,
    /// Name of the file, if it had one.
    pub name: Option<String>,
    /// The model that heard it.
    pub model: String,
    /// `transcribe` or `translate`.
    pub task: String,
    /// The language spoken (ISO 639-1).
    pub language: String,
    /// Length of the audio in seconds.
    pub duration: f64,
    /// How many links lead to it.
    pub links: u32,
    /// Whether its audio was kept.
    pub has_audio: bool,
}

/// A transcript in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct TranscriptSummary {
    /// What is known of it.
    #[serde(flatten)]
    pub about: About,
    /// How its text begins.
    pub excerpt: String,
}

/// A transcript with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct TranscriptDetail {
    /// What is known of it.
    #[serde(flatten)]
    pub about: About,
    /// The whole text.
    pub text: String,
}

/// A transcript as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is known of it.
    pub about: About,
    /// The canonical form.
    pub body: String,
}

impl Row {
    pub(super) fn transcript(&self) -> Result<Transcript, EdgeError> {
        // What is kept can't be read: a fault of this code.
        let read = serde_json::from_str(&self.body);
        read.map_err(|error: serde_json::Error| EdgeError::Internal(error.to_string()))
    }
}

/// How a transcript is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// With what is known of it.
    Detail,
    /// As the answer to the request would have been.
    As(ResponseFormat),
}

impl Shown {
    /// Reads the parameter `format`.
    ///
    /// # Errors
    /// A format that there is not.
    pub fn of(format: Option<&str>) -> Result<Self, EdgeError> {
        let Some(format) = format else {
            return Ok(Self::Detail);
        };
        let known = ResponseFormat::parse(format);
        known.map(Self::As).ok_or_else(|| {
            let message = "`format` must be `json`, `text`, `srt`, `vtt` or `verbose_json`.";
            invalid("format", message.to_owned())
        })
    }

    /// Its `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Detail => "application/json",
            Self::As(format) => format.content_type(),
        }
    }
}

/// A kept transcript in a form.
///
/// # Errors
/// What is kept can't be read.
pub fn show(row: Row, shown: Shown) -> Result<String, EdgeError> {
    let transcript = row.transcript()?;
    match shown {
        Shown::As(format) => Ok(render(&transcript, format)),
        Shown::Detail => json(&TranscriptDetail {
            about: row.about,
            text: transcript.text(),
        }),
    }
}

/// One line of an export up to the canonical form, after which a brace closes it: so that the form itself, which may
/// be long, is passed on as it is.
///
/// # Errors
/// A fault of this code.
pub fn export_head(about: &About) -> Result<String, EdgeError> {
    let mut head = json(about)?;
    head.truncate(head.trim_end_matches('}').len());
    head += r#","transcript":"#;
    Ok(head)
}

/// The `Content-Disposition` of a transcript that is taken as a file (RFC 6266).
pub fn download(name: Option<&str>, format: ResponseFormat) -> String {
    let extension = match format {
        ResponseFormat::Json | ResponseFormat::VerboseJson => "json",
        ResponseFormat::Text => "txt",
        ResponseFormat::Srt => "srt",
        ResponseFormat::Vtt => "vtt",
    };
    let name = name.unwrap_or("transcript");
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    disposition("attachment", &format!("{stem}.{extension}"))
}

/// The `Content-Disposition` of audio that is played, under the name of its file.
pub fn inline(name: Option<&str>) -> String {
    disposition("inline", name.unwrap_or("audio"))
}

fn disposition(kind: &str, name: &str) -> String {
    let name = visible(name);
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || " ._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let encoded: String = name.bytes().map(percent_encoded).collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A byte as RFC 8187 writes it.
fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn json(value: &impl Serialize) -> Result<String, EdgeError> {
    serde_json::to_string(value).map_err(|error| EdgeError::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downloads_name_is_the_files_and_breaks_out_of_no_header() {
        for (name, header) in [
            (
                None,
                "attachment; filename=\"transcript.srt\"; filename*=UTF-8''transcript.srt",
            ),
            (
                Some("a talk.flac"),
                "attachment; filename=\"a talk.srt\"; filename*=UTF-8''a%20talk.srt",
            ),
            (
                Some("q\"\r\nx: é.wav"),
                "attachment; filename=\"q_x_ _.srt\"; filename*=UTF-8''q%22x%3A%20%C3%A9.srt",
            ),
        ] {
            assert_eq!(download(name, ResponseFormat::Srt), header);
        }
        assert_eq!(
            inline(Some("q\"\u{202E}\r\n.wav")),
            "inline; filename=\"q_.wav\"; filename*=UTF-8''q%22.wav"
        );
    }
}
