//! The way of an admitted request to an inference host and back. Audio never enters wasm.

use edge_core::error::EdgeError;
use edge_core::ports::UnixMs;
use edge_core::scope::Scope;
use inference_api::claims::{Claims, Render};
use wasm_bindgen::JsValue;

use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call, UrlSearchParams};

/// What `js/forward.js` says when there was no answer of the service.
const FAILED: u16 = 0;
const TIMED_OUT: u16 = 1;
const STRANGER: u16 = 2;
const GONE: u16 = 3;
/// What `js/realtime.js` says when there is a session.
const UPGRADED: u16 = 4;

/// What of a session's query the host is to know; the rest stays.
const OF_QUERY: [&str; 2] = ["intent", "model"];

/// An upload to a host. It is sent once: a body that streams can't be sent again.
pub(crate) fn prepare(
    call: &Call,
    deployment: &Deployment,
    key: &KnownKey,
    scope: Scope,
    now: UnixMs,
) -> Result<(), EdgeError> {
    let path = match scope {
        Scope::Translate => "/v1/audio/translations",
        _ => "/v1/audio/transcriptions",
    };
    let request = ("POST", path, "");
    sign(call, deployment, key, scope, request, now)
}

/// A realtime session with a host.
pub(crate) fn prepare_session(
    call: &Call,
    deployment: &Deployment,
    key: &KnownKey,
    query: &str,
    now: UnixMs,
) -> Result<(), EdgeError> {
    let asked = UrlSearchParams::new(query);
    let known = OF_QUERY.into_iter().filter_map(|name| {
        let value = js_sys::encode_uri_component(&asked.get(name)?);
        Some(format!("{name}={value}", value = String::from(value)))
    });
    let query = known.collect::<Vec<_>>().join("&");
    let request = ("GET", "/v1/realtime", query.as_str());
    sign(call, deployment, key, Scope::Transcribe, request, now)
}

/// Chooses a host and signs what goes to it: method, path and query.
fn sign(
    call: &Call,
    deployment: &Deployment,
    key: &KnownKey,
    scope: Scope,
    (method, path, query): (&str, &str, &str),
    now: UnixMs,
) -> Result<(), EdgeError> {
    let settings = &deployment.settings;
    let timeout_ms = settings.request_timeout_seconds.saturating_mul(1000);
    let claims = Claims {
        request_id: call.id(),
        key_id: key.record.id.clone(),
        owner: key.record.owner.clone(),
        scopes: vec![scope.as_str().to_owned()],
        models: key.terms.models.clone(),
        max_audio_seconds: Some(f64::from(settings.max_audio_seconds)),
        priority: 5,
        deadline_ms: now.plus_ms(u64::from(timeout_ms)).0,
        render: Render::Client,
    }
    .encode();
    let signer = settings
        .signing_secrets
        .first()
        .ok_or_else(|| EdgeError::Misconfigured("no signing secret".to_owned()))?;
    let signature = signer.sign(method, path, &claims, now.seconds());
    let (host, url) = {
        let mut upstreams = deployment.upstreams.borrow_mut();
        let (index, origin) = upstreams
            .choose(now)
            .ok_or(EdgeError::UpstreamUnavailable)?;
        let mark = if query.is_empty() { "" } else { "?" };
        (index, format!("{origin}{path}{mark}{query}"))
    };
    glue::set_outgoing(call, &url, &claims, &signature, timeout_ms, host);
    Ok(())
}

/// What passes to the caller: every answer that is about his request. What is the edge's own fault (a
/// signature refused, a route the host does not have) is a failed upstream to him.
pub(crate) fn judge(
    call: &Call,
    deployment: &Deployment,
    host: usize,
    status: u16,
    now: UnixMs,
) -> Result<JsValue, EdgeError> {
    let mut upstreams = deployment.upstreams.borrow_mut();
    match status {
        FAILED | STRANGER => {
            upstreams.failed(host, now);
            Err(EdgeError::UpstreamFailed(call.cause()))
        }
        TIMED_OUT => {
            upstreams.failed(host, now);
            Err(EdgeError::UpstreamTimeout)
        }
        UPGRADED => {
            upstreams.answered(host);
            Ok(glue::upgrade(call))
        }
        // Says nothing about the host.
        GONE => Err(EdgeError::CallerGone),
        // 404 is `model_not_found`.
        200 | 400 | 403 | 404 | 408 | 413 | 415 | 429 | 500..=504 => {
            upstreams.answered(host);
            Ok(glue::relay(call))
        }
        _ => {
            glue::drop_upstream(call);
            Err(EdgeError::UpstreamFailed(call.cause()))
        }
    }
}
