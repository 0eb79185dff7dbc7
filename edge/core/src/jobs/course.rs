//! How a job goes on: when it may start, what becomes of it after a failure, how often its host is asked.

use inference_api::envelope::{Envelope, ErrorBody, ErrorType};
use serde::{Deserialize, Serialize};

use crate::admission::{Answer, Code};
use crate::ports::UnixMs;

/// Pause before the second attempt, in milliseconds; each is twice the one before, up to the longest.
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 600_000;
/// How long a job waits for a limit of its key at most before it fails, in milliseconds: a day.
const LONGEST_WAIT_MS: u64 = 86_400_000;
/// When a limiter is asked again that knows nothing of the key yet, in milliseconds.
const UNKNOWN_WAIT_MS: u64 = 5_000;

/// What becomes of a job after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is tried again, after so many milliseconds.
    Again(u64),
    /// No further attempt would fare better.
    Failed,
    /// It was tried often enough: an administrator may try it again.
    Dead,
}

/// What becomes of a job whose attempt of this number (from 1) ended with the status that a waiting caller would have
/// got; at most `most` are made.
pub const fn fate(status: u16, attempt: u32, most: u32) -> Fate {
    match status {
        // The way to the host broke; it is full; it or the edge is at fault.
        408 | 429 | 500.. => {}
        _ => return Fate::Failed,
    }
    if attempt >= most {
        return Fate::Dead;
    }
    // 2^20 pauses are far above the longest.
    let doublings = if attempt > 20 {
        20
    } else {
        attempt.saturating_sub(1)
    };
    let pause = FIRST_PAUSE_MS << doublings;
    Fate::Again(if pause > LONGEST_PAUSE_MS {
        LONGEST_PAUSE_MS
    } else {
        pause
    })
}

/// What a key's limiter says of a job that is to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It is admitted, and its lease begins.
    Go,
    /// Not before so many milliseconds.
    Later(u64),
    /// Never: as the answer says.
    Never(Refused),
}

/// Why a job was never started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The status that a waiting caller would have got.
    pub status: u16,
    /// The error.
    pub error: ErrorBody,
}

/// Reads the packed word of a limiter on a job that is to start at `now`.
pub fn start(packed: &str, now: UnixMs) -> Start {
    let never = |status, r#type, code: &str, message: &str| {
        let error = Envelope::new(message, r#type, None, code).error;
        Start::Never(Refused { status, error })
    };
    let invalid = ErrorType::InvalidRequestError;
    match Answer::read(packed, now) {
        Some(Answer::Admitted) => Start::Go,
        Some(Answer::Refused(refusal)) => {
            let wait = refusal.until.since(now).max(1);
            match refusal.code {
                Code::QuotaUsedUp if wait > LONGEST_WAIT_MS => never(
                    429,
                    ErrorType::RateLimitError,
                    "insufficient_quota",
                    "A quota of the key is used up for longer than a job waits.",
                ),
                Code::CreditsUsedUp if wait > LONGEST_WAIT_MS => never(
                    429,
                    ErrorType::RateLimitError,
                    "insufficient_credits",
                    "The credits of the key are used up.",
                ),
                _ => Start::Later(wait.min(LONGEST_WAIT_MS)),
            }
        }
        Some(Answer::Bare(Code::Revoked)) => {
            never(401, invalid, "revoked_api_key", "The API key was revoked.")
        }
        Some(Answer::Bare(Code::Expired)) => {
            never(401, invalid, "expired_api_key", "The API key has expired.")
        }
        Some(Answer::Bare(Code::Disabled)) => never(
            401,
            invalid,
            "disabled_api_key",
            "The API key is switched off.",
        ),
        Some(Answer::Bare(_)) | None => Start::Later(UNKNOWN_WAIT_MS),
    }
}

/// When a host is asked again about a job that has run for so long, in milliseconds. `watched`: somebody looks on.
pub const fn poll_after_ms(age_ms: u64, watched: bool) -> u64 {
    match age_ms {
        _ if watched => 300,
        0..10_000 => 500,
        10_000..60_000 => 1_000,
        60_000..600_000 => 3_000,
        _ => 10_000,
    }
}
