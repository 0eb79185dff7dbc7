//! Who may use the service: a request is served if an edge that shares our secret signed it.
//!
//! The service knows no keys and no limits. What the edge vouches for stands in the signed claims,
//! and nothing else of a request is believed.

use std::collections::hash_map::RandomState;
use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::request::Parts;
use inference_api::claims::{Claims, Render};
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::signature::{MAX_SKEW_SECONDS, Secret, verify};

use crate::error::Error;

/// How long a request id is remembered: a signature is good for the skew either way.
const REMEMBERED: Duration = Duration::from_secs(2 * MAX_SKEW_SECONDS);
/// Most ids remembered; far above what a host can serve in that time.
const MAX_REMEMBERED: usize = 1 << 18;
/// Longest request id.
const MAX_ID_BYTES: usize = 128;

/// Checks requests.
pub(crate) struct Authenticator {
    secrets: Vec<Secret>,
    /// Whether a request without signature is served, with every right.
    unsigned_allowed: bool,
    /// How long an unsigned request may take.
    unsigned_timeout: Duration,
    seen: Mutex<Seen>,
}

impl Authenticator {
    pub(crate) fn new(
        secrets: Vec<Secret>,
        unsigned_allowed: bool,
        unsigned_timeout: Duration,
    ) -> Self {
        Self {
            secrets,
            unsigned_allowed,
            unsigned_timeout,
            seen: Mutex::default(),
        }
    }

    /// The claims of a request, if it is genuine, fresh and new.
    pub(crate) fn authenticate(&self, parts: &Parts) -> Result<Claims, Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let signature = header(parts, EDGE_SIGNATURE)?;
        let encoded = header(parts, EDGE_CLAIMS)?;
        let (Some(signature), Some(encoded)) = (signature, encoded) else {
            if self.unsigned_allowed {
                return Ok(self.anybody(now));
            }
            return Err(refused("no signature"));
        };
        if self.secrets.is_empty() && self.unsigned_allowed {
            return Ok(self.anybody(now));
        }
        let path = parts.uri.path();
        verify(
            &self.secrets,
            signature,
            parts.method.as_str(),
            path,
            encoded,
            now.as_secs(),
        )
        .map_err(refused)?;
        let claims = Claims::decode(encoded).map_err(refused)?;
        if claims.request_id.is_empty() || claims.request_id.len() > MAX_ID_BYTES {
            return Err(refused("the request id is empty or too long"));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(&claims.request_id, Instant::now())?;
        Ok(claims)
    }

    /// Claims of an unsigned request, where those are allowed.
    fn anybody(&self, now: Duration) -> Claims {
        let deadline = now + self.unsigned_timeout;
        Claims {
            request_id: String::new(),
            key_id: "unsigned".to_owned(),
            owner: None,
            scopes: vec!["transcribe".to_owned(), "translate".to_owned()],
            models: vec!["*".to_owned()],
            max_audio_seconds: None,
            priority: 5,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
            render: Render::Client,
            keep: None,
            job: None,
        }
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> Result<Option<&'a str>, Error> {
    let mut values = parts.headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused(format!("{name} was given twice")));
    }
    value.to_str().map(Some).map_err(refused)
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn refused(cause: impl ToString) -> Error {
    Error::InvalidSignature {
        cause: cause.to_string(),
    }
}

/// Request ids of the last two minutes, as hashes keyed at random.
#[derive(Default)]
struct Seen {
    hashes: HashSet<u64>,
    order: VecDeque<(Instant, u64)>,
    hasher: RandomState,
}

impl Seen {
    fn insert(&mut self, id: &str, now: Instant) -> Result<(), Error> {
        while let Some((when, hash)) = self.order.front()
            && now.saturating_duration_since(*when) > REMEMBERED
        {
            self.hashes.remove(hash);
            self.order.pop_front();
        }
        if self.order.len() >= MAX_REMEMBERED {
            // Forgetting one would let it be replayed.
            return Err(Error::QueueFull {
                retry_after: REMEMBERED,
            });
        }
        let hash = self.hasher.hash_one(id);
        if !self.hashes.insert(hash) {
            return Err(Error::Replayed);
        }
        self.order.push_back((now, hash));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn secret(letter: &str) -> Secret {
        Secret::new(letter.repeat(32)).unwrap()
    }

    fn unix_seconds() -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    }

    fn authenticator(unsigned_allowed: bool) -> Authenticator {
        let secrets = vec![secret("a"), secret("b")];
        Authenticator::new(secrets, unsigned_allowed, Duration::from_mins(1))
    }

    fn claims(id: &str) -> Claims {
        Claims {
            request_id: id.into(),
            ..authenticator(true).anybody(Duration::from_secs(unix_seconds()))
        }
    }

    fn signed(signer: &Secret, claims: &Claims, path: &str, seconds: u64) -> Parts {
        let encoded = claims.encode();
        let signature = signer.sign("POST", "/v1/x", &encoded, seconds);
        Request::post(path)
            .header(EDGE_CLAIMS, encoded)
            .header(EDGE_SIGNATURE, signature)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    #[test]
    fn a_signed_request_passes_once() {
        let auth = authenticator(false);
        for letter in ["a", "b"] {
            let claims = claims(letter);
            let parts = signed(&secret(letter), &claims, "/v1/x?store=true", unix_seconds());
            assert_eq!(auth.authenticate(&parts).unwrap(), claims);
            assert!(matches!(auth.authenticate(&parts), Err(Error::Replayed)));
        }
    }

    #[test]
    fn unsigned_wrong_stale_and_doubled_signatures_are_refused() {
        let auth = authenticator(false);
        let now = unix_seconds();
        let unsigned = Request::post("/v1/x").body(()).unwrap().into_parts().0;
        let mut doubled = signed(&secret("a"), &claims("4"), "/v1/x", now);
        doubled
            .headers
            .append(EDGE_CLAIMS, claims("5").encode().parse().unwrap());
        for parts in [
            unsigned,
            doubled,
            signed(&secret("c"), &claims("1"), "/v1/x", now),
            signed(&secret("a"), &claims("2"), "/v1/x", now - 120),
            signed(&secret("a"), &claims("3"), "/v1/y", now),
            signed(&secret("a"), &claims(""), "/v1/x", now),
            signed(&secret("a"), &claims(&"i".repeat(129)), "/v1/x", now),
        ] {
            assert!(matches!(
                auth.authenticate(&parts),
                Err(Error::InvalidSignature { .. })
            ));
        }
    }

    #[test]
    fn where_unsigned_requests_are_allowed_a_wrong_signature_still_is_not() {
        let auth = authenticator(true);
        let unsigned = Request::post("/v1/x").body(()).unwrap().into_parts().0;
        assert!(auth.authenticate(&unsigned).is_ok());
        let wrong = signed(&secret("c"), &claims("1"), "/v1/x", unix_seconds());
        assert!(auth.authenticate(&wrong).is_err());
    }

    #[test]
    fn ids_are_forgotten_after_two_minutes_and_their_number_is_bounded() {
        let mut seen = Seen::default();
        let start = Instant::now();
        for i in 0..MAX_REMEMBERED {
            seen.insert(&i.to_string(), start).unwrap();
        }
        assert!(matches!(
            seen.insert("one more", start),
            Err(Error::QueueFull { .. })
        ));
        let later = start + REMEMBERED + Duration::from_millis(1);
        seen.insert("0", later).unwrap();
        assert_eq!(seen.hashes.len(), 1);
    }
}
