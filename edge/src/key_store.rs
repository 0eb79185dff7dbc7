//! Workers KV, as administration reads it. What is written there the objects write (`js/news.js`).

use edge_core::api_key::KeyHash;
use edge_core::key_record::KeyRecord;
use edge_core::key_state::{Entry, id_entry, plan_entry};
use edge_core::plan::Plan;
use edge_core::ports::{KeyStore, Page, PortError};
use worker::kv::{KvError, KvStore};

use crate::ports::Runtime;

/// Oldest copy of an entry that a location may answer from, in seconds: KV's least.
const CACHE_SECONDS: u64 = 30;

fn failed(error: impl std::fmt::Display) -> PortError {
    PortError {
        port: "kv",
        cause: error.to_string(),
    }
}

impl Runtime<'_> {
    /// The KV namespace bound as `KEYS`.
    fn kv(&self) -> Result<KvStore, PortError> {
        KvStore::from_this(&self.call.env(), "KEYS").map_err(failed)
    }

    async fn text(&self, entry: &str) -> Result<Option<String>, PortError> {
        let get = self.kv()?.get(entry).cache_ttl(CACHE_SECONDS);
        get.text().await.map_err(failed)
    }
}

impl KeyStore for Runtime<'_> {
    async fn record(&self, entry: &str) -> Result<Option<KeyRecord>, PortError> {
        let text = self.text(entry).await?;
        let record = text.as_deref().map(serde_json::from_str);
        record.transpose().map_err(failed)
    }

    async fn hash_of(&self, id: &str) -> Result<Option<KeyHash>, PortError> {
        let text = self.text(&id_entry(id)).await?;
        Ok(text.as_deref().and_then(KeyHash::from_hex))
    }

    async fn plan(&self, name: &str) -> Result<Option<Plan>, PortError> {
        let text = self.text(&plan_entry(name)).await?;
        let plan = text.as_deref().map(serde_json::from_str);
        plan.transpose().map_err(failed)
    }

    async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<serde_json::Value>, PortError> {
        let list = self.kv()?.list().prefix(prefix.to_owned());
        let mut list = list.limit(u64::from(limit));
        if let Some(cursor) = cursor {
            list = list.cursor(cursor.to_owned());
        }
        let page = list.execute().await.map_err(failed)?;
        Ok(Page {
            items: page
                .keys
                .into_iter()
                .filter_map(|key| key.metadata)
                .collect(),
            cursor: page.cursor.filter(|_| !page.list_complete),
        })
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), PortError> {
        let kv = self.kv()?;
        let remove = async {
            for entry in entries {
                kv.delete(&entry.name).await?;
            }
            Ok(())
        };
        remove.await.map_err(|error: KvError| failed(error))
    }
}
