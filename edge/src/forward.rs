//! The way of an admitted request to an inference host and back. Audio never enters wasm.

use edge_core::error::EdgeError;
use edge_core::idempotency::mark;
use edge_core::ports::UnixMs;
use edge_core::scope::Scope;
use edge_core::transcripts::{self, Wish};
use edge_core::upstream::{Choice, Upstreams, wanted_models};
use inference_api::claims::{Claims, Render};
use inference_api::keeping::Keep;
use wasm_bindgen::JsValue;

use crate::clock::RuntimeRng;
use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call, UrlSearchParams};
use crate::router::Parts;

/// What `js/forward.js` says when there was no answer of the service.
const FAILED: u16 = 0;
const TIMED_OUT: u16 = 1;
const STRANGER: u16 = 2;
const GONE: u16 = 3;
/// What `js/realtime.js` says when there is a session.
const UPGRADED: u16 = 4;
/// What `js/hosts.js` says when there is no host.
const NOBODY: u16 = 5;

/// What of a session's query the host is to know; the rest stays.
const OF_QUERY: [&str; 2] = ["intent", "model"];

/// An upload to a host. It is sent once: a body that streams can't be sent again. So the host is asked first if
/// nothing was heard of it.
pub(crate) fn prepare(
    call: &Call,
    deployment: &Deployment,
    key: &KnownKey,
    scope: Scope,
    wish: Wish,
    now: UnixMs,
) -> Result<(), EdgeError> {
    let path = match scope {
        Scope::Translate => "/v1/audio/translations",
        _ => "/v1/audio/transcriptions",
    };
    let keep = wish.is_any().then(|| {
        let parts = call.parts();
        let parts = Parts::read(&parts);
        let edge = deployment.settings.origin(parts.origin);
        let (record, terms) = (&key.record, &key.terms);
        let once = wish
            .once
            .then(|| mark("audio", &record.id, path, parts.idempotency_key));
        transcripts::keep(record, terms, edge, wish.listed, once, now, &mut RuntimeRng)
    });
    let claims = claims(call, deployment, key, scope, keep.transpose()?, now);
    let outgoing = Outgoing {
        method: "POST",
        path,
        query: "",
        claims: &claims,
        timeout_ms: timeout_ms(deployment),
        model: || {
            let parts = call.parts();
            UrlSearchParams::new(Parts::read(&parts).query).get("model")
        },
    };
    send(call, deployment, &outgoing, now)?;
    if wish.listed {
        glue::set_kept(call);
    }
    Ok(())
}

/// A realtime session with a host. Where the first can't serve it, another one is asked.
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
    let outgoing = Outgoing {
        method: "GET",
        path: "/v1/realtime",
        query: &known.collect::<Vec<_>>().join("&"),
        claims: &claims(call, deployment, key, Scope::Transcribe, None, now),
        timeout_ms: timeout_ms(deployment),
        model: || asked.get("model"),
    };
    send(call, deployment, &outgoing, now)
}

/// How long a request may take in all.
fn timeout_ms(deployment: &Deployment) -> u32 {
    let seconds = deployment.settings.request_timeout_seconds;
    seconds.saturating_mul(1000)
}

/// What a host is told of a request for which somebody waits.
fn claims(
    call: &Call,
    deployment: &Deployment,
    key: &KnownKey,
    scope: Scope,
    keep: Option<Keep>,
    now: UnixMs,
) -> Claims {
    Claims {
        request_id: call.id(),
        key_id: key.record.id.clone(),
        owner: key.record.owner.clone(),
        scopes: vec![scope.as_str().to_owned()],
        models: key.terms.models.clone(),
        max_audio_seconds: Some(f64::from(deployment.settings.max_audio_seconds)),
        priority: 5,
        deadline_ms: now.plus_ms(u64::from(timeout_ms(deployment))).0,
        render: Render::Client,
        keep,
        job: None,
    }
}

/// What goes to a host.
pub(crate) struct Outgoing<'a, M> {
    pub method: &'static str,
    pub path: &'a str,
    /// Without its mark.
    pub query: &'a str,
    pub claims: &'a Claims,
    pub timeout_ms: u32,
    /// The model that it names, as far as the edge can know: the form of an upload it does not read.
    pub model: M,
}

