//! The verdict on a key: record, need and time in, verdict out. Nothing is read or written.

use crate::key_record::{KeyRecord, Scope};
use crate::ports::UnixMs;

/// Whether a key may be used for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may, as far as its record says: limits and revocation are the limiter's word.
    Valid,
    /// Revoked, for good.
    Revoked,
    /// Switched off.
    Disabled,
    /// Its time is over.
    Expired,
    /// It lacks this scope.
    InsufficientScope(Scope),
}

/// Judges a key. `scope` is what the route needs, `None` where every good key will do.
///
/// The order is that of what the caller should hear first: a revoked key is revoked, whatever else.
pub fn verify(record: &KeyRecord, scope: Option<Scope>, now: UnixMs) -> Verdict {
    if record.revoked_at.is_some() {
        return Verdict::Revoked;
    }
    if !record.enabled {
        return Verdict::Disabled;
    }
    if record.expires_at.is_some_and(|at| now.seconds() >= at) {
        return Verdict::Expired;
    }
    match scope {
        Some(scope) if !record.scopes.contains(&scope) => Verdict::InsufficientScope(scope),
        _ => Verdict::Valid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    const NOW: UnixMs = UnixMs(1_790_000_000_999);

    #[test]
    fn a_good_key_is_valid_for_its_scopes_only() {
        let mut key = record("key_1");
        key.scopes = vec![Scope::Transcribe];
        assert_eq!(verify(&key, None, NOW), Verdict::Valid);
        assert_eq!(verify(&key, Some(Scope::Transcribe), NOW), Verdict::Valid);
        assert_eq!(
            verify(&key, Some(Scope::Translate), NOW),
            Verdict::InsufficientScope(Scope::Translate)
        );
    }

    #[test]
    fn a_key_expires_at_its_second_not_after_it() {
        let mut key = record("key_1");
        key.expires_at = Some(NOW.seconds() + 1);
        assert_eq!(verify(&key, None, NOW), Verdict::Valid);
        assert_eq!(verify(&key, None, NOW.plus_ms(1)), Verdict::Expired);
    }

    #[test]
    fn revoked_goes_before_disabled_before_expired() {
        let mut key = record("key_1");
        key.expires_at = Some(1);
        assert_eq!(verify(&key, None, NOW), Verdict::Expired);
        key.enabled = false;
        assert_eq!(verify(&key, None, NOW), Verdict::Disabled);
        key.revoked_at = Some(1);
        assert_eq!(verify(&key, None, NOW), Verdict::Revoked);
    }
}
