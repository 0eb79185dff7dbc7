//! The way of a request, one step at a time: credential, verdict, admission, then what it came for.
//!
//! JavaScript waits, Rust decides. Each export is one synchronous step between two waits of `js/entry.js`
//! and answers a `Response`, or the number of what it needs next. What a step must know is handed over
//! again: nothing of a request stays in wasm memory while it waits.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use edge_core::error::EdgeError;
use edge_core::headers::{Credential, credential, is_multipart};
use edge_core::key_cache::Cached;
use edge_core::key_record::{KeyRecord, Scope};
use edge_core::ports::{PortError, UnixMs};
use edge_core::verify::{Verdict, verify};
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::clock::unix_ms;
use crate::deployment::{Deployment, KnownKey, deployment};
use crate::glue::{self, Call};
use crate::router::{Parts, Route};
use crate::{admin, forward, limiter_client, models, reply};

/// What a step may need next; `js/entry.js` has the same numbers.
#[derive(Clone, Copy)]
enum Step {
    /// The key's record from KV.
    LookUp = 1,
    /// The limiter's word.
    Admit = 2,
    /// The limiter has no limits yet: give it the record's, and ask again.
    Configure = 3,
    /// A host's answer.
    Forward = 4,
}

/// A step ends with a response, or with a need.
enum Next {
    Done(JsValue),
    Need(Step),
}

type Outcome = Result<Next, EdgeError>;

