//! Key records in Workers KV.
//!
//! `key:<sha256>` holds a record, `id:<key id>` its hash, `owner:<owner>:<key id>` nothing but the
//! listing's metadata. The entry that makes a key work is written last and taken away first: a key
//! that works can always be found, and so be revoked.

use edge_core::api_key::KeyHash;
use edge_core::key_record::{KeyRecord, KeySummary};
use edge_core::ports::{KeyStore, Page, PortError};
use worker::kv::{KvError, KvStore};

use crate::glue::Call;

/// The KV namespace bound as `KEYS`.
pub(crate) struct KvKeyStore {
    kv: KvStore,
}

/// Oldest copy of an entry that a location may answer from, in seconds: KV's least.
const CACHE_SECONDS: u64 = 30;

impl KvKeyStore {
    /// The binding of this request.
    pub(crate) fn new(call: &Call) -> Result<Self, PortError> {
        let kv = KvStore::from_this(&call.env(), "KEYS").map_err(|error| failed(&error))?;
        Ok(Self { kv })
    }
}

fn failed(error: &KvError) -> PortError {
    PortError {
        port: "kv",
        cause: error.to_string(),
    }
}

fn owner_prefix(owner: Option<&str>) -> String {
    format!("owner:{}:", owner.unwrap_or_default())
}

impl KeyStore for KvKeyStore {
    async fn get(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, PortError> {
        self.kv
            .get(&format!("key:{}", hash.to_hex()))
            .cache_ttl(CACHE_SECONDS)
            .json()
            .await
            .map_err(|error| failed(&error))
    }

    async fn hash_of(&self, id: &str) -> Result<Option<KeyHash>, PortError> {
        let text = self
            .kv
            .get(&format!("id:{id}"))
            .cache_ttl(CACHE_SECONDS)
            .text()
            .await
            .map_err(|error| failed(&error))?;
        Ok(text.as_deref().and_then(KeyHash::from_hex))
    }

    async fn put(&self, hash: &KeyHash, record: &KeyRecord) -> Result<(), PortError> {
        let owner = format!("{}{}", owner_prefix(record.owner.as_deref()), record.id);
        let json = serde_json::to_string(record).map_err(|e| PortError {
            port: "kv",
            cause: e.to_string(),
        })?;
        let write = async {
            self.kv
                .put(&format!("id:{}", record.id), hash.to_hex())?
                .execute()
                .await?;
            self.kv
                .put(&owner, "")?
                .metadata(record.summary())?
                .execute()
                .await?;
            self.kv
                .put(&format!("key:{}", hash.to_hex()), json)?
                .execute()
                .await
        };
        write.await.map_err(|error: KvError| failed(&error))
    }

    async fn delete(&self, hash: &KeyHash, record: &KeyRecord) -> Result<(), PortError> {
        let owner = format!("{}{}", owner_prefix(record.owner.as_deref()), record.id);
        let delete = async {
            self.kv.delete(&format!("key:{}", hash.to_hex())).await?;
            self.kv.delete(&owner).await?;
            self.kv.delete(&format!("id:{}", record.id)).await
        };
        delete.await.map_err(|error: KvError| failed(&error))
    }

    async fn list(
        &self,
        owner: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<KeySummary>, PortError> {
        let prefix = owner.map_or_else(|| "owner:".to_owned(), |owner| owner_prefix(Some(owner)));
        let mut list = self.kv.list().prefix(prefix).limit(u64::from(limit));
        if let Some(cursor) = cursor {
            list = list.cursor(cursor.to_owned());
        }
        let page = list.execute().await.map_err(|error| failed(&error))?;
        let items = page
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key.metadata?).ok())
            .collect();
        Ok(Page {
            items,
            cursor: page.cursor.filter(|_| !page.list_complete),
        })
    }
}
