//! What the rules need from outside, as traits. The shell implements them on Workers KV, Durable
//! Objects and the runtime's clock; `testing` in memory, with faults.

use crate::api_key::KeyHash;
use crate::key_record::KeyRecord;
use crate::limit::Limit;

/// Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// The whole seconds of it.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This instant and `ms` more.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this, 0 if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The wall clock.
pub trait Clock {
    /// Now.
    fn now(&self) -> UnixMs;
}

/// The system's generator has nothing to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RngError;

/// Random bytes fit for secrets.
pub trait Rng {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError>;
}

/// A storage or an object could not be reached, or gave no answer. Whether the operation was carried
/// out is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{port}: {cause}")]
pub struct PortError {
    /// Which port.
    pub port: &'static str,
    /// For the log, never for the caller.
    pub cause: String,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last.
    pub cursor: Option<String>,
}

/// Key records, replicated for reading. A read may be up to a minute old.
#[allow(async_fn_in_trait)] // Wasm has one thread: no caller needs `Send`.
pub trait KeyStore {
    /// The record with this hash.
    async fn get(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, PortError>;
    /// The hash of the key with this id.
    async fn hash_of(&self, id: &str) -> Result<Option<KeyHash>, PortError>;
    /// Writes the record and the entries by which it is found by id and by owner.
    async fn put(&self, hash: &KeyHash, record: &KeyRecord) -> Result<(), PortError>;
    /// Takes all of them away.
    async fn delete(&self, hash: &KeyHash, record: &KeyRecord) -> Result<(), PortError>;
    /// Records by owner and id, without reading them one by one.
    async fn list(
        &self,
        owner: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<crate::key_record::KeySummary>, PortError>;
}

/// A key's own limiter object: the authority for its limits and its revocation.
#[allow(async_fn_in_trait)]
pub trait KeyLimiter {
    /// Sets the limits of a key that has none yet.
    async fn configure(&self, key_id: &str, limits: &[Limit]) -> Result<(), PortError>;
    /// From this call on the key is refused, for good. Idempotent.
    async fn revoke(&self, key_id: &str) -> Result<(), PortError>;
}