/// The first step. An administrator's request goes its own way, and a promise is answered.
#[wasm_bindgen]
pub fn start(call: &Call, parts: &str, now: f64) -> JsValue {
    let outcome = deployment(call).and_then(|deployment| {
        let parts = Parts::read(parts);
        let route = Route::of(parts.path);
        route.announce(call);
        let now = unix_ms(now);
        let allowed = route.methods();
        if !allowed.is_empty() && parts.method != allowed {
            return Err(EdgeError::MethodNotAllowed(allowed));
        }
        match route {
            Route::Health => Ok(Next::Done(reply::json(call, 200, r#"{"status":"ok"}"#))),
            Route::Admin => Ok(Next::Done(admin::handle(call, &deployment, &parts)?)),
            Route::Unknown => Err(EdgeError::UnknownRoute),
            #[cfg(feature = "test-routes")]
            Route::Test(test) => Ok(Next::Done(test.answer(call))),
            Route::Audio(_) | Route::Models | Route::Model(_) => {
                with_key(call, &deployment, &parts, route, now)
            }
        }
    });
    settle(call, outcome)
}

/// After [`Step::LookUp`]: the record's text, `None` where there is none.
#[wasm_bindgen(js_name = lookedUp)]
pub fn looked_up(call: &Call, parts: &str, record: Option<JsString>, now: f64) -> JsValue {
    let outcome = deployment(call).and_then(|deployment| {
        let parts = Parts::read(parts);
        let now = unix_ms(now);
        let hash = presented(&deployment, &parts)?;
        let Some(text) = record else {
            deployment.keys.borrow_mut().keep_unknown(hash, now);
            return Err(EdgeError::InvalidKey);
        };
        let known = known_key(text)?;
        deployment.keys.borrow_mut().keep(hash, known, now);
        with_key(call, &deployment, &parts, Route::of(parts.path), now)
    });
    settle(call, outcome)
}

/// After [`Step::Admit`] or [`Step::Configure`]: the first letter of the limiter's answer.
#[wasm_bindgen]
pub fn admitted(call: &Call, parts: &str, letter: u32, configured: bool, now: f64) -> JsValue {
    let outcome = deployment(call).and_then(|deployment| {
        let parts = Parts::read(parts);
        let now = unix_ms(now);
        let key = match find(&deployment, &parts, now)? {
            Cached::Found(key) => key,
            // Memory forgot it while the limiter was asked: the call has kept the record.
            Cached::Unknown | Cached::Absent => Rc::new(known_key(call.record())?),
        };
        if limiter_client::judge(call, &key, letter, now)? == limiter_client::Word::Configure {
            return if configured {
                Err(limiter_client::unintelligible())
            } else {
                Ok(Next::Need(Step::Configure))
            };
        }
        let settings = &deployment.settings;
        match Route::of(parts.path) {
            Route::Audio(scope) => {
                forward::prepare(call, &deployment, &key.record, scope, parts.request_id, now)?;
                Ok(Next::Need(Step::Forward))
            }
            Route::Model(id) => {
                let body = models::get(settings, &key.record, id)?;
                Ok(Next::Done(reply::json(call, 200, &body)))
            }
            _ => Ok(Next::Done(reply::models(call, &key, settings)?)),
        }
    });
    settle(call, outcome)
}

/// After [`Step::Forward`]: the host's status, or why there is none.
#[wasm_bindgen]
pub fn forwarded(call: &Call, outcome: u16, host: usize, now: f64) -> JsValue {
    let outcome = deployment(call)
        .and_then(|deployment| forward::judge(call, &deployment, host, outcome, unix_ms(now)))
        .map(Next::Done);
    settle(call, outcome)
}

/// When what a step needed could not be had.
#[wasm_bindgen]
pub fn failed(call: &Call, step: u8, cause: String) -> JsValue {
    let error = match step {
        1 => EdgeError::KeyStoreUnavailable(PortError { port: "kv", cause }),
        2 | 3 => EdgeError::LimiterUnavailable(PortError {
            port: "limiter",
            cause,
        }),
        _ => EdgeError::UpstreamFailed(cause),
    };
    settle(call, Err(error))
}

fn settle(call: &Call, outcome: Outcome) -> JsValue {
    match outcome {
        Ok(Next::Done(response)) => response,
        Ok(Next::Need(step)) => JsValue::from(step as u8),
        Err(error) => reply::error(call, &error),
    }
}

/// The hash of the key a request carries. Garbage ends here, without any I/O.
fn presented(
    deployment: &Deployment,
    parts: &Parts<'_>,
) -> Result<edge_core::api_key::KeyHash, EdgeError> {
    match credential(parts.authorization, parts.api_key) {
        Credential::Missing => Err(EdgeError::MissingKey),
        Credential::Conflicting => Err(EdgeError::ConflictingKeys),
        Credential::Presented(text) => {
            let key = deployment.settings.key_format.parse(text);
            Ok(key.map_err(|_| EdgeError::InvalidKey)?.hash())
        }
    }
}

fn find(
    deployment: &Deployment,
    parts: &Parts<'_>,
    now: UnixMs,
) -> Result<Cached<KnownKey>, EdgeError> {
    let hash = presented(deployment, parts)?;
    Ok(deployment.keys.borrow().look_up(&hash, now))
}

fn known_key(text: JsString) -> Result<KnownKey, EdgeError> {
    let record: KeyRecord = serde_json::from_str(&String::from(&text)).map_err(|e| {
        EdgeError::KeyStoreUnavailable(PortError {
            port: "kv",
            cause: e.to_string(),
        })
    })?;
    Ok(KnownKey {
        object_name: JsString::from(record.id.as_str()),
        text,
        record,
        refusal: RefCell::new(None),
        models: OnceCell::new(),
    })
}

/// Judges the key of a request, as far as its record goes, and the form of an upload: what can be refused
/// without asking the limiter is not charged. Then the limiter is next.
fn with_key(
    call: &Call,
    deployment: &Deployment,
    parts: &Parts<'_>,
    route: Route<'_>,
    now: UnixMs,
) -> Outcome {
    let hash = presented(deployment, parts)?;
    let cached = deployment.keys.borrow().look_up(&hash, now);
    let key = match cached {
        Cached::Found(key) => key,
        Cached::Unknown => return Err(EdgeError::InvalidKey),
        Cached::Absent => {
            glue::look_up(call, &format!("key:{}", hash.to_hex()));
            return Ok(Next::Need(Step::LookUp));
        }
    };
    glue::set_key(call, &key.object_name, &key.text);
    let scope = match route {
        Route::Audio(scope) => Some(scope),
        _ => None,
    };
    judge(&key.record, scope, now)?;
    if scope.is_some() {
        check_upload(deployment, parts)?;
    }
    limiter_client::remembered(call, &key, now)?;
    Ok(Next::Need(Step::Admit))
}

fn judge(record: &KeyRecord, scope: Option<Scope>, now: UnixMs) -> Result<(), EdgeError> {
    match verify(record, scope, now) {
        Verdict::Valid => Ok(()),
        Verdict::Revoked => Err(EdgeError::RevokedKey),
        Verdict::Disabled => Err(EdgeError::DisabledKey),
        Verdict::Expired => Err(EdgeError::ExpiredKey),
        Verdict::InsufficientScope(scope) => Err(EdgeError::InsufficientScope(scope)),
    }
}

fn check_upload(deployment: &Deployment, parts: &Parts<'_>) -> Result<(), EdgeError> {
    if !is_multipart(parts.content_type) {
        return Err(EdgeError::UnsupportedMediaType("multipart/form-data"));
    }
    let most = deployment.settings.max_upload_bytes;
    match parts.content_length.parse::<u64>() {
        Ok(length) if length > most => Err(EdgeError::TooLarge(most)),
        // Without a length the host counts the bytes as they come.
        _ => Ok(()),
    }
}
