//! The word of a key's limiter object, on the way of a request.

use edge_core::admission::{Answer, Code, Refusal, permits};
use edge_core::error::EdgeError;
use edge_core::limiter::Permits;
use edge_core::ports::{PortError, UnixMs};

use crate::deployment::KnownKey;
use crate::glue::{self, Call};

/// A refusal that is remembered and lasts still: the object is not asked, it would say the same. So a
/// flood over the limit costs no further calls.
pub(crate) fn remembered(
    call: &Call,
    key: &KnownKey,
    upload: bool,
    now: UnixMs,
) -> Result<(), EdgeError> {
    let refusals = key.refusals.borrow();
    match refusals[usize::from(upload)]
        .as_ref()
        .filter(|refusal| now < refusal.until)
    {
        None => Ok(()),
        Some(refusal) => {
            key.unreported
                .set((key.unreported.get().0.saturating_add(1), refusal.code));
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
    upload: bool,
    letter: u32,
    now: UnixMs,
) -> Result<Word, EdgeError> {
    let code = char::from_u32(letter)
        .and_then(Code::from_letter)
        .ok_or_else(unintelligible)?;
    match code {
        Code::Admitted => {
            if key.terms.permits_ahead > 0 {
                take_permits(call, key, now);
            }
            Ok(Word::Admitted)
        }
        Code::Unconfigured => Ok(Word::Configure),
        Code::Revoked => Err(EdgeError::RevokedKey),
        Code::Disabled => Err(EdgeError::DisabledKey),
        Code::Expired => Err(EdgeError::ExpiredKey),
        Code::RateLimited | Code::QuotaUsedUp | Code::CreditsUsedUp | Code::ConcurrencyLimited => {
            let Some(Answer::Refused(refusal)) = Answer::read(&call.packed(), now) else {
                return Err(unintelligible());
            };
            let error = refused(&refusal, now);
            key.refusals.borrow_mut()[usize::from(upload)] = Some(refusal);
            Err(error)
        }
    }
}

/// Keeps the permits that came with an admission.
fn take_permits(call: &Call, key: &KnownKey, now: UnixMs) {
    let packed = call.packed();
    let permits = permits(&packed);
    if permits.count > 0 {
        let mut ahead = key.permits.borrow_mut();
        ahead.lots.push((permits, now.plus_ms(permits.last_ms)));
        ahead.packed = packed;
    }
}

/// Lets a request in by a permit taken ahead, if there is one that is good still.
pub(crate) fn permitted(call: &Call, key: &KnownKey, upload: bool, now: UnixMs) -> bool {
    let mut ahead = key.permits.borrow_mut();
    let good = |(permits, until): &(Permits, UnixMs)| permits.count > 0 && now < *until;
    ahead.lots.retain(good);
    let Some((permits, _)) = ahead.lots.first_mut() else {
        return false;
    };
    permits.count -= 1;
    let at = permits.at;
    if upload {
        #[allow(clippy::cast_precision_loss)] // Until the year 287396.
        glue::set_permit(call, at.0 as f64);
    } else {
        ahead.used += 1;
    }
    glue::set_packed(call, &ahead.packed);
    true
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
        Code::CreditsUsedUp => EdgeError::CreditsUsedUp { retry_after },
        Code::ConcurrencyLimited => EdgeError::ConcurrencyLimited { limit, retry_after },
        _ => EdgeError::RateLimited { limit, retry_after },
    }
}
