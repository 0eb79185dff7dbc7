//! The same request again makes the same: what it would draw by lot is derived from its `Idempotency-Key`, so the
//! answer that was lost can be had again, although no secret of it is ever stored.

use sha2::{Digest as _, Sha256};

use crate::change::Actor;
use crate::error::{EdgeError, invalid};
use crate::ports::{Rng, RngError};

/// Longest idempotency key, in bytes.
const MAX_IDEMPOTENCY_BYTES: usize = 255;

/// The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header-07).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub(crate) key: String,
    /// SHA-256 of the body, in hex.
    pub(crate) body: String,
}

impl Idempotency {
    /// Reads the header's value; an empty one is none.
    pub fn of(header: &str, body: &[u8]) -> Result<Option<Self>, EdgeError> {
        if header.is_empty() {
            return Ok(None);
        }
        if header.len() > MAX_IDEMPOTENCY_BYTES
            || !header.bytes().all(|b| (0x20..0x7f).contains(&b))
        {
            let message = format!(
                "`Idempotency-Key` must be at most {MAX_IDEMPOTENCY_BYTES} printable ASCII characters."
            );
            return Err(invalid("Idempotency-Key", message));
        }
        Ok(Some(Self {
            key: header.to_owned(),
            body: hex::encode(Sha256::digest(body)),
        }))
    }

    /// SHA-256 of the body, in hex.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// What a key that this request makes remembers of it: of item `index` of its body.
    pub(crate) fn made_by(&self, index: usize) -> String {
        format!("{}.{index}", self.body)
    }

    /// What a change remembers of this request: the same for no other caller, key or body.
    pub(crate) fn mark(&self, actor: &Actor) -> String {
        let text = format!("{}\n{}\n{}", actor.id, self.key, self.body);
        hex::encode(&Sha256::digest(text)[..16])
    }
}

/// By what a request of a key to a path is known again: its `Idempotency-Key` as nobody can read it.
pub fn mark_of(key_id: &str, path: &str, idempotency: &Idempotency) -> String {
    hex::encode(Sha256::digest(format!(
        "{key_id}\n{path}\n{}",
        idempotency.key
    )))
}

/// Bytes derived from a seed: SHA-256 in counter mode. As hard to guess as the seed.
pub(crate) struct Derived {
    seed: [u8; 32],
    counter: u64,
}

impl Derived {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }
}

impl Rng for Derived {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        for chunk in bytes.chunks_mut(32) {
            let mut block = Sha256::new();
            block.update(self.seed);
            block.update(self.counter.to_le_bytes());
            self.counter += 1;
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
        }
        Ok(())
    }
}
