//! What hosts tell of transcripts.

use inference_api::keeping::{Brought, FIND_PATH, KEEP_PATH, Sought};
use inference_api::signature::Secret;
use inference_api::transcript::Transcript;
use sha2::{Digest as _, Sha256};

use super::is_id;
use super::search::searchable;
use crate::error::EdgeError;
use crate::ports::UnixMs;
use crate::statement::{self, refused};

/// Longest excerpt, in characters.
const EXCERPT_CHARS: usize = 200;

/// What a host asks for. `stated`: signature and claims.
///
/// # Errors
/// A statement that is not signed as it must be.
pub fn sought(secrets: &[Secret], stated: (&str, &str), now: UnixMs) -> Result<Sought, EdgeError> {
    statement::read(secrets, FIND_PATH, stated, now)
}

/// A transcript as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What the host said of it.
    pub of: Brought,
    /// When it came.
    pub created_at: UnixMs,
    /// How its text begins: up to 200 characters.
    pub excerpt: String,
    /// What a search finds it by.
    pub words: String,
    /// What was asked: `transcribe` or `translate`.
    pub task: &'static str,
    /// The language spoken (ISO 639-1).
    pub language: String,
    /// Length of the audio in milliseconds.
    pub duration_ms: u64,
    /// The canonical form.
    pub body: String,
}

/// What a host says of a transcript that it brings. Before its body is read: only a host's may be long.
///
/// # Errors
/// A statement that is not signed as it must be.
pub fn announced(
    secrets: &[Secret],
    stated: (&str, &str),
    now: UnixMs,
) -> Result<Brought, EdgeError> {
    let brought: Brought = statement::read(secrets, KEEP_PATH, stated, now)?;
    // It becomes a part of an object's name.
    if is_id(&brought.id) {
        Ok(brought)
    } else {
        Err(refused("the id is none of a transcript"))
    }
}

/// What a host brings.
///
/// # Errors
/// A body that is not the one its statement speaks of.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a non-negative number of milliseconds; `as` saturates"
)]
pub fn brought(of: Brought, body: Vec<u8>, now: UnixMs) -> Result<Kept, EdgeError> {
    if hex::encode(Sha256::digest(&body)) != of.body {
        return Err(refused("the body is another one"));
    }
    let body = String::from_utf8(body).map_err(refused)?;
    let transcript: Transcript = serde_json::from_str(&body).map_err(refused)?;
    let text = transcript.text();
    Ok(Kept {
        of,
        excerpt: excerpt(&text),
        words: searchable(&text),
        created_at: now,
        task: transcript.task.as_str(),
        language: transcript.language.code().to_owned(),
        duration_ms: (transcript.duration * 1000.0).round() as u64,
        body,
    })
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
