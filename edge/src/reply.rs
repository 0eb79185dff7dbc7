//! Answers made at the edge.

use std::panic::AssertUnwindSafe;

use edge_core::config::Settings;
use edge_core::error::EdgeError;
use inference_api::headers::{IDEMPOTENT, TRANSCRIPT_ID};
use js_sys::JsString;
use js_sys::futures::future_to_promise;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::answer_store::Found;
use crate::deployment::KnownKey;
use crate::glue::{self, Call, static_strings};

static_strings! {
    JSON = "application/json";
    HTML = "text/html; charset=utf-8";
    NONE = "";
}

/// How long anybody may keep the API's description: until the next deployment is not long.
const KEEP: &str = "cache-control: public, max-age=300";

/// The promise of an answer, for what has to wait. What is waited for in wasm lives there until it ends: only what
/// comes seldom, or is waited for anyway, waits so.
///
/// Unwind safety: what outlives a panic is the isolate's memory in `Deployment`. Its `RefCell`s are let go by the
/// unwinding, and no change to what they hold spans a call that can panic.
pub(crate) fn promise(
    call: &Call,
    answer: impl Future<Output = Result<JsValue, EdgeError>> + 'static,
) -> JsValue {
    let call = call.clone();
    let answer = async move {
        let answered = answer.await;
        Ok(answered.unwrap_or_else(|refused| error(&call, &refused)))
    };
    future_to_promise(AssertUnwindSafe(answer)).into()
}

/// JSON with a status.
pub(crate) fn json(call: &Call, status: u16, body: &str) -> JsValue {
    JSON.with(|json| glue::respond(call, status, &JsString::from(body), json, "", "", ""))
}

/// The same with headers, a line each.
pub(crate) fn json_with(call: &Call, status: u16, body: &str, extra: &str) -> JsValue {
    JSON.with(|json| glue::respond(call, status, &JsString::from(body), json, extra, "", ""))
}

/// The OpenAPI document; `edge_core::openapi` wrote it. It is a file beside the pages (scripts/build-ui), so that the
/// Worker does not carry it.
pub(crate) fn document(call: &Call) -> JsValue {
    JSON.with(|json| glue::page(call, "/openapi.json", json, KEEP))
}

/// The document as a page, which may load and run nothing.
pub(crate) fn reference(call: &Call) -> JsValue {
    let policy = include_str!("../docs.csp").trim_end();
    let extra = format!(
        "{KEEP}\ncontent-security-policy: {policy}\nx-content-type-options: nosniff\nreferrer-policy: no-referrer"
    );
    HTML.with(|html| glue::page(call, "/docs", html, &extra))
}

/// The models of a key. Its text is decoded once: later answers hand over what the runtime has.
pub(crate) fn models(
    call: &Call,
    key: &KnownKey,
    settings: &Settings,
) -> Result<JsValue, EdgeError> {
    let body = if let Some(body) = key.models.get() {
        body
    } else {
        let body = JsString::from(crate::models::list(settings, &key.terms)?);
        key.models.get_or_init(|| body)
    };
    Ok(JSON.with(|json| glue::respond(call, 200, body, json, "", "", "")))
}

/// What serialises, as JSON.
pub(crate) fn object(
    call: &Call,
    status: u16,
    body: &impl Serialize,
) -> Result<JsValue, EdgeError> {
    let text = serde_json::to_string(body).map_err(|e| EdgeError::Internal(e.to_string()))?;
    Ok(json(call, status, &text))
}

/// The same with headers, a line each.
pub(crate) fn object_with(
    call: &Call,
    status: u16,
    body: &impl Serialize,
    extra: &str,
) -> Result<JsValue, EdgeError> {
    let text = serde_json::to_string(body).map_err(|e| EdgeError::Internal(e.to_string()))?;
    Ok(json_with(call, status, &text, extra))
}

/// A text of this type; `extra`: headers, a line each.
pub(crate) fn text(call: &Call, content_type: &str, body: &str, extra: &str) -> JsValue {
    let (body, kind) = (JsString::from(body), JsString::from(content_type));
    glue::respond(call, 200, &body, &kind, extra, "", "")
}

/// A page for people; `extra`: headers, a line each.
pub(crate) fn page(call: &Call, status: u16, body: &str, extra: &str) -> JsValue {
    let body = JsString::from(body);
    HTML.with(|html| glue::respond(call, status, &body, html, extra, "", ""))
}

/// A transcript for a host, under its id.
pub(crate) fn found(call: &Call, found: &Found) -> JsValue {
    let Found { id, body, again } = found;
    let again = if *again {
        format!("\n{IDEMPOTENT}: hit")
    } else {
        String::new()
    };
    let extra = format!("{TRANSCRIPT_ID}: {id}{again}");
    let body = JsString::from(body.as_str());
    JSON.with(|json| glue::respond(call, 200, &body, json, &extra, "", ""))
}

/// A status and nothing else.
pub(crate) fn empty(call: &Call, status: u16) -> JsValue {
    NONE.with(|none| glue::respond(call, status, none, none, "", "", ""))
}

/// The same with headers, a line each. `code` and `cause`: of what was refused, for the log.
pub(crate) fn empty_with(
    call: &Call,
    status: u16,
    extra: &str,
    (code, cause): (&str, &str),
) -> JsValue {
    NONE.with(|none| glue::respond(call, status, none, none, extra, code, cause))
}

/// The answer to a browser that asks before a request (Fetch, 3.2.2): it has no key, so it cannot be told
/// whether the key's origins are the right ones. The answer to the request itself says that.
pub(crate) fn preflight(call: &Call) -> JsValue {
    glue::set_origin(call, &glue::header(call, "origin"));
    let extra = "access-control-allow-methods: GET, POST, PUT, PATCH, DELETE\n\
        access-control-allow-headers: authorization, x-api-key, content-type, idempotency-key, x-store, prefer\n\
        access-control-max-age: 86400";
    NONE.with(|none| glue::respond(call, 204, none, none, extra, "", ""))
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
    let body = JsString::from(answer.body());
    let (extra, cause) = (extra.join("\n"), error.cause().unwrap_or_default());
    JSON.with(|json| {
        glue::respond(
            call,
            answer.status,
            &body,
            json,
            &extra,
            answer.code,
            &cause,
        )
    })
}
