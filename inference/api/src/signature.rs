//! The signature with which the edge vouches for a request to the inference service.
//!
//! HMAC-SHA256 (RFC 2104, FIPS 180-4) over version, method, path, claims and unix seconds, one a
//! line. The header carries the seconds and the digest: `t=1790000000,v1=<64 hex digits>`. Two
//! secrets are accepted at once, so that they rotate without a refused request. The body is not
//! signed: it streams, and the channel below is TLS.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How far the edge's clock and the service's may stand apart, in seconds, either way.
pub const MAX_SKEW_SECONDS: u64 = 60;

/// Fewest bytes of a secret; HMAC-SHA256 gains nothing from fewer than its output (RFC 2104, 3).
pub const MIN_SECRET_BYTES: usize = 32;

/// A shared secret of the edge and the service. Redacted in `Debug`.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Why a list of secrets can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// A secret shorter than [`MIN_SECRET_BYTES`].
    #[error("a signing secret is shorter than {MIN_SECRET_BYTES} bytes")]
    TooShort,
    /// No secret, or more than two.
    #[error("one or two signing secrets are needed, separated by a comma")]
    Count,
}

impl Secret {
    /// A secret of at least [`MIN_SECRET_BYTES`] bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let bytes = bytes.into();
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(SecretError::TooShort);
        }
        Ok(Self(bytes))
    }

    /// Reads `current[,previous]`, the form of the setting `EDGE_SIGNING_SECRETS`. The first signs,
    /// both verify.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, SecretError> {
        let secrets: Vec<Self> = list
            .split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(Self::new)
            .collect::<Result<_, _>>()?;
        if secrets.is_empty() || secrets.len() > 2 {
            return Err(SecretError::Count);
        }
        Ok(secrets)
    }

    fn mac(
        &self,
        method: &str,
        path: &str,
        claims: &str,
        unix_seconds: u64,
    ) -> Option<Hmac<Sha256>> {
        // HMAC takes a key of any length; `None` can't happen and is treated as a wrong signature.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in ["v1", method, path, claims] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac.update(unix_seconds.to_string().as_bytes());
        Some(mac)
    }

    /// A secret of the edge's own for another purpose: HMAC-SHA256 of purpose and data. No signature is
    /// of this form, so neither can stand for the other.
    pub fn derive(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes a key of any length.
            return [0; 32];
        };
        for part in [b"derive" as &[u8], purpose.as_bytes(), data] {
            mac.update(part);
            mac.update(b"\n");
        }
        mac.finalize().into_bytes().into()
    }

    /// The header value for one request.
    pub fn sign(&self, method: &str, path: &str, claims: &str, unix_seconds: u64) -> String {
        let digest = self
            .mac(method, path, claims, unix_seconds)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default();
        format!("t={unix_seconds},v1={digest}")
    }
}

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not `t=…,v1=…`.
    #[error("the signature is malformed")]
    Malformed,
    /// Signed more than [`MAX_SKEW_SECONDS`] ago, or that far in the future.
    #[error("the signature is outside the accepted time")]
    Stale,
    /// No secret makes this digest.
    #[error("the signature is wrong")]
    Wrong,
}

/// Verifies a header value against every secret, in constant time for each.
pub fn verify(
    secrets: &[Secret],
    header: &str,
    method: &str,
    path: &str,
    claims: &str,
    now_unix_seconds: u64,
) -> Result<(), SignatureError> {
    let (seconds, digest) = parse(header).ok_or(SignatureError::Malformed)?;
    if seconds.abs_diff(now_unix_seconds) > MAX_SKEW_SECONDS {
        return Err(SignatureError::Stale);
    }
    let mut genuine = false;
    for secret in secrets {
        if let Some(mac) = secret.mac(method, path, claims, seconds) {
            genuine |= mac.verify_slice(&digest).is_ok();
        }
    }
    if genuine {
        Ok(())
    } else {
        Err(SignatureError::Wrong)
    }
}

fn parse(header: &str) -> Option<(u64, [u8; 32])> {
    let (t, v1) = header.split_once(',')?;
    let seconds = t.strip_prefix("t=")?.parse().ok()?;
    let mut digest = [0; 32];
    hex::decode_to_slice(v1.strip_prefix("v1=")?, &mut digest).ok()?;
    Some((seconds, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;

    fn secrets(list: &str) -> Vec<Secret> {
        Secret::parse_list(list).unwrap()
    }

    fn old_and_new() -> (String, String) {
        ("a".repeat(32), "b".repeat(32))
    }

    #[test]
    fn either_of_two_secrets_verifies() {
        let (old, new) = old_and_new();
        let both = secrets(&format!("{new},{old}"));
        for signer in [secrets(&old), secrets(&new)] {
            let header = signer[0].sign("POST", "/v1/x", "claims", NOW);
            assert_eq!(
                verify(&both, &header, "POST", "/v1/x", "claims", NOW),
                Ok(())
            );
        }
        let header = secrets(&old)[0].sign("POST", "/v1/x", "claims", NOW);
        assert_eq!(
            verify(&secrets(&new), &header, "POST", "/v1/x", "claims", NOW),
            Err(SignatureError::Wrong)
        );
    }

    #[test]
    fn a_change_of_any_signed_part_is_refused() {
        let (old, _) = old_and_new();
        let s = secrets(&old);
        let header = s[0].sign("POST", "/v1/x", "claims", NOW);
        for (method, path, claims) in [
            ("GET", "/v1/x", "claims"),
            ("POST", "/v1/y", "claims"),
            ("POST", "/v1/x", "claimz"),
            ("POST", "/v1/x\nclaims", ""),
        ] {
            assert_eq!(
                verify(&s, &header, method, path, claims, NOW),
                Err(SignatureError::Wrong)
            );
        }
        let moved = header.replace(&NOW.to_string(), &(NOW + 1).to_string());
        assert_eq!(
            verify(&s, &moved, "POST", "/v1/x", "claims", NOW),
            Err(SignatureError::Wrong)
        );
    }

    #[test]
    fn a_signature_is_good_for_a_minute_either_way() {
        let (old, _) = old_and_new();
        let s = secrets(&old);
        let header = s[0].sign("GET", "/", "c", NOW);
        for (now, expected) in [
            (NOW - 60, Ok(())),
            (NOW + 60, Ok(())),
            (NOW - 61, Err(SignatureError::Stale)),
            (NOW + 61, Err(SignatureError::Stale)),
        ] {
            assert_eq!(verify(&s, &header, "GET", "/", "c", now), expected);
        }
    }

    #[test]
    fn malformed_headers_are_refused() {
        let (old, _) = old_and_new();
        for header in ["", "t=1", "v1=00,t=1", "t=1,v1=zz", "t=-1,v1=00", "t=1,v1="] {
            assert_eq!(
                verify(&secrets(&old), header, "GET", "/", "c", 1),
                Err(SignatureError::Malformed),
                "{header}"
            );
        }
    }

    #[test]
    fn short_missing_and_too_many_secrets_are_refused_and_none_is_printed() {
        let (old, new) = old_and_new();
        assert_eq!(
            Secret::parse_list("short").unwrap_err(),
            SecretError::TooShort
        );
        assert_eq!(Secret::parse_list(" , ").unwrap_err(), SecretError::Count);
        assert_eq!(
            Secret::parse_list(&format!("{old},{new},{old}")).unwrap_err(),
            SecretError::Count
        );
        assert!(!format!("{:?}", secrets(&old)).contains('a'.to_string().repeat(4).as_str()));
    }
}
