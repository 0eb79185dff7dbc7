//! Uploads: files that come before the job that needs them, in parts where they are large.

use serde::{Deserialize, Serialize};

use crate::error::{EdgeError, invalid, read};
use crate::ports::UnixMs;

/// Length of every part but the last, in bytes: within what the platform takes in one request (100 MB), and above what
/// its bucket wants of a part (5 MiB).
pub const PART_BYTES: u64 = 64 * 1024 * 1024;
/// Most parts: what the bucket takes.
pub const MAX_PARTS: u64 = 10_000;
const MAX_NAME_CHARS: usize = 255;

/// The body of `POST /v1/uploads`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// Name of the file.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    pub name: String,
    /// Its length.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1)))]
    pub bytes: u64,
    /// SHA-256 in hex, where it is known: then a job of other bytes fails.
    #[cfg_attr(feature = "openapi", schemars(length(equal = 64)))]
    pub sha256: Option<String>,
}

impl UploadRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// Something of it is out of range.
    pub fn read(body: &[u8], max_bytes: u64) -> Result<Self, EdgeError> {
        let wish: Self = read(body)?;
        let name_fits = (1..=MAX_NAME_CHARS).contains(&wish.name.chars().count());
        if !name_fits || wish.name.chars().any(char::is_control) {
            let message = format!(
                "`name` must be 1 to {MAX_NAME_CHARS} characters without control characters."
            );
            return Err(invalid("name", message));
        }
        if wish.bytes == 0 {
            return Err(invalid("bytes", "`bytes` must be at least 1.".to_owned()));
        }
        if wish.bytes > max_bytes {
            return Err(EdgeError::TooLarge(max_bytes));
        }
        let is_hash = |hash: &String| {
            let digit = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
            hash.len() == 64 && hash.bytes().all(digit)
        };
        if !wish.sha256.as_ref().is_none_or(is_hash) {
            let message = "`sha256` must be 64 lower-case hex digits.";
            return Err(invalid("sha256", message.to_owned()));
        }
        Ok(wish)
    }
}

/// How long part `number` (from 1) of a file is; none where it has no such part.
pub const fn part_length(bytes: u64, number: u64) -> Option<u64> {
    if number == 0 || number > MAX_PARTS {
        return None;
    }
    let before = (number - 1) * PART_BYTES;
    if before >= bytes {
        return None;
    }
    let left = bytes - before;
    Some(if left < PART_BYTES { left } else { PART_BYTES })
}

/// Whether an upload is there as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Parts are missing.
    Open,
    /// It is; jobs may use it.
    Complete,
}

/// A part that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Part {
    /// Its number, from 1.
    pub part: u64,
    /// Its length.
    pub bytes: u64,
}

/// An upload as its object has it. Times are in milliseconds.
#[derive(Clone, Debug, Deserialize)]
pub struct UploadRow {
    /// `up_…`.
    pub id: String,
    /// Name of the file.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, where it was said.
    pub sha256: Option<String>,
    /// Whether it is there.
    pub state: UploadState,
    /// When it was begun.
    pub created: u64,
    /// When it goes.
    pub expires: u64,
    /// The parts that are there.
    pub parts: Vec<Part>,
}

/// An upload as its owner sees it. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct UploadView {
    /// `up_…`.
    pub id: String,
    /// Always `upload`.
    pub object: String,
    /// Name of the file.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, where it was said.
    pub sha256: Option<String>,
    /// Length of every part but the last.
    pub part_bytes: u64,
    /// The parts that are there.
    pub parts: Vec<Part>,
    /// Whether it is there as a whole.
    pub state: UploadState,
    /// When it was begun.
    pub created_at: u64,
    /// When it goes; a job that needs it keeps it until its end.
    pub expires_at: u64,
}

impl From<UploadRow> for UploadView {
    fn from(row: UploadRow) -> Self {
        Self {
            id: row.id,
            object: "upload".to_owned(),
            name: row.name,
            bytes: row.bytes,
            sha256: row.sha256,
            part_bytes: PART_BYTES,
            parts: row.parts,
            state: row.state,
            created_at: UnixMs(row.created).seconds(),
            expires_at: UnixMs(row.expires).seconds(),
        }
    }
}
