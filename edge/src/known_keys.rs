//! The key that a request carries, and what memory knows of it and of its plan.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use edge_core::admission::Code;
use edge_core::api_key::KeyHash;
use edge_core::error::EdgeError;
use edge_core::headers::{Credential, credential, key_among};
use edge_core::key_cache::Cached;
use edge_core::key_record::KeyRecord;
use edge_core::plan::Plan;
use edge_core::ports::{PortError, UnixMs};
use js_sys::JsString;

use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call};
use crate::router::{Parts, Route};

/// How long a plan is kept in memory, in milliseconds: with KV's own spread, within a minute.
const PLAN_MS: u64 = 30_000;

/// The hash of the key a request carries. Garbage ends here, without any I/O.
pub(crate) fn presented(
    call: &Call,
    deployment: &Deployment,
    parts: &Parts<'_>,
) -> Result<KeyHash, EdgeError> {
    let hash_of = |text| {
        let hash = deployment.settings.hash_of(text);
        hash.ok_or(EdgeError::InvalidKey)
    };
    match credential(parts.authorization, parts.api_key) {
        Credential::Missing if matches!(Route::of(parts), Route::Realtime) => {
            // A page in a browser can set no other header of a WebSocket.
            let protocols = glue::header(call, "sec-websocket-protocol");
            key_among(&protocols).map_or(Err(EdgeError::MissingKey), hash_of)
        }
        Credential::Missing => Err(EdgeError::MissingKey),
        Credential::Conflicting => Err(EdgeError::ConflictingKeys),
        Credential::Presented(text) => hash_of(text),
    }
}

/// What memory knows of it.
pub(crate) fn find(
    call: &Call,
    deployment: &Deployment,
    parts: &Parts<'_>,
    now: UnixMs,
) -> Result<Cached<KnownKey>, EdgeError> {
    let hash = presented(call, deployment, parts)?;
    Ok(deployment.keys.borrow().look_up(&hash, now))
}

fn unreadable(error: impl std::fmt::Display) -> EdgeError {
    EdgeError::KeyStoreUnavailable(PortError {
        port: "kv",
        cause: error.to_string(),
    })
}

/// A record as KV has it.
pub(crate) fn read_record(text: &JsString) -> Result<KeyRecord, EdgeError> {
    serde_json::from_str(&String::from(text)).map_err(unreadable)
}

/// Keeps a plan in memory for a while.
pub(crate) fn keep_plan(deployment: &Deployment, text: &str, now: UnixMs) -> Result<(), EdgeError> {
    if text.is_empty() {
        // Not here yet, or gone: a key is not let in on terms that nobody knows.
        return Err(unreadable("the key's plan is not there"));
    }
    let plan: Plan = serde_json::from_str(text).map_err(unreadable)?;
    let mut plans = deployment.plans.borrow_mut();
    plans.retain(|_, (until, _)| now < *until);
    plans.insert(plan.name.clone(), (now.plus_ms(PLAN_MS), Rc::new(plan)));
    Ok(())
}

/// A plan that is in memory.
pub(crate) fn known_plan(deployment: &Deployment, name: &str, now: UnixMs) -> Option<Rc<Plan>> {
    let plans = deployment.plans.borrow();
    let (until, plan) = plans.get(name)?;
    (now < *until).then(|| Rc::clone(plan))
}

/// A key as memory keeps it.
pub(crate) fn known_key(text: JsString, record: KeyRecord, plan: Option<&Plan>) -> KnownKey {
    KnownKey {
        object_name: JsString::from(record.id.as_str()),
        text,
        terms: record.terms(plan),
        record,
        refusals: RefCell::default(),
        unreported: Cell::new((0, Code::Admitted)),
        permits: RefCell::default(),
        models: OnceCell::new(),
    }
}
