//! New keys and ids. With an idempotency key they are derived instead of drawn: the same request again
//! makes the same key, so the answer that was lost can be had again, although no key is ever stored.

use sha2::{Digest as _, Sha256};

use super::Admin;
use crate::api_key::{ApiKey, KeyEnv, push_random_base62};
use crate::change::Actor;
use crate::error::EdgeError;
use crate::key_record::{KEY_ID_PREFIX, ROOT_ID_PREFIX};
use crate::ports::{Rng, RngError};

const ID_RANDOM_CHARS: usize = 20;
/// Longest idempotency key, in bytes.
const MAX_IDEMPOTENCY_BYTES: usize = 255;

/// The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header-07).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    key: String,
    /// SHA-256 of the body, in hex.
    body: String,
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
            return Err(super::invalid("Idempotency-Key", message));
        }
        Ok(Some(Self {
            key: header.to_owned(),
            body: hex::encode(Sha256::digest(body)),
        }))
    }

    /// What a key that this request makes remembers of it: of item `index` of its body.
    pub(super) fn made_by(&self, index: usize) -> String {
        format!("{}.{index}", self.body)
    }

    /// What a change remembers of this request: the same for no other caller, key or body.
    pub(super) fn mark(&self, actor: &Actor) -> String {
        let text = format!("{}\n{}\n{}", actor.id, self.key, self.body);
        hex::encode(&Sha256::digest(text)[..16])
    }
}

/// A new key and the id that goes with it.
pub(super) struct Minted {
    pub key: ApiKey,
    pub id: String,
}

impl<P> Admin<'_, P> {
    /// Mints. `secret`: which of the signing secrets an idempotent key is derived with.
    pub(super) fn mint(
        &self,
        root: bool,
        idempotency: Option<(&Idempotency, usize)>,
        secret: usize,
        rng: &mut impl Rng,
    ) -> Result<Minted, EdgeError> {
        let (prefix, env) = if root {
            (ROOT_ID_PREFIX, Some(KeyEnv::Root))
        } else {
            (KEY_ID_PREFIX, None)
        };
        let mut id = prefix.to_owned();
        let format = &self.settings.key_format;
        let minted = match idempotency {
            None => push_random_base62(&mut id, ID_RANDOM_CHARS, rng)
                .and_then(|()| format.mint(env, rng)),
            Some((idempotency, index)) => {
                let seed = format!("{prefix}\n{}\n{}\n{index}", self.actor.id, idempotency.key);
                // The id must stay the same when the signing secrets are rotated: it is no secret.
                let id_seed: [u8; 32] = Sha256::digest(&seed).into();
                push_random_base62(&mut id, ID_RANDOM_CHARS, &mut Derived::new(id_seed)).and_then(
                    |()| {
                        let secrets = &self.settings.signing_secrets;
                        let secret = secrets.get(secret).ok_or(RngError)?;
                        let seed = format!("{}\n{seed}", self.credential);
                        let key_seed = secret.derive("api key", seed.as_bytes());
                        format.mint(env, &mut Derived::new(key_seed))
                    },
                )
            }
        };
        let key = minted.map_err(|e| EdgeError::Internal(e.to_string()))?;
        Ok(Minted { key, id })
    }
}

/// Bytes derived from a seed: SHA-256 in counter mode. As hard to guess as the seed.
struct Derived {
    seed: [u8; 32],
    counter: u64,
}

impl Derived {
    const fn new(seed: [u8; 32]) -> Self {
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

/// Whether a text is the id of a key (or of a root key).
pub(super) fn is_id(root: bool, id: &str) -> bool {
    let prefix = if root { ROOT_ID_PREFIX } else { KEY_ID_PREFIX };
    id.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == ID_RANDOM_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}
