//! The way of a request, one step at a time: credential, verdict, admission, then what it came for.
//!
//! JavaScript waits, Rust decides. Each export is one synchronous step between two waits of `js/entry.js`
//! and answers a `Response`, or the number of what it needs next. What a step must know is handed over
//! again: nothing of a request stays in wasm memory while it waits (but see [`edge_core::on_the_way`]).

use std::rc::Rc;

use edge_core::admission::Code;
use edge_core::error::EdgeError;
use edge_core::headers::asks_for_websocket;
use edge_core::key_cache::Cached;
use edge_core::key_state::{plan_entry, record_entry};
use edge_core::ports::{PortError, UnixMs};
use edge_core::scope::Scope;
use edge_core::transcripts::Wish;
use js_sys::JsString;
use wasm_bindgen::prelude::*;

use crate::clock::unix_ms;
use crate::deployment::{Deployment, Errand, KnownKey, deployment};
use crate::glue::{self, Call};
use crate::judging::{check_upload, judge, scope_of, wish};
use crate::known_keys::{find, keep_plan, known_key, known_plan, presented, read_record};
use crate::limiter_client::Word;
use crate::router::{Parts, Route};
use crate::{
    admin, forward, hosts, jobs, limiter_client, models, portal, reply, transcripts, webhooks,
};

/// How much longer than the longest request its lease lasts, in milliseconds.
const LEASE_MARGIN_MS: u32 = 30_000;

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
    /// The key's plan from KV.
    LookUpPlan = 5,
    /// A host's answer to an upgrade.
    Connect = 6,
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
        let mut route = Route::of(&parts);
        if parts.method == "OPTIONS" && deployment.settings.cors && route.is_public() {
            route = Route::Preflight;
        }
        route.announce(call);
        let now = unix_ms(now);
        let allowed = route.methods();
        if !allowed.is_empty() && allowed.split(", ").all(|method| parts.method != method) {
            return Err(EdgeError::MethodNotAllowed(allowed));
        }
        match route {
            Route::Health => Ok(Next::Done(reply::json(call, 200, r#"{"status":"ok"}"#))),
            Route::Document => Ok(Next::Done(reply::document(call))),
            Route::Reference => Ok(Next::Done(reply::reference(call))),
            Route::Admin => Ok(Next::Done(admin::handle(call, &deployment, &parts))),
            Route::Portal(_) => Ok(Next::Done(portal::handle(call, &deployment, &parts))),
            Route::Heartbeat => Ok(Next::Done(hosts::heartbeat(call, &deployment))),
            Route::Transcripts(said) => {
                Ok(Next::Done(transcripts::of_host(call, &deployment, said)))
            }
            Route::Preflight => Ok(Next::Done(reply::preflight(call))),
            Route::Unknown => Err(EdgeError::UnknownRoute),
            #[cfg(feature = "test-routes")]
            Route::Test(test) => Ok(Next::Done(test.answer(call))),
            Route::Link(token) => {
                let (token, query) = (token.to_owned(), parts.query.to_owned());
                Ok(Next::Done(transcripts::of_link(call, token, query)))
            }
            Route::LinkedAudio(token) => Ok(Next::Done(transcripts::audio_of_link(call, token))),
            Route::Webhooks(of) if !of.has(parts.method) => {
                Err(EdgeError::MethodNotAllowed(of.methods()))
            }
            Route::Audio(_)
            | Route::AsyncAudio(_)
            | Route::Jobs
            | Route::JobBatch
            | Route::Job(_)
            | Route::JobEvents(_)
            | Route::Uploads
            | Route::Upload(_)
            | Route::Realtime
            | Route::Models
            | Route::Model(_)
            | Route::TranscriptList
            | Route::Export
            | Route::Transcript(_)
            | Route::Share(_)
            | Route::Audition(_)
            | Route::Webhooks(_)
            | Route::Usage => with_key(call, &deployment, &parts, route, now),
        }
    });
    settle(call, outcome)
}

