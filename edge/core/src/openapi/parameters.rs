//! Parameters of paths, queries and headers, with the bounds that the code checks.

use serde_json::{Value, json};

use inference_api::render::ResponseFormat;

use super::route::Parameter;
use crate::admin::{DEFAULT_PAGE, MAX_PAGE};
use crate::jobs::{JobState, MAX_PARTS};

/// What a plan's name, and a limit's, is made of.
pub(super) const SHORT_NAME: &str = "^[a-z0-9_-]{1,32}$";
/// What an owner's id is made of.
pub(super) const OWNER: &str = "^[A-Za-z0-9._@|+-]{1,64}$";

fn parameter(
    place: &'static str,
    name: &'static str,
    says: &'static str,
    schema: Value,
) -> Parameter {
    Parameter {
        place,
        name,
        says,
        schema,
        required: place == "path",
    }
}

/// Unix seconds, at most this.
fn unix_seconds(most: u64) -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": most})
}

/// The latest time that a report of usage knows, and the audit.
const LATEST_USAGE: u64 = u32::MAX as u64 * 2 - 1;
const LATEST_AUDIT: u64 = (1 << 40) - 1;

pub(super) fn key_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^key_[0-9A-Za-z]{20}$"});
    parameter("path", "id", "The key's id.", schema)
}

pub(super) fn root_key_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^root_[0-9A-Za-z]{20}$"});
    parameter("path", "id", "The root key's id.", schema)
}

pub(super) fn plan_name() -> Parameter {
    let schema = json!({"type": "string", "pattern": SHORT_NAME});
    parameter("path", "name", "The plan's name.", schema)
}

pub(super) fn owner_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": OWNER});
    parameter("path", "owner", "External id of the owner.", schema)
}

pub(super) fn transcript_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^tr_[0-9A-Za-z]{20}$"});
    parameter("path", "id", "The transcript's id.", schema)
}

pub(super) fn job_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^job_[0-9A-Za-z]{20}$"});
    parameter("path", "id", "The job's id.", schema)
}

pub(super) fn job_state() -> Parameter {
    let states = JobState::ALL.map(JobState::as_str);
    let schema = json!({"type": "string", "enum": states});
    parameter("query", "state", "Only those in this state.", schema)
}

pub(super) fn dead() -> Parameter {
    let schema = json!({"type": "string", "enum": ["dead"]});
    Parameter {
        required: true,
        ..parameter("query", "state", "Only the dead are listed.", schema)
    }
}

pub(super) fn upload_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^up_[0-9A-Za-z]{20}$"});
    parameter("path", "id", "The upload's id.", schema)
}

pub(super) fn part() -> Parameter {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": MAX_PARTS, "default": 1});
    parameter("query", "part", "The number of the part.", schema)
}

pub(super) fn prefer() -> Parameter {
    let schema = json!({"type": "string", "maxLength": 255});
    let says = "`respond-async`: the answer is a job (RFC 7240). It needs the scope `jobs`.";
    parameter("header", "Prefer", says, schema)
}

pub(super) fn webhook_id() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^wh_[0-9A-Za-z]{20}$"});
    parameter("path", "id", "The webhook's id.", schema)
}

pub(super) fn transcript_format() -> Parameter {
    let formats: Vec<_> = ResponseFormat::ALL.iter().map(|f| f.as_str()).collect();
    let schema = json!({"type": "string", "enum": formats});
    let says =
        "As the answer to the transcription would have been; without it, with what is known of it.";
    parameter("query", "format", says, schema)
}

pub(super) fn token() -> Parameter {
    let schema = json!({"type": "string", "pattern": "^[0-9A-Za-z]{32}$"});
    parameter("path", "token", "The secret of the link.", schema)
}

pub(super) fn words() -> Parameter {
    let schema =
        json!({"type": "string", "minLength": 1, "maxLength": 200, "example": "rain \"in Spain\""});
    parameter("query", "q", "Words that must be there.", schema)
}

pub(super) fn language() -> Parameter {
    let schema = json!({"type": "string", "minLength": 2, "maxLength": 3, "example": "en"});
    parameter(
        "query",
        "language",
        "Only in this language (ISO 639-1).",
        schema,
    )
}

pub(super) fn kept_from() -> Parameter {
    let says = "Unix seconds of the oldest.";
    parameter("query", "from", says, unix_seconds(LATEST_AUDIT))
}

pub(super) fn kept_to() -> Parameter {
    let says = "Unix seconds after the newest.";
    parameter("query", "to", says, unix_seconds(LATEST_AUDIT))
}

const YES_OR_NO: [&str; 4] = ["true", "false", "1", "0"];

pub(super) fn store() -> Parameter {
    let schema = json!({"type": "string", "enum": YES_OR_NO});
    let says = "Keeps the transcript, and answers from the one that is kept where the same was asked before. It needs the scope `transcripts:write`.";
    parameter("query", "store", says, schema)
}