/// Signs a request and chooses a host for it.
pub(crate) fn send(
    call: &Call,
    deployment: &Deployment,
    outgoing: &Outgoing<'_, impl Fn() -> Option<String>>,
    now: UnixMs,
) -> Result<(), EdgeError> {
    let Outgoing {
        method,
        path,
        query,
        claims,
        timeout_ms,
        model,
    } = outgoing;
    let models = &claims.models;
    let claims = claims.encode();
    let settings = &deployment.settings;
    let signer = settings
        .signing_secrets
        .first()
        .ok_or_else(|| EdgeError::Misconfigured("no signing secret".to_owned()))?;
    let signature = signer.sign(method, path, &claims, now.seconds());
    let mark = if query.is_empty() { "" } else { "?" };
    let mut upstreams = deployment.upstreams.borrow_mut();
    let is_open = upstreams.are_several() || deployment.settings.registration.is_on();
    let model = if is_open { model() } else { None };
    let wanted = if is_open {
        wanted_models(model.as_deref(), models)
    } else {
        Vec::new()
    };
    let choice = upstreams.choose(&wanted, &[], now, &mut RuntimeRng);
    let (host, origin, ask) = match choice {
        Some(Choice { id, origin, ask }) => (id, origin, ask),
        // None is known yet: the list of those that registered is read first.
        None if is_open => (0, "", false),
        None => return Err(EdgeError::UpstreamUnavailable),
    };
    if origin.is_empty() {
        glue::set_outgoing(call, "", &claims, &signature, *timeout_ms, host);
    } else {
        let url = format!("{origin}{path}{mark}{query}");
        glue::set_outgoing(call, &url, &claims, &signature, *timeout_ms, host);
    }
    if is_open {
        let target = format!("{path}{mark}{query}");
        // A session can go to another host when this one fails.
        let ask = ask && *method == "POST";
        glue::set_alternatives(call, &target, &wanted.join(" "), ask);
    }
    Ok(())
}

/// Tells the host's record how a request ended.
pub(crate) fn note(upstreams: &mut Upstreams, host: u32, outcome: u16, load: &str, now: UnixMs) {
    match outcome {
        // No host was asked, or it was not asked to its end.
        NOBODY => {}
        GONE => upstreams.let_go(host),
        FAILED | TIMED_OUT | STRANGER => upstreams.unreachable(host, now),
        // Full (503) and too late for the caller (504) are no faults of the host.
        503 | 504 | UPGRADED | 200 | 400 | 403 | 404 | 408 | 409 | 413 | 415 | 429 => {
            upstreams.answered(host, load, now);
        }
        500..=599 => upstreams.faulted(host, load, now),
        // It refuses the edge, or is of another version: no request will fare better.
        _ => upstreams.unreachable(host, now),
    }
}

/// What passes to the caller: every answer that is about his request. What is the edge's own fault (a
/// signature refused, a route the host does not have) is a failed upstream to him.
pub(crate) fn judge(
    call: &Call,
    deployment: &Deployment,
    host: u32,
    status: u16,
    load: &str,
    now: UnixMs,
) -> Result<JsValue, EdgeError> {
    note(
        &mut deployment.upstreams.borrow_mut(),
        host,
        status,
        load,
        now,
    );
    match status {
        FAILED | STRANGER => Err(EdgeError::UpstreamFailed(call.cause())),
        TIMED_OUT => Err(EdgeError::UpstreamTimeout),
        NOBODY => Err(EdgeError::UpstreamUnavailable),
        UPGRADED => Ok(glue::upgrade(call)),
        GONE => Err(EdgeError::CallerGone),
        // 404 is `model_not_found`, 409 `idempotency_key_reused`.
        200 | 400 | 403 | 404 | 408 | 409 | 413 | 415 | 429 | 500..=504 => Ok(glue::relay(call)),
        _ => {
            glue::drop_upstream(call);
            Err(EdgeError::UpstreamFailed(call.cause()))
        }
    }
}
