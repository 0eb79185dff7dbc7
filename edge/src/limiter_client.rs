//! Calls to a key's limiter object.

use edge_core::admission::{Answer, Code, Refusal};
use edge_core::error::EdgeError;
use edge_core::limit::Limit;
use edge_core::ports::{KeyLimiter, PortError, UnixMs};
use js_sys::futures::JsFuture;
use wasm_bindgen::JsValue;

use crate::deployment::KnownKey;
use crate::glue::{self, Call, thrown};

fn failed(error: &JsValue) -> PortError {
    PortError {
        port: "limiter",
        cause: thrown(error),
    }
}

/// A refusal that is remembered and lasts still: the object is not asked, it would say the same. So a
/// flood over the limit costs no further calls.
pub(crate) fn remembered(call: &Call, key: &KnownKey, now: UnixMs) -> Result<(), EdgeError> {
    match key
        .refusal
        .borrow()
        .as_ref()
        .filter(|refusal| now < refusal.until)
    {
        None => Ok(()),
        Some(refusal) => {
            glue::set_packed(call, &refusal.pack(now));
            Err(refused(refusal, now))
        }
    }
}

/// What the limiter said, where it refused nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Go on: charged, and its headers are on the call.
    Admitted,
    /// It has no limits: the record came into KV by another way than the admin API.
    Configure,
}

/// Judges the limiter's answer by its first letter. The rest stays on the JavaScript side: reading it here
/// would cost more than all rules together. Only a refusal is read, and kept until it ends.
pub(crate) fn judge(
    call: &Call,
    key: &KnownKey,
    letter: u32,
    now: UnixMs,
) -> Result<Word, EdgeError> {
    let code = char::from_u32(letter)
        .and_then(Code::from_letter)
        .ok_or_else(unintelligible)?;
    match code {
        Code::Admitted => Ok(Word::Admitted),
        Code::Unconfigured => Ok(Word::Configure),
        Code::Revoked => Err(EdgeError::RevokedKey),
        Code::RateLimited | Code::QuotaUsedUp => {
            let Some(Answer::Refused(refusal)) = Answer::read(&call.packed(), now) else {
                return Err(unintelligible());
            };
            let error = refused(&refusal, now);
            *key.refusal.borrow_mut() = Some(refusal);
            Err(error)
        }
    }
}

/// The limiter's answer has no known form; nothing is admitted by it.
pub(crate) fn unintelligible() -> EdgeError {
    EdgeError::LimiterUnavailable(PortError {
        port: "limiter",
        cause: "no answer of a known form".to_owned(),
    })
}

fn refused(refusal: &Refusal, now: UnixMs) -> EdgeError {
    let limit = refusal.limit.clone();
    let retry_after = refusal.retry_after(now);
    match refusal.code {
        Code::QuotaUsedUp => EdgeError::QuotaUsedUp { limit, retry_after },
        _ => EdgeError::RateLimited { limit, retry_after },
    }
}

/// The limiter objects, for administration.
pub(crate) struct Limiter<'a> {
    /// The request that asks.
    pub call: &'a Call,
}

impl KeyLimiter for Limiter<'_> {
    async fn configure(&self, key_id: &str, limits: &[Limit]) -> Result<(), PortError> {
        let json = serde_json::to_string(limits).map_err(|e| PortError {
            port: "limiter",
            cause: e.to_string(),
        })?;
        let done = JsFuture::from(glue::configure(self.call, key_id, &json)).await;
        done.map(|_| ()).map_err(|error| failed(&error))
    }

    async fn revoke(&self, key_id: &str) -> Result<(), PortError> {
        let done = JsFuture::from(glue::revoke(self.call, key_id)).await;
        done.map(|_| ()).map_err(|error| failed(&error))
    }
}
