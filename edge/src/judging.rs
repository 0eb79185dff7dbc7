//! What of a request is judged before the limiter is asked: refused here, it is not charged.

use edge_core::error::EdgeError;
use edge_core::headers::is_multipart;
use edge_core::idempotency;
use edge_core::ports::UnixMs;
use edge_core::scope::Scope;
use edge_core::transcripts::{Wish, is_wanted};
use edge_core::verify::{Verdict, verify};

use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call, UrlSearchParams};
use crate::router::{Parts, Route};

/// The scope that a route needs, if it needs one.
pub(crate) fn scope_of(route: Route<'_>, method: &str) -> Option<Scope> {
    match route {
        Route::Audio(scope) => Some(scope),
        Route::Realtime => Some(Scope::Transcribe),
        Route::AsyncAudio(_)
        | Route::Jobs
        | Route::JobBatch
        | Route::Job(_)
        | Route::JobEvents(_)
        | Route::Uploads
        | Route::Upload(_)
        | Route::Webhooks(_) => Some(Scope::Jobs),
        Route::TranscriptList | Route::Export | Route::Audition(_) => Some(Scope::TranscriptsRead),
        Route::Transcript(_) if method == "GET" => Some(Scope::TranscriptsRead),
        Route::Transcript(_) | Route::Share(_) => Some(Scope::TranscriptsWrite),
        _ => None,
    }
}

/// Judges a key by its record, for what needs this scope.
pub(crate) fn judge(
    call: &Call,
    key: &KnownKey,
    scope: Option<Scope>,
    now: UnixMs,
) -> Result<(), EdgeError> {
    // A header is looked at where it matters: few keys are bound to addresses.
    let address = if key.record.allowed_ips.is_empty() {
        None
    } else {
        glue::header(call, "cf-connecting-ip").parse().ok()
    };
    match verify(&key.record, &key.terms, scope, address, now) {
        Verdict::Valid => Ok(()),
        Verdict::Revoked => Err(EdgeError::RevokedKey),
        Verdict::Disabled => Err(EdgeError::DisabledKey),
        Verdict::Expired => Err(EdgeError::ExpiredKey),
        Verdict::ForbiddenAddress => Err(EdgeError::ForbiddenAddress),
        Verdict::InsufficientScope(scope) => Err(EdgeError::InsufficientScope(scope)),
    }
}

/// Why something of an upload's answer is to be kept.
pub(crate) fn wish(parts: &Parts<'_>) -> Result<Wish, EdgeError> {
    let named = parts.query.contains("store");
    let query = named.then(|| UrlSearchParams::new(parts.query).get("store"));
    Ok(Wish {
        listed: is_wanted(query.flatten().as_deref(), parts.store)?,
        once: idempotency::is_given(parts.idempotency_key)?,
    })
}

/// Judges an upload by its headers.
pub(crate) fn check_upload(deployment: &Deployment, parts: &Parts<'_>) -> Result<(), EdgeError> {
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
