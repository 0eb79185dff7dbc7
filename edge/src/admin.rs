//! `/admin/keys`: the administrator's requests. They are few; this file is plain rather than fast.

use edge_core::admin::{Admin, MAX_BODY_BYTES};
use edge_core::api_key::KeyHash;
use edge_core::error::EdgeError;
use edge_core::headers::{Credential, credential};
use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use serde::Serialize;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::clock::{RuntimeClock, RuntimeRng};
use crate::deployment::Deployment;
use crate::glue::{self, Call, UrlSearchParams, thrown};
use crate::key_store::KvKeyStore;
use crate::limiter_client::Limiter;
use crate::reply;
use crate::router::Parts;

/// Answers a request under `/admin/`.
pub(crate) async fn handle(
    call: &Call,
    deployment: &Deployment,
    parts: &Parts<'_>,
) -> Result<(JsValue, u16), EdgeError> {
    // Before the route: who holds no root key learns nothing about what there is.
    authorize(deployment, parts)?;
    let store = KvKeyStore::new(call).map_err(EdgeError::KeyStoreUnavailable)?;
    let admin = Admin {
        store: &store,
        limiter: &Limiter { call },
        clock: &RuntimeClock,
        settings: &deployment.settings,
    };
    let rest = parts
        .path
        .strip_prefix("/admin/keys")
        .ok_or(EdgeError::UnknownRoute)?;
    match (rest.strip_prefix('/'), parts.method) {
        (None, _) if !rest.is_empty() => Err(EdgeError::UnknownRoute),
        (None, "POST") => {
            let body = read_json(call, parts).await?;
            answer(call, 201, &admin.create(&body, &mut RuntimeRng).await?)
        }
        (None, "GET") => {
            let query = UrlSearchParams::new(parts.query);
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
            Ok((reply::empty(call, 204), 204))
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

async fn read_json(call: &Call, parts: &Parts<'_>) -> Result<Vec<u8>, EdgeError> {
    let essence = parts
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

fn answer(call: &Call, status: u16, body: &impl Serialize) -> Result<(JsValue, u16), EdgeError> {
    let json = serde_json::to_string(body).map_err(|e| EdgeError::Internal(e.to_string()))?;
    Ok((reply::json(call, status, &json), status))
}
