//! Answers made at the edge.

use edge_core::config::Settings;
use edge_core::error::EdgeError;
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::deployment::KnownKey;
use crate::glue::{self, Call, static_strings};

static_strings! {
    JSON = "application/json";
    HTML = "text/html; charset=utf-8";
    NONE = "";
}

/// How long anybody may keep the API's description: until the next deployment is not long.
const KEEP: &str = "cache-control: public, max-age=300";

/// JSON with a status.
pub(crate) fn json(call: &Call, status: u16, body: &str) -> JsValue {
    JSON.with(|json| glue::respond(call, status, &JsString::from(body), json, "", "", ""))
}

/// The OpenAPI document; edge_core::openapi wrote it.
pub(crate) fn document(call: &Call) -> JsValue {
    let body = JsString::from(include_str!("../openapi.json"));
    JSON.with(|json| glue::respond(call, 200, &body, json, KEEP, "", ""))
}

/// The document as a page, which may load and run nothing.
pub(crate) fn reference(call: &Call) -> JsValue {
    let body = JsString::from(include_str!("../docs.html"));
    let policy = include_str!("../docs.csp").trim_end();
    let extra = format!(
        "{KEEP}\ncontent-security-policy: {policy}\nx-content-type-options: nosniff\nreferrer-policy: no-referrer"
    );
    HTML.with(|html| glue::respond(call, 200, &body, html, &extra, "", ""))
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

/// A status and nothing else.
pub(crate) fn empty(call: &Call, status: u16) -> JsValue {
    NONE.with(|none| glue::respond(call, status, none, none, "", "", ""))
}

/// The answer to a browser that asks before a request (Fetch, 3.2.2): it has no key, so it cannot be told
/// whether the key's origins are the right ones. The answer to the request itself says that.
pub(crate) fn preflight(call: &Call) -> JsValue {
    glue::set_origin(call, &glue::header(call, "origin"));
    let extra = "access-control-allow-methods: GET, POST\n\
        access-control-allow-headers: authorization, x-api-key, content-type, idempotency-key\n\
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
