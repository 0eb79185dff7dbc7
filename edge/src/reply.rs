//! Answers made at the edge.

use edge_core::error::EdgeError;
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::glue::{self, Call, static_strings};

static_strings! {
    JSON = "application/json";
    NONE = "";
}

/// JSON with a status.
pub(crate) fn json(call: &Call, status: u16, body: &str) -> JsValue {
    JSON.with(|json| glue::respond(call, status, body, json, ""))
}

/// A status and nothing else.
pub(crate) fn empty(call: &Call, status: u16) -> JsValue {
    NONE.with(|none| glue::respond(call, status, "", none, ""))
}

/// An error in its envelope, with the headers it needs.
pub(crate) fn error(call: &Call, error: &EdgeError) -> JsValue {
    let answer = error.answer();
    let mut extra = Vec::new();
    if answer.status == 401 {
        extra.push("www-authenticate: Bearer".to_owned());
    }
    if let Some(seconds) = answer.retry_after {
        extra.push(format!("retry-after: {seconds}"));
    }
    if let Some(allow) = answer.allow {
        extra.push(format!("allow: {allow}"));
    }
    JSON.with(|json| glue::respond(call, answer.status, &answer.body(), json, &extra.join("\n")))
}