pub(super) fn x_store() -> Parameter {
    let schema = json!({"type": "string", "enum": YES_OR_NO});
    parameter(
        "header",
        "X-Store",
        "The same as `store`, where a client can set no query.",
        schema,
    )
}

pub(super) fn model_id() -> Parameter {
    let schema = json!({"type": "string", "minLength": 1, "example": "whisper-1"});
    parameter("path", "id", "The model's name.", schema)
}

pub(super) fn intent() -> Parameter {
    let schema = json!({"type": "string", "enum": ["transcription"], "default": "transcription"});
    parameter("query", "intent", "The kind of session.", schema)
}

pub(super) fn session_model() -> Parameter {
    let schema =
        json!({"type": "string", "minLength": 1, "maxLength": 128, "example": "whisper-1"});
    let says = "The session's first model; if left out, the first that the key may use.";
    parameter("query", "model", says, schema)
}

pub(super) fn owner() -> Parameter {
    let schema = json!({"type": "string", "pattern": OWNER});
    parameter("query", "owner", "Only this owner's.", schema)
}

pub(super) fn plan() -> Parameter {
    let schema = json!({"type": "string", "pattern": SHORT_NAME});
    parameter("query", "plan", "Only those on this plan.", schema)
}

pub(super) fn enabled() -> Parameter {
    let says = "Only those that are switched on, or off.";
    parameter("query", "enabled", says, json!({"type": "boolean"}))
}

pub(super) fn page_size() -> Parameter {
    let schema = json!({
        "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE,
    });
    parameter("query", "limit", "At most so many on one page.", schema)
}

pub(super) fn cursor() -> Parameter {
    let says = "`next_cursor` of the page before, with the same filters.";
    let schema = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{22,4096}$"});
    parameter("query", "cursor", says, schema)
}

pub(super) fn usage_from() -> Parameter {
    let says = "From the hour of this time on, unix seconds; if left out, the day before `to`.";
    parameter("query", "from", says, unix_seconds(LATEST_USAGE))
}

pub(super) fn usage_to() -> Parameter {
    let says = "Up to the hour of this time, unix seconds; if left out, now. At most 366 days after `from`.";
    parameter("query", "to", says, unix_seconds(LATEST_USAGE))
}

pub(super) fn grouped_by() -> Parameter {
    let schema = json!({"type": "string", "enum": ["hour", "day"], "default": "hour"});
    parameter("query", "by", "How it is grouped.", schema)
}

pub(super) fn audit_from() -> Parameter {
    parameter(
        "query",
        "from",
        "Not before this time, unix seconds.",
        unix_seconds(LATEST_AUDIT),
    )
}

pub(super) fn audit_to() -> Parameter {
    parameter(
        "query",
        "to",
        "Before this time, unix seconds.",
        unix_seconds(LATEST_AUDIT),
    )
}

fn word() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 128})
}

pub(super) fn actor() -> Parameter {
    let says = "Only what the root key with this id did; `root` is the deployment's own.";
    parameter("query", "actor", says, word())
}

pub(super) fn action() -> Parameter {
    parameter("query", "action", "Only this action: `key.create`.", word())
}

pub(super) fn target() -> Parameter {
    parameter("query", "target", "Only what was done to this.", word())
}

pub(super) fn audit_owner() -> Parameter {
    parameter(
        "query",
        "owner",
        "Only what was done to this owner's keys.",
        word(),
    )
}

pub(super) fn idempotency_key_of_audio() -> Parameter {
    let says = "Makes the request safe to repeat: for a day the same key with the same file and fields is answered alike, \
        and heard once. With another file or other fields it is a 409.";
    let schema = json!({"type": "string", "pattern": "^[ -~]{0,255}$"});
    parameter("header", "Idempotency-Key", says, schema)
}

pub(super) fn idempotency_key() -> Parameter {
    let says = "Makes the request safe to repeat: the same key with the same body is carried out once \
        and answered alike. With another body it is a 409.";
    let schema = json!({"type": "string", "pattern": "^[ -~]{0,255}$"});
    parameter("header", "Idempotency-Key", says, schema)
}

pub(super) fn all_sessions() -> Parameter {
    let says = "Ends every session of the same owner.";
    parameter("query", "all", says, json!({"type": "boolean"}))
}

pub(super) fn return_to() -> Parameter {
    let says = "The page of ours that is wanted; `/keys` where it is none.";
    parameter("query", "return", says, json!({"type": "string"}))
}

pub(super) fn oidc_state() -> Parameter {
    let says = "What the browser took along (RFC 6749, 4.1.2).";
    parameter("query", "state", says, json!({"type": "string"}))
}

pub(super) fn oidc_code() -> Parameter {
    let says = "What the provider gave it (RFC 6749, 4.1.2).";
    parameter("query", "code", says, json!({"type": "string"}))
}
