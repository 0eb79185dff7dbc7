//! What an account's object says, and what its owner is told of it.

use edge_core::error::EdgeError;
use edge_core::jobs::{JobSpec, JobView};
use edge_core::ports::PortError;
use inference_api::envelope::{Envelope, ErrorBody};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use crate::glue::Call;
use crate::reply;

/// What the object made of an item.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Made {
    /// [`JobView`] as JSON.
    View(String),
    Error(ErrorBody),
    Missing(Missing),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Missing {
    Upload,
    Parts,
    Address,
}

impl Missing {
    pub(super) const fn error(self) -> EdgeError {
        match self {
            Self::Upload => EdgeError::NotFound("upload"),
            Self::Parts => EdgeError::UploadIsIncomplete,
            Self::Address => EdgeError::UrlNotAllowed,
        }
    }
}

/// An item of a batch as its sender sees it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Item {
    Job(Box<JobView>),
    Error(ErrorBody),
}

#[derive(Serialize)]
pub(super) struct Batch {
    pub(super) data: Vec<Item>,
}

/// The object's answer to a request that makes something.
#[derive(Default, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) items: Vec<Made>,
    /// A view as JSON.
    pub(super) view: Option<String>,
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) most: u32,
    #[serde(default)]
    pub(super) length: u64,
}

impl Answer {
    pub(super) fn read(text: &str, full: fn(u32) -> EdgeError) -> Result<Self, EdgeError> {
        let answer: Self = serde_json::from_str(text).map_err(unavailable)?;
        match answer.error.as_deref() {
            None => Ok(answer),
            Some("reused") => Err(EdgeError::IdempotencyKeyReused),
            Some("full") => Err(full(answer.most)),
            Some("missing") => Err(EdgeError::NotFound("upload")),
            Some("complete") => Err(EdgeError::UploadIsComplete),
            Some("no_part") => Err(wrong("part", "The file has no part of this number.")),
            Some("length") => {
                let message = format!("This part must be {} bytes long.", answer.length);
                Err(wrong("content-length", &message))
            }
            Some(other) => Err(unavailable(other)),
        }
    }
}

pub(super) fn wrong(param: &'static str, message: &str) -> EdgeError {
    EdgeError::InvalidValue {
        param,
        message: message.to_owned(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(super) fn unavailable(cause: impl ToString) -> EdgeError {
    EdgeError::JobsUnavailable(PortError {
        port: "jobs",
        cause: cause.to_string(),
    })
}

pub(super) fn body_of(error: &EdgeError) -> ErrorBody {
    let answer = error.answer();
    Envelope::new(answer.message, answer.r#type, answer.param, answer.code).error
}

/// 202 with a job and where it is to be asked after. `preferred`: because the caller preferred so (RFC 7240).
pub(super) fn accepted(call: &Call, view: &str, preferred: bool) -> Result<JsValue, EdgeError> {
    let JobView { id, .. } = serde_json::from_str(view).map_err(unavailable)?;
    let mut extra = format!("location: /v1/jobs/{id}");
    if preferred {
        extra.push_str("\npreference-applied: respond-async");
    }
    Ok(reply::json_with(call, 202, view, &extra))
}

/// The one item that was asked for.
pub(super) fn only_item(
    call: &Call,
    answer: Answer,
    preferred: bool,
) -> Result<JsValue, EdgeError> {
    match answer.items.into_iter().next() {
        Some(Made::View(view)) => accepted(call, &view, preferred),
        Some(Made::Missing(missing)) => Err(missing.error()),
        Some(Made::Error(_)) | None => Err(unavailable("no job was made")),
    }
}

/// What the object is to make: a job, or nothing for the reason that is said.
pub(super) fn item(spec: &Result<JobSpec, EdgeError>) -> Value {
    match spec {
        Ok(spec) => json!({ "spec": spec }),
        Err(error) => json!({ "error": body_of(error) }),
    }
}