/// After [`Step::LookUp`]: the record's text, `None` where there is none. After [`Step::LookUpPlan`] the
/// same, and the plan's text, empty where there is none.
#[wasm_bindgen(js_name = lookedUp)]
pub fn looked_up(call: &Call, record: Option<JsString>, plan: Option<String>, now: f64) -> JsValue {
    let outcome = deployment(call).and_then(|deployment| {
        let parts = call.parts();
        let parts = Parts::read(&parts);
        let now = unix_ms(now);
        let hash = presented(call, &deployment, &parts)?;
        let Some(text) = record else {
            deployment.keys.borrow_mut().keep_unknown(hash, now);
            return Err(EdgeError::InvalidKey);
        };
        if let Some(plan) = plan {
            keep_plan(&deployment, &plan, now)?;
        }
        let record = read_record(&text)?;
        let plan = match &record.plan {
            None => None,
            Some(name) => {
                let found = known_plan(&deployment, name, now);
                if found.is_none() {
                    glue::look_up_plan(call, &plan_entry(name), &text);
                    return Ok(Next::Need(Step::LookUpPlan));
                }
                found
            }
        };
        let known = known_key(text, record, plan.as_deref());
        deployment.keys.borrow_mut().keep(hash, known, now);
        with_key(call, &deployment, &parts, Route::of(&parts), now)
    });
    settle(call, outcome)
}

/// After [`Step::Admit`] or [`Step::Configure`]: the first letter of the limiter's answer, and the ticket that
/// [`with_key`] gave.
#[wasm_bindgen]
pub fn admitted(call: &Call, ticket: u32, letter: u32, configured: bool, now: f64) -> JsValue {
    let outcome = deployment(call).and_then(|deployment| {
        let now = unix_ms(now);
        let kept = deployment.on_the_way.borrow_mut().take(ticket);
        if let Some((key, errand)) = kept {
            let upload = matches!(errand, Errand::Audio(..) | Errand::Realtime);
            if limiter_client::judge(call, &key, upload, letter, now)? == Word::Admitted {
                return run(call, &deployment, &key, errand, now);
            }
        }
        anew(call, &deployment, letter, configured, now)
    });
    settle(call, outcome)
}

/// The same where memory kept nothing of the request: all of it is read again.
fn anew(
    call: &Call,
    deployment: &Rc<Deployment>,
    letter: u32,
    configured: bool,
    now: UnixMs,
) -> Outcome {
    let parts = call.parts();
    let parts = Parts::read(&parts);
    let key = match find(call, deployment, &parts, now)? {
        Cached::Found(key) => key,
        // Memory forgot it while the limiter was asked: the call has kept the record.
        Cached::Unknown | Cached::Absent => {
            let record = read_record(&call.record())?;
            let name = record.plan.as_deref();
            let plan = name.and_then(|name| known_plan(deployment, name, UnixMs(0)));
            Rc::new(known_key(call.record(), record, plan.as_deref()))
        }
    };
    let route = Route::of(&parts);
    let upload = route.has_audio();
    match limiter_client::judge(call, &key, upload, letter, now)? {
        Word::Admitted => serve(call, deployment, &key, &parts, route, now),
        Word::Configure if configured => Err(limiter_client::unintelligible()),
        Word::Configure => {
            glue::set_hash(call, &presented(call, deployment, &parts)?.to_hex());
            Ok(Next::Need(Step::Configure))
        }
    }
}

/// What an admitted request came for.
fn serve(
    call: &Call,
    deployment: &Rc<Deployment>,
    key: &KnownKey,
    parts: &Parts<'_>,
    route: Route<'_>,
    now: UnixMs,
) -> Outcome {
    match route {
        Route::Model(id) => {
            let body = models::get(&deployment.settings, &key.terms, id)?;
            Ok(Next::Done(reply::json(call, 200, &body)))
        }
        Route::Usage => {
            let usage = admin::own_usage(call, deployment, &key.record.id, parts.query);
            Ok(Next::Done(usage))
        }
        Route::TranscriptList
        | Route::Export
        | Route::Transcript(_)
        | Route::Share(_)
        | Route::Audition(_) => {
            let answer = transcripts::of_owner(call, deployment, key, route, parts);
            Ok(Next::Done(answer))
        }
        Route::AsyncAudio(_)
        | Route::Jobs
        | Route::JobBatch
        | Route::Job(_)
        | Route::JobEvents(_)
        | Route::Uploads
        | Route::Upload(_) => Ok(Next::Done(jobs::of_owner(
            call, deployment, key, route, parts,
        ))),
        Route::Webhooks(of) => {
            let answer = webhooks::of_account(call, deployment, key, of, parts);
            Ok(Next::Done(answer))
        }
        Route::Audio(scope) => {
            let errand = Errand::Audio(scope, wish(parts)?);
            run(call, deployment, key, errand, now)
        }
        Route::Realtime => run(call, deployment, key, Errand::Realtime, now),
        _ => run(call, deployment, key, Errand::Models, now),
    }
}

