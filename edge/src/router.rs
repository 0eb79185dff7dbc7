//! From a request's parts to its handler: a match on method and path, no tables.

use std::panic::AssertUnwindSafe;

use edge_core::error::EdgeError;
use edge_core::key_record::Scope;
use edge_core::ports::UnixMs;
use js_sys::Promise;
use js_sys::futures::future_to_promise;
use wasm_bindgen::prelude::*;

use crate::clock::unix_ms;
use crate::deployment::{Deployment, deployment};
use crate::glue::Call;
use crate::{admin, limiter_client, models, reply, telemetry, transcription};

/// What is decided on, as `js/entry.js` hands it over: one part a line.
pub(crate) struct Parts<'a> {
    pub method: &'a str,
    /// Path without the query.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    pub authorization: &'a str,
    pub api_key: &'a str,
    /// Empty where the request has no body; so is the length.
    pub content_type: &'a str,
    pub content_length: &'a str,
    /// This request's id.
    pub request_id: &'a str,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Self {
        let mut lines = text.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let (request_id, method, url) = (next(), next(), next());
        // The runtime hands over absolute URLs, serialised (WHATWG URL): the path is never empty.
        let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
        let target = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path,
            query,
            authorization: next(),
            api_key: next(),
            content_type: next(),
            content_length: next(),
            request_id,
        }
    }
}

/// Answers a request. `parts` and `now` are handed over with it, because asking for them would cost a
/// crossing each. The promise resolves to a `Response`; a panic rejects it.
///
/// Unwind safety: what outlives a panic is the isolate's memory in `Deployment`. Its `RefCell`s are let
/// go by the unwinding, and no change to what they hold spans a call that can panic.
#[wasm_bindgen]
pub fn handle(call: Call, parts: String, now: f64) -> Promise {
    future_to_promise(AssertUnwindSafe(async move {
        Ok(respond(call, parts, now).await)
    }))
}

async fn respond(call: Call, parts: String, now: f64) -> JsValue {
    let parts = Parts::read(&parts);
    let now = unix_ms(now);
    let deployment = match deployment(&call) {
        Ok(deployment) => deployment,
        Err(error) => {
            let level = edge_core::config::LogLevel::Errors;
            telemetry::request(&call, level, "none", None, 500, Some(&error));
            return reply::error(&call, &error);
        }
    };
    let route = Route::of(parts.path);
    let mut key_id = None;
    let answered = route
        .answer(&call, &deployment, &parts, now, &mut key_id)
        .await;
    let (response, status, error) = match answered {
        Ok((response, status)) => (response, status, None),
        Err(error) => (
            reply::error(&call, &error),
            error.answer().status,
            Some(error),
        ),
    };
    let log = deployment.settings.log;
    telemetry::request(
        &call,
        log,
        route.name(),
        key_id.as_deref(),
        status,
        error.as_ref(),
    );
    response
}

#[derive(Clone, Copy)]
enum Route<'a> {
    Audio(Scope),
    Models,
    Model(&'a str),
    Health,
    Admin,
    #[cfg(feature = "test-routes")]
    Panic,
    #[cfg(feature = "test-routes")]
    Memory,
    Unknown,
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Self {
        match path {
            "/v1/audio/transcriptions" => Self::Audio(Scope::Transcribe),
            "/v1/audio/translations" => Self::Audio(Scope::Translate),
            "/v1/models" => Self::Models,
            "/healthz" => Self::Health,
            #[cfg(feature = "test-routes")]
            "/__test/panic" => Self::Panic,
            #[cfg(feature = "test-routes")]
            "/__test/memory" => Self::Memory,
            _ => match path.strip_prefix("/v1/models/") {
                Some(id) if !id.is_empty() => Self::Model(id),
                _ if path.starts_with("/admin/") => Self::Admin,
                _ => Self::Unknown,
            },
        }
    }

    /// Its name in the log.
    const fn name(self) -> &'static str {
        match self {
            Self::Audio(Scope::Transcribe) => "transcriptions",
            Self::Audio(Scope::Translate) => "translations",
            Self::Models => "models",
            Self::Model(_) => "model",
            Self::Health => "healthz",
            Self::Admin => "admin",
            #[cfg(feature = "test-routes")]
            Self::Panic => "panic",
            #[cfg(feature = "test-routes")]
            Self::Memory => "memory",
            Self::Unknown => "unknown",
        }
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::Audio(_) => "POST",
            Self::Models | Self::Model(_) | Self::Health => "GET",
            _ => "",
        }
    }

    async fn answer(
        self,
        call: &Call,
        deployment: &Deployment,
        parts: &Parts<'_>,
        now: UnixMs,
        key_id: &mut Option<String>,
    ) -> Result<(JsValue, u16), EdgeError> {
        let allowed = self.methods();
        if !allowed.is_empty() && parts.method != allowed {
            return Err(EdgeError::MethodNotAllowed(allowed));
        }
        let settings = &deployment.settings;
        let scope = match self {
            Self::Health => return Ok((reply::json(call, 200, r#"{"status":"ok"}"#), 200)),
            Self::Admin => return admin::handle(call, deployment, parts).await,
            Self::Unknown => return Err(EdgeError::UnknownRoute),
            #[cfg(feature = "test-routes")]
            #[allow(clippy::panic)]
            Self::Panic => panic!("the test route that panics"),
            #[cfg(feature = "test-routes")]
            Self::Memory => {
                let bytes = crate::glue::memory_bytes();
                return Ok((
                    reply::json(call, 200, &format!(r#"{{"bytes":{bytes}}}"#)),
                    200,
                ));
            }
            Self::Audio(scope) => Some(scope),
            Self::Models | Self::Model(_) => None,
        };
        let key = transcription::authenticate(call, deployment, parts, scope, now).await?;
        *key_id = Some(key.record.id.clone());
        match self {
            Self::Audio(scope) => {
                transcription::transcribe(call, deployment, parts, scope, &key, now).await
            }
            Self::Model(id) => {
                limiter_client::admit(call, &key, now).await?;
                Ok((
                    reply::json(call, 200, &models::get(settings, &key.record, id)?),
                    200,
                ))
            }
            _ => {
                limiter_client::admit(call, &key, now).await?;
                Ok((
                    reply::json(call, 200, &models::list(settings, &key.record)?),
                    200,
                ))
            }
        }
    }
}
