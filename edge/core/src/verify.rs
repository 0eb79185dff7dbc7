//! The verdict on a key: record, need and time in, verdict out. Nothing is read or written.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::key_record::{KeyRecord, Terms};
use crate::ports::UnixMs;
use crate::scope::Scope;

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
    /// Not from this address.
    ForbiddenAddress,
    /// It lacks this scope.
    InsufficientScope(Scope),
}

/// Judges a key. `scope` is what the route needs, `None` where every good key will do; `address` the
/// caller's, `None` where it is not known.
///
/// The order is that of what the caller should hear first: a revoked key is revoked, whatever else.
pub fn verify(
    record: &KeyRecord,
    terms: &Terms,
    scope: Option<Scope>,
    address: Option<IpAddr>,
    now: UnixMs,
) -> Verdict {
    if record.revoked_at.is_some() {
        return Verdict::Revoked;
    }
    if !record.enabled {
        return Verdict::Disabled;
    }
    if record.expires_at.is_some_and(|at| now.seconds() >= at) {
        return Verdict::Expired;
    }
    if !record.allowed_ips.is_empty() && !address.is_some_and(|ip| is_among(ip, record)) {
        return Verdict::ForbiddenAddress;
    }
    match scope {
        Some(scope) if !terms.scopes.contains(&scope) => Verdict::InsufficientScope(scope),
        _ => Verdict::Valid,
    }
}

/// Whether an address lies in one of a key's blocks.
fn is_among(address: IpAddr, record: &KeyRecord) -> bool {
    let address = address.to_canonical();
    let blocks = record.allowed_ips.iter().filter_map(|text| block(text));
    blocks.into_iter().any(|block| block.contains(&address))
}

/// Reads a CIDR block (RFC 4632, RFC 4291), or a single address.
pub fn block(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    const NOW: UnixMs = UnixMs(1_790_000_000_999);

    fn judge(key: &KeyRecord, scope: Option<Scope>, now: UnixMs) -> Verdict {
        verify(key, &key.terms(None), scope, None, now)
    }

    #[test]
    fn a_good_key_is_valid_for_its_scopes_only() {
        let mut key = record("key_1");
        key.scopes = Some(vec![Scope::Transcribe]);
        assert_eq!(judge(&key, None, NOW), Verdict::Valid);
        assert_eq!(judge(&key, Some(Scope::Transcribe), NOW), Verdict::Valid);
        assert_eq!(
            judge(&key, Some(Scope::Translate), NOW),
            Verdict::InsufficientScope(Scope::Translate)
        );
    }

    #[test]
    fn a_key_expires_at_its_second_not_after_it() {
        let mut key = record("key_1");
        key.expires_at = Some(NOW.seconds() + 1);
        assert_eq!(judge(&key, None, NOW), Verdict::Valid);
        assert_eq!(judge(&key, None, NOW.plus_ms(1)), Verdict::Expired);
    }

    #[test]
    fn revoked_goes_before_disabled_before_expired() {
        let mut key = record("key_1");
        key.expires_at = Some(1);
        assert_eq!(judge(&key, None, NOW), Verdict::Expired);
        key.enabled = false;
        assert_eq!(judge(&key, None, NOW), Verdict::Disabled);
        key.revoked_at = Some(1);
        assert_eq!(judge(&key, None, NOW), Verdict::Revoked);
    }

    #[test]
    fn a_key_bound_to_addresses_works_from_those_alone() {
        let mut key = record("key_1");
        key.allowed_ips = vec!["192.0.2.0/24".into(), "2001:db8::7".into()];
        for (address, verdict) in [
            (Some("192.0.2.9"), Verdict::Valid),
            (Some("::ffff:192.0.2.9"), Verdict::Valid),
            (Some("2001:db8::7"), Verdict::Valid),
            (Some("2001:db8::8"), Verdict::ForbiddenAddress),
            (Some("198.51.100.1"), Verdict::ForbiddenAddress),
            (None, Verdict::ForbiddenAddress),
        ] {
            let address = address.map(|text| text.parse().unwrap());
            assert_eq!(verify(&key, &key.terms(None), None, address, NOW), verdict);
        }
        for text in ["", "192.0.2.0/33", "192.0.2", "example.org", "::/129"] {
            assert_eq!(block(text), None, "{text}");
        }
    }
}
