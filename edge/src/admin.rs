//! `/admin/keys`: the administrator's requests. They are few; this file is plain rather than fast.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use edge_core::admin::{Admin, MAX_BODY_BYTES};
use edge_core::api_key::KeyHash;
use edge_core::error::EdgeError;
use edge_core::headers::{Credential, credential};
use js_sys::Uint8Array;
use js_sys::futures::{JsFuture, future_to_promise};
use serde::Serialize;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::clock::{RuntimeClock, RuntimeRng};
use crate::deployment::Deployment;
use crate::glue::{self, Call, UrlSearchParams, thrown};
use crate::key_store::KvKeyStore;
use crate::limiter_client::Limiter;
use crate::reply;
use crate::router::Parts;

/// Answers a request under `/admin/` with the promise of a response.
///
/// Unwind safety: what outlives a panic is the isolate's memory in `Deployment`. Its `RefCell`s are let
/// go by the unwinding, and no change to what they hold spans a call that can panic.
pub(crate) fn handle(
    call: &Call,
    deployment: &Rc<Deployment>,
    parts: &Parts<'_>,
) -> Result<JsValue, EdgeError> {
    // Before the route: who holds no root key learns nothing about what there is.
    authorize(deployment, parts)?;
    let (call, deployment) = (call.clone(), Rc::clone(deployment));
    let asked = Asked {
        method: parts.method.to_owned(),
        path: parts.path.to_owned(),
        query: parts.query.to_owned(),
        content_type: parts.content_type.to_owned(),
    };
    let answer = async move {
        let answered = answer_to(&call, &deployment, &asked).await;
        Ok(answered.unwrap_or_else(|error| reply::error(&call, &error)))
    };
    Ok(future_to_promise(AssertUnwindSafe(answer)).into())
}

/// What is decided on, kept while storage is waited for.
struct Asked {
    method: String,
    path: String,
    query: String,
    content_type: String,
}

async fn answer_to(
    call: &Call,
    deployment: &Deployment,
    asked: &Asked,
) -> Result<JsValue, EdgeError> {
    let store = KvKeyStore::new(call).map_err(EdgeError::KeyStoreUnavailable)?;
    let admin = Admin {
        store: &store,
        limiter: &Limiter { call },
        clock: &RuntimeClock,
        settings: &deployment.settings,
    };
    let rest = asked
        .path
        .strip_prefix("/admin/keys")
        .ok_or(EdgeError::UnknownRoute)?;
    match (rest.strip_prefix('/'), asked.method.as_str()) {
        (None, _) if !rest.is_empty() => Err(EdgeError::UnknownRoute),
        (None, "POST") => {
            let body = read_json(call, asked).await?;
            answer(call, 201, &admin.create(&body, &mut RuntimeRng).await?)
        }
        (None, "GET") => {
            let query = UrlSearchParams::new(&asked.query);
            let (owner, cursor) = (query.get("owner"), query.get("cursor"));
            let limit = query.get("limit");
            let list = admin
                .list(owner.as_deref(), cursor.as_deref(), limit.as_deref())
                .await?;
            answer(call, 200, &list)
        }
        (None, _) => Err(EdgeError::MethodNotAllowed("GET, POST")),
        (Some(id), "GET") => answer(call, 200, &admin.get(id).await?),
        (Some(id), "DELETE") => {
            let hash = admin.revoke(id).await?;
            deployment.keys.borrow_mut().forget(&hash);
            Ok(reply::empty(call, 204))
        }
        (Some(_), _) => Err(EdgeError::MethodNotAllowed("GET, DELETE")),
    }
}

fn authorize(deployment: &Deployment, parts: &Parts<'_>) -> Result<(), EdgeError> {
    match credential(parts.authorization, "") {
        Credential::Presented(key)
            if KeyHash::of(key).eq_constant_time(&deployment.settings.root_key) =>
        {
            Ok(())
        }
        Credential::Presented(_) => Err(EdgeError::InvalidKey),
        Credential::Missing | Credential::Conflicting => Err(EdgeError::MissingKey),
    }
}

async fn read_json(call: &Call, asked: &Asked) -> Result<Vec<u8>, EdgeError> {
    let essence = asked
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(EdgeError::UnsupportedMediaType("application/json"));
    }
    #[allow(clippy::cast_possible_truncation)] // 64 KiB.
    let body = JsFuture::from(glue::read_body(call, MAX_BODY_BYTES as u32))
        .await
        .map_err(|error| EdgeError::InvalidBody(thrown(&error)))?;
    if body.is_null() {
        return Err(EdgeError::TooLarge(MAX_BODY_BYTES as u64));
    }
    Ok(body.unchecked_into::<Uint8Array>().to_vec())
}

fn answer(call: &Call, status: u16, body: &impl Serialize) -> Result<JsValue, EdgeError> {
    let json = serde_json::to_string(body).map_err(|e| EdgeError::Internal(e.to_string()))?;
    Ok(reply::json(call, status, &json))
}
