//! The way of a request with an API key: credential, verdict, admission, then what it came for.

use std::cell::RefCell;
use std::rc::Rc;

use edge_core::error::EdgeError;
use edge_core::headers::{Credential, credential, is_multipart};
use edge_core::key_cache::Cached;
use edge_core::key_record::Scope;
use edge_core::ports::{KeyStore as _, UnixMs};
use edge_core::verify::{Verdict, verify};
use js_sys::JsString;
use wasm_bindgen::JsValue;

use crate::deployment::{Deployment, KnownKey};
use crate::glue::Call;
use crate::key_store::KvKeyStore;
use crate::router::Parts;
use crate::{forward, limiter_client};

/// Finds the key of a request and judges it: garbage without any I/O, then the isolate's memory, then
/// KV. Nothing is charged.
pub(crate) async fn authenticate(
    call: &Call,
    deployment: &Deployment,
    parts: &Parts<'_>,
    scope: Option<Scope>,
    now: UnixMs,
) -> Result<Rc<KnownKey>, EdgeError> {
    let text = match credential(parts.authorization, parts.api_key) {
        Credential::Missing => return Err(EdgeError::MissingKey),
        Credential::Conflicting => return Err(EdgeError::ConflictingKeys),
        Credential::Presented(text) => text,
    };
    let format = &deployment.settings.key_format;
    let hash = format
        .parse(text)
        .map_err(|_| EdgeError::InvalidKey)?
        .hash();
    let cached = deployment.keys.borrow().look_up(&hash, now);
    let key = match cached {
        Cached::Found(key) => key,
        Cached::Unknown => return Err(EdgeError::InvalidKey),
        Cached::Absent => {
            let store = KvKeyStore::new(call).map_err(EdgeError::KeyStoreUnavailable)?;
            let record = store
                .get(&hash)
                .await
                .map_err(EdgeError::KeyStoreUnavailable)?;
            let mut keys = deployment.keys.borrow_mut();
            let Some(record) = record else {
                keys.keep_unknown(hash, now);
                return Err(EdgeError::InvalidKey);
            };
            let known = KnownKey {
                object_name: JsString::from(record.id.as_str()),
                record,
                refusal: RefCell::new(None),
            };
            keys.keep(hash, known, now)
        }
    };
    match verify(&key.record, scope, now) {
        Verdict::Valid => Ok(key),
        Verdict::Revoked => Err(EdgeError::RevokedKey),
        Verdict::Disabled => Err(EdgeError::DisabledKey),
        Verdict::Expired => Err(EdgeError::ExpiredKey),
        Verdict::InsufficientScope(scope) => Err(EdgeError::InsufficientScope(scope)),
    }
}

/// What can be refused about an upload before anything is charged: its form and its declared length.
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

/// `POST /v1/audio/transcriptions` and `/v1/audio/translations`.
pub(crate) async fn transcribe(
    call: &Call,
    deployment: &Deployment,
    parts: &Parts<'_>,
    scope: Scope,
    key: &KnownKey,
    now: UnixMs,
) -> Result<(JsValue, u16), EdgeError> {
    check_upload(deployment, parts)?;
    limiter_client::admit(call, key, now).await?;
    forward::forward(call, deployment, &key.record, scope, parts.request_id, now).await
}
