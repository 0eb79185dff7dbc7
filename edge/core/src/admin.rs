//! Administration of keys: create, read, list, revoke. The limiter object first, KV second, so that
//! no failure leaves a key that works without limits, or one that works after it was revoked.

use serde::{Deserialize, Serialize};

use crate::api_key::{KeyHash, push_random_base62};
use crate::config::{Settings, is_model_name};
use crate::error::EdgeError;
use crate::key_record::{KeyRecord, KeySummary, Scope};
use crate::limit::{Limit, check_all};
use crate::ports::{Clock, KeyLimiter, KeyStore, Rng, RngError};

/// Longest body of an administrator's request, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Most keys of one page.
pub const MAX_PAGE: u32 = 1_000;
/// Keys of a page where nothing is said.
pub const DEFAULT_PAGE: u32 = 100;

const ID_PREFIX: &str = "key_";
const ID_RANDOM_CHARS: usize = 20;
const MAX_METADATA_BYTES: usize = 1024;

/// The body of `POST /admin/keys`. Everything but the name may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    name: String,
    owner: Option<String>,
    scopes: Option<Vec<Scope>>,
    models: Option<Vec<String>>,
    limits: Option<Vec<Limit>>,
    enabled: Option<bool>,
    expires_at: Option<u64>,
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The answer to it: the record, and the key, shown this once.
#[derive(Serialize)]
pub struct CreatedKey {
    key: String,
    #[serde(flatten)]
    record: KeyRecord,
}

/// A page of `GET /admin/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyList {
    data: Vec<KeySummary>,
    next_cursor: Option<String>,
}

/// The administrator's view of the keys.
pub struct Admin<'a, S, L, C> {
    /// Key records.
    pub store: &'a S,
    /// Limiter objects.
    pub limiter: &'a L,
    /// The time.
    pub clock: &'a C,
    /// The deployment's settings.
    pub settings: &'a Settings,
}

