//! Jobs: transcriptions for which nobody waits. What may be asked for, what a job is to its host, how it goes on after
//! each thing that can happen to it, and what its owner is shown.
//!
//! An account's jobs and uploads are in one object (`edge/js/jobs.js`); these are the rules that it goes by.

mod course;
mod request;
mod upload;
mod view;

pub use course::{Fate, Start, fate, poll_after_ms, start};
pub use request::{BatchRequest, Input, JobKey, JobRequest, JobSpec, MAX_BATCH, Making, Source};
pub use upload::{
    MAX_PARTS, PART_BYTES, Part, UploadRequest, UploadRow, UploadState, UploadView, part_length,
};
pub use view::{DeadJob, DeadJobList, JobList, JobRow, JobState, JobView, event_of};

use crate::api_key::push_random_base62;
use crate::error::EdgeError;
use crate::ports::Rng;

/// How the id of a job begins.
pub const JOB_PREFIX: &str = "job_";
/// How the id of an upload begins.
pub const UPLOAD_PREFIX: &str = "up_";
const RANDOM_CHARS: usize = 20;

/// A new id that begins so.
///
/// # Errors
/// Without randomness.
pub fn new_id(prefix: &str, rng: &mut impl Rng) -> Result<String, EdgeError> {
    let mut id = prefix.to_owned();
    push_random_base62(&mut id, RANDOM_CHARS, rng)
        .map_err(|error| EdgeError::Internal(error.to_string()))?;
    Ok(id)
}

/// Whether a text can be an id that begins so: what can't is looked for nowhere.
pub fn is_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == RANDOM_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// Whether `Prefer` (RFC 7240) asks for an answer before the work is done.
pub fn prefers_async(header: &str) -> bool {
    header
        .split([',', ';'])
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

#[cfg(test)]
mod tests;
