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
        if !is_given(header)? {
            return Ok(None);
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

/// Whether a header's value is an idempotency key; an empty one is none.
///
/// # Errors
/// It is too long, or holds what no key may.
pub fn is_given(header: &str) -> Result<bool, EdgeError> {
    if header.len() > MAX_IDEMPOTENCY_BYTES || !header.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        let message = format!(
            "`Idempotency-Key` must be at most {MAX_IDEMPOTENCY_BYTES} printable ASCII characters."
        );
        return Err(invalid("Idempotency-Key", message));
    }
    Ok(!header.is_empty())
}

/// By which a request whose body nobody has read is known again, in hex: the same for no other caller, purpose or
/// path, and no way back to what its header held.
pub fn mark(purpose: &str, key_id: &str, path: &str, header: &str) -> String {
    // The header comes last: it alone is the caller's, and nothing follows that it could pass for.
    let text = format!("{purpose}\n{key_id}\n{path}\n{header}");
    hex::encode(Sha256::digest(text))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_printable_and_short_and_an_empty_one_is_none() {
        assert_eq!(is_given(""), Ok(false));
        for given in ["a", "\"8e03978e-40d5\"", " ", &"k".repeat(255)] {
            assert_eq!(is_given(given), Ok(true), "{given}");
        }
        for bad in ["a\u{7f}", "é", "a\tb", &"k".repeat(256)] {
            let refused = is_given(bad);
            assert!(
                matches!(
                    refused,
                    Err(EdgeError::InvalidValue {
                        param: "Idempotency-Key",
                        ..
                    })
                ),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_mark_is_the_same_for_the_same_request_alone_and_does_not_hold_its_key() {
        let one = mark("audio", "key_1", "/v1/audio/transcriptions", "once");
        assert_eq!(
            mark("audio", "key_1", "/v1/audio/transcriptions", "once"),
            one
        );
        assert_eq!(one.len(), 64);
        assert!(!one.contains("once"));
        for (purpose, key_id, path, header) in [
            ("jobs", "key_1", "/v1/audio/transcriptions", "once"),
            ("audio", "key_2", "/v1/audio/transcriptions", "once"),
            ("audio", "key_1", "/v1/audio/translations", "once"),
            ("audio", "key_1", "/v1/audio/transcriptions", "twice"),
        ] {
            let other = mark(purpose, key_id, path, header);
            assert_ne!(other, one, "{purpose} {key_id} {path} {header}");
        }
    }
}