/// The same for what most requests come for.
fn run(
    call: &Call,
    deployment: &Rc<Deployment>,
    key: &KnownKey,
    errand: Errand,
    now: UnixMs,
) -> Outcome {
    match errand {
        Errand::Audio(scope, wish) => {
            forward::prepare(call, deployment, key, scope, wish, now)?;
            Ok(Next::Need(Step::Forward))
        }
        Errand::Realtime => {
            let parts = call.parts();
            let query = Parts::read(&parts).query;
            forward::prepare_session(call, deployment, key, query, now)?;
            Ok(Next::Need(Step::Connect))
        }
        Errand::Models => {
            let answer = reply::models(call, key, &deployment.settings)?;
            Ok(Next::Done(answer))
        }
    }
}

/// After [`Step::Forward`] or [`Step::Connect`]: the host's status, or why there is none; what it says of its load.
#[wasm_bindgen]
pub fn forwarded(call: &Call, outcome: u16, host: u32, load: &str, now: f64) -> JsValue {
    let outcome = deployment(call)
        .and_then(|deployment| forward::judge(call, &deployment, host, outcome, load, unix_ms(now)))
        .map(Next::Done);
    settle(call, outcome)
}

/// When what a step needed could not be had.
#[wasm_bindgen]
pub fn failed(call: &Call, step: u8, cause: String) -> JsValue {
    let error = match step {
        1 | 5 => EdgeError::KeyStoreUnavailable(PortError { port: "kv", cause }),
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

/// Judges the key of a request, as far as its record goes, and the form of an upload: what can be refused
/// without asking the limiter is not charged. Then the limiter is next.
fn with_key(
    call: &Call,
    deployment: &Rc<Deployment>,
    parts: &Parts<'_>,
    route: Route<'_>,
    now: UnixMs,
) -> Outcome {
    let hash = presented(call, deployment, parts)?;
    let cached = deployment.keys.borrow().look_up(&hash, now);
    let key = match cached {
        Cached::Found(key) => key,
        Cached::Unknown => return Err(EdgeError::InvalidKey),
        Cached::Absent => {
            glue::look_up(call, &record_entry(false, &hash.to_hex()));
            return Ok(Next::Need(Step::LookUp));
        }
    };
    let scope = scope_of(route, parts.method);
    let upload = matches!(route, Route::Audio(_) | Route::Realtime);
    let wish = match route {
        // A job's transcript is kept whatever is said, but what is said must be good.
        Route::Audio(_) | Route::AsyncAudio(_) => wish(parts)?,
        _ => Wish::default(),
    };
    let errand = match route {
        Route::Audio(scope) => Some(Errand::Audio(scope, wish)),
        Route::Realtime => Some(Errand::Realtime),
        Route::Models => Some(Errand::Models),
        _ => None,
    };
    let is_free = route.is_free(parts.method);
    let ticket = errand.map_or(0, |errand| {
        let mut on_the_way = deployment.on_the_way.borrow_mut();
        on_the_way.keep((Rc::clone(&key), errand))
    });
    let lease_ms = deployment
        .settings
        .request_timeout_seconds
        .saturating_mul(1000);
    glue::set_key(
        call,
        &key.object_name,
        &key.text,
        match route {
            _ if is_free => 0,
            Route::Audio(_) | Route::Realtime => key.terms.cost,
            _ => 1,
        },
        key.record.generation,
        if upload {
            lease_ms.saturating_add(LEASE_MARGIN_MS)
        } else {
            0
        },
        ticket,
    );
    if deployment.settings.cors && !key.record.allowed_origins.is_empty() {
        let origin = glue::header(call, "origin");
        if key.record.allowed_origins.contains(&origin) {
            glue::set_origin(call, &origin);
        }
    }
    judge(call, &key, scope, now)?;
    if wish.listed {
        judge(call, &key, Some(Scope::TranscriptsWrite), now)?;
    }
    match route {
        Route::Audio(_) | Route::AsyncAudio(_) => check_upload(deployment, parts)?,
        Route::Realtime if !asks_for_websocket(&glue::header(call, "upgrade")) => {
            return Err(EdgeError::UpgradeRequired);
        }
        _ => {}
    }
    // What weighs nothing is never refused.
    if !is_free {
        limiter_client::remembered(call, &key, upload, now)?;
    }
    if key.terms.permits_ahead > 0 && !is_free && limiter_client::permitted(call, &key, upload, now)
    {
        return serve(call, deployment, &key, parts, route, now);
    }
    let (refused, refusal) = key.unreported.replace((0, Code::Admitted));
    if refused > 0 || key.terms.permits_ahead > 0 {
        let (used, ahead) = key.permits.borrow_mut().ask(key.terms.permits_ahead, now);
        glue::set_news(call, refused, u32::from(refusal.letter()), used, ahead);
    }
    Ok(Next::Need(Step::Admit))
}