impl<S: KeyStore, L: KeyLimiter, C: Clock> Admin<'_, S, L, C> {
    /// Makes a key. When this fails, no key works that was not there before, and none is unlimited.
    pub async fn create(&self, body: &[u8], rng: &mut impl Rng) -> Result<CreatedKey, EdgeError> {
        let wish: CreateKey =
            serde_json::from_slice(body).map_err(|e| EdgeError::InvalidBody(e.to_string()))?;
        let no_rng = |e: RngError| EdgeError::Internal(e.to_string());
        let key = self.settings.key_format.mint(rng).map_err(no_rng)?;
        let mut id = ID_PREFIX.to_owned();
        push_random_base62(&mut id, ID_RANDOM_CHARS, rng).map_err(no_rng)?;
        let record = self.record(wish, id, key.start())?;

        self.limiter
            .configure(&record.id, &record.limits)
            .await
            .map_err(EdgeError::LimiterUnavailable)?;
        let hash = key.hash();
        if let Err(error) = self.store.put(&hash, &record).await {
            // The write may have happened. Nobody has seen the key; make sure nobody could use it.
            // Both are best effort: should they fail too, the key is still limited and unknown.
            let _ = self.limiter.revoke(&record.id).await;
            let _ = self.store.delete(&hash, &record).await;
            return Err(EdgeError::KeyStoreUnavailable(error));
        }
        Ok(CreatedKey {
            key: key.reveal().to_owned(),
            record,
        })
    }

    /// One key's record.
    pub async fn get(&self, id: &str) -> Result<KeyRecord, EdgeError> {
        Ok(self.find(id).await?.1)
    }

    /// One page of keys, all of them or one owner's.
    pub async fn list(
        &self,
        owner: Option<&str>,
        cursor: Option<&str>,
        limit: Option<&str>,
    ) -> Result<KeyList, EdgeError> {
        let limit = match limit {
            None => DEFAULT_PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (1..=MAX_PAGE).contains(n))
                .ok_or_else(|| invalid("limit", format!("`limit` must be 1 to {MAX_PAGE}.")))?,
        };
        if owner.is_some_and(|owner| !is_owner(owner)) {
            return Err(invalid_owner());
        }
        let page = self
            .store
            .list(owner, cursor, limit)
            .await
            .map_err(EdgeError::KeyStoreUnavailable)?;
        Ok(KeyList {
            data: page.items,
            next_cursor: page.cursor,
        })
    }

    /// Revokes a key, for good: from this answer on it is refused everywhere, although KV spreads the
    /// change only within a minute. Doing it again changes nothing. Returns the key's hash, so that the
    /// isolate can forget what it remembers of it.
    pub async fn revoke(&self, id: &str) -> Result<KeyHash, EdgeError> {
        let (hash, mut record) = self.find(id).await?;
        self.limiter
            .revoke(&record.id)
            .await
            .map_err(EdgeError::LimiterUnavailable)?;
        if record.revoked_at.is_none() {
            record.revoked_at = Some(self.clock.now().seconds());
            record.version += 1;
            self.store
                .put(&hash, &record)
                .await
                .map_err(EdgeError::KeyStoreUnavailable)?;
        }
        Ok(hash)
    }

    async fn find(&self, id: &str) -> Result<(KeyHash, KeyRecord), EdgeError> {
        let well_formed = id.strip_prefix(ID_PREFIX).is_some_and(|rest| {
            rest.len() == ID_RANDOM_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        if !well_formed {
            return Err(EdgeError::NotFound("key"));
        }
        let hash = self
            .store
            .hash_of(id)
            .await
            .map_err(EdgeError::KeyStoreUnavailable)?;
        let Some(hash) = hash else {
            return Err(EdgeError::NotFound("key"));
        };
        let record = self
            .store
            .get(&hash)
            .await
            .map_err(EdgeError::KeyStoreUnavailable)?;
        record
            .map(|record| (hash, record))
            .ok_or(EdgeError::NotFound("key"))
    }

    fn record(&self, wish: CreateKey, id: String, start: &str) -> Result<KeyRecord, EdgeError> {
        let now = self.clock.now().seconds();
        let name = wish.name;
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            let message = "`name` must be 1 to 100 characters without control characters.";
            return Err(invalid("name", message.to_owned()));
        }
        if wish.owner.as_deref().is_some_and(|owner| !is_owner(owner)) {
            return Err(invalid_owner());
        }
        let models = wish.models.unwrap_or_else(|| vec!["*".to_owned()]);
        if models.is_empty()
            || models.len() > 64
            || !models.iter().all(|m| m == "*" || is_model_name(m))
        {
            let message = "`models` must be 1 to 64 names of models, or \"*\".";
            return Err(invalid("models", message.to_owned()));
        }
        let mut scopes = wish.scopes.unwrap_or_else(|| Scope::ALL.to_vec());
        scopes.dedup();
        if scopes.is_empty() || scopes.len() > Scope::ALL.len() {
            return Err(invalid(
                "scopes",
                "`scopes` must name each scope once.".to_owned(),
            ));
        }
        let limits = wish
            .limits
            .unwrap_or_else(|| self.settings.default_limits.clone());
        check_all(&limits).map_err(|e| invalid("limits", e.to_string()))?;
        if wish.expires_at.is_some_and(|at| at <= now) {
            return Err(invalid(
                "expires_at",
                "`expires_at` lies in the past.".to_owned(),
            ));
        }
        if let Some(metadata) = &wish.metadata
            && serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len())
                > MAX_METADATA_BYTES
        {
            let message = format!("`metadata` must be at most {MAX_METADATA_BYTES} bytes of JSON.");
            return Err(invalid("metadata", message));
        }
        Ok(KeyRecord {
            id,
            name,
            start: start.to_owned(),
            owner: wish.owner,
            scopes,
            models,
            limits,
            enabled: wish.enabled.unwrap_or(true),
            created_at: now,
            expires_at: wish.expires_at,
            revoked_at: None,
            metadata: wish.metadata,
            version: 1,
        })
    }
}

const fn invalid(param: &'static str, message: String) -> EdgeError {
    EdgeError::InvalidValue { param, message }
}

fn invalid_owner() -> EdgeError {
    let message = "`owner` must be 1 to 64 of A-Z, a-z, 0-9 and . _ @ | + -";
    invalid("owner", message.to_owned())
}

/// External ids as identity providers write them: `acme`, `auth0|5f7c`, `a@b.example`. No colon: it
/// separates the parts of a KV name.
fn is_owner(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'|' | b'+' | b'-')
        })
}

#[cfg(test)]
mod tests;
