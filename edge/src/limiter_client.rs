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

/// Asks the limiter for one admission. `Ok`: admitted, and its headers are on the call.
///
/// A refusal is kept in the isolate until it ends, and while it lasts the object is not asked: it
/// would say the same. A limiter that gives no answer admits nothing.
pub(crate) async fn admit(call: &Call, key: &KnownKey, now: UnixMs) -> Result<(), EdgeError> {
    if let Some(refusal) = key
        .refusal
        .borrow()
        .as_ref()
        .filter(|refusal| now < refusal.until)
    {
        glue::set_packed(call, &refusal.pack(now));
        return Err(refused(refusal, now));
    }
    let mut code = ask(call, key).await?;
    if code == Code::Unconfigured {
        // A record that came into KV by another way than the admin API: its limits go to the object
        // first, and only then is it asked again.
        Limiter { call }
            .configure(&key.record.id, &key.record.limits)
            .await
            .map_err(EdgeError::LimiterUnavailable)?;
        code = ask(call, key).await?;
    }
    match code {
        // The answer's headers stay on the JavaScript side: reading them here costs more than the rest.
        Code::Admitted => Ok(()),
        Code::Revoked => Err(EdgeError::RevokedKey),
        Code::Unconfigured => Err(unintelligible()),
        Code::RateLimited | Code::QuotaUsedUp => {
            let Some(Answer::Refused(refusal)) = Answer::read(&glue::packed(call), now) else {
                return Err(unintelligible());
            };
            let error = refused(&refusal, now);
            *key.refusal.borrow_mut() = Some(refusal);
            Err(error)
        }
    }
}

async fn ask(call: &Call, key: &KnownKey) -> Result<Code, EdgeError> {
    let letter = JsFuture::from(glue::admit(call, &key.object_name, 1))
        .await
        .map_err(|error| EdgeError::LimiterUnavailable(failed(&error)))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `charCodeAt`, or no code.
    let code = letter.as_f64().map_or(0, |number| number as u32);
    char::from_u32(code)
        .and_then(Code::from_letter)
        .ok_or_else(unintelligible)
}

fn unintelligible() -> EdgeError {
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
