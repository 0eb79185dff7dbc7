//! Keeping a transcript: what the edge tells the host about it, and what the host tells the edge.
//!
//! The host asks before it decodes, and brings what it heard before it answers. It alone has the bytes of the file
//! apart from the form around them; so audio that was heard before costs no inference, and the edge holds none of it.
//!
//! Both are a `POST` with the statement in `x-edge-claims`, signed like a heartbeat over paths of their own.

use serde::{Deserialize, Serialize};

/// Where a host asks whether a transcript is there: 200 with its id in `x-transcript-id` and its canonical form, or 204.
pub const FIND_PATH: &str = "/fleet/transcripts/find";
/// Where a host brings one, in its canonical form: 204. The same again changes nothing.
pub const KEEP_PATH: &str = "/fleet/transcripts/keep";

/// Longest canonical form that is taken, in bytes: days of speech.
pub const MAX_TRANSCRIPT_BYTES: u32 = 32 * 1024 * 1024;

/// Longest name of a file that is kept, in characters.
pub const MAX_NAME_CHARS: usize = 255;

/// That a request's transcript is to be kept: a part of its claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Origin of the edge that keeps it.
    #[serde(rename = "at")]
    pub edge: String,
    /// The id it will have.
    #[serde(rename = "id")]
    pub id: String,
    /// Whose it is, as the edge names accounts.
    #[serde(rename = "acc")]
    pub account: String,
    /// From when on it is gone, in unix milliseconds; absent: it stays.
    #[serde(rename = "unt", default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// Whether it is one of the account's transcripts. If not, it only answers the same request again.
    #[serde(rename = "lst", default = "yes")]
    pub listed: bool,
    /// By which the same request is known again (its `Idempotency-Key`, hashed with whose it is).
    #[serde(rename = "one", default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

fn yes() -> bool {
    true
}

/// That a request has an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    /// [`Keep::once`].
    #[serde(rename = "key")]
    pub key: String,
    /// SHA-256 of all that the answer depends on, in hex: what it is like, and the form that was asked for. Another one
    /// under the same key is another request.
    #[serde(rename = "req")]
    pub request: String,
}

/// Two transcripts with the same of it are the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// Whose it is.
    #[serde(rename = "acc")]
    pub account: String,
    /// SHA-256 of the file, in hex.
    #[serde(rename = "aud")]
    pub audio: String,
    /// SHA-256 of what was asked, in hex: model, language, and all else that words or times depend on.
    #[serde(rename = "par")]
    pub parameters: String,
}

/// What a host asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought {
    /// For a transcript with this.
    #[serde(rename = "like")]
    pub likeness: Likeness,
    /// One that is found stays until then, too, in unix milliseconds; absent: it stays.
    #[serde(rename = "unt", default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// For what answered the same request before; one of another request under the same key is a 409.
    #[serde(rename = "one", default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
    /// Whether one of the account's transcripts will do.
    #[serde(rename = "lst", default = "yes")]
    pub listed: bool,
}

/// What a host brings; the canonical form is the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// The id it is to have.
    #[serde(rename = "id")]
    pub id: String,
    /// What it is like.
    #[serde(rename = "like")]
    pub likeness: Likeness,
    /// From when on it is gone, in unix milliseconds; absent: it stays.
    #[serde(rename = "unt", default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// The key it was made for.
    #[serde(rename = "kid")]
    pub key_id: String,
    /// The model that heard it.
    #[serde(rename = "mdl")]
    pub model: String,
    /// Name of the file, if it had one; at most [`MAX_NAME_CHARS`].
    #[serde(rename = "nam", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 of the body, in hex: the signature is over the statement alone.
    #[serde(rename = "sum")]
    pub body: String,
    /// The request that it answers, where the same may come again.
    #[serde(rename = "one", default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
    /// Whether it is one of the account's transcripts.
    #[serde(rename = "lst", default = "yes")]
    pub listed: bool,
    /// The job that it comes of.
    #[serde(rename = "job", default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}
