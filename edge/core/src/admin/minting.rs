//! New keys and ids. With an idempotency key they are derived instead of drawn: the same request again
//! makes the same key, so the answer that was lost can be had again, although no key is ever stored.

use sha2::{Digest as _, Sha256};

use super::Admin;
use crate::api_key::{ApiKey, KeyEnv, push_random_base62};
use crate::error::EdgeError;
use crate::idempotency::{Derived, Idempotency};
use crate::key_record::{KEY_ID_PREFIX, ROOT_ID_PREFIX};
use crate::ports::{Rng, RngError};

const ID_RANDOM_CHARS: usize = 20;
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

/// Whether a text is the id of a key (or of a root key).
pub(super) fn is_id(root: bool, id: &str) -> bool {
    let prefix = if root { ROOT_ID_PREFIX } else { KEY_ID_PREFIX };
    id.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == ID_RANDOM_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}
