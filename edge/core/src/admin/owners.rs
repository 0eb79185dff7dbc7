//! Owners: the limits that all keys of one share, and the deletion of everything about one.

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::{AT_ONCE, Admin, MAX_PAGE, Ports, checks, key_store, limiter, read};
use crate::change::Change;
use crate::error::EdgeError;
use crate::key_record::KeySummary;
use crate::key_state::{KeyState, listing_prefix};
use crate::limit::Limit;
use crate::ports::{Database, KeyObjects, owner_directory, plan_directory};
use crate::transcripts::account_of_owner;

/// The body of `PUT /admin/owners/{owner}/limits`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Limits that all keys of the owner share; none: no such limits.
    #[cfg_attr(feature = "openapi", schemars(length(max = 16)))]
    limits: Vec<Limit>,
}

/// An owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct OwnerDetail {
    /// External id.
    pub owner: String,
    /// Limits that all keys of the owner share.
    pub limits: Vec<Limit>,
    /// How many keys the owner has, revoked ones included.
    pub keys: usize,
}

/// What was deleted of an owner. Doing it again finds nothing: all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Purged {
    /// Keys, each with its entries of KV.
    pub keys: u64,
    /// Rows of the keys' objects and of the owner's: his limits, his webhooks, his sessions.
    pub object_rows: u64,
    /// Rows of usage.
    pub usage_rows: u64,
    /// Lines of the audit about the owner.
    pub audit_rows: u64,
    /// Kept transcripts.
    pub transcripts: u64,
}

impl<P: Ports> Admin<'_, P> {
    /// Sets the limits that all keys of an owner share. They hold for the next request of each key.
    pub async fn set_owner_limits(
        &self,
        owner: &str,
        body: &[u8],
    ) -> Result<OwnerDetail, EdgeError> {
        checks::owner(owner)?;
        let Limits { limits } = read(body)?;
        checks::limits(&limits)?;
        let before = self.ports.set_owner_limits(owner, &limits).await;
        let before = before.map_err(limiter)?;
        let mut event = self.event("owner.limits", &format!("owner:{owner}"));
        event.owner = Some(owner.to_owned());
        event.before = serde_json::to_value(before).ok();
        event.after = serde_json::to_value(&limits).ok();
        let announced = serde_json::json!({ "limited": !limits.is_empty() });
        self.ports
            .announce(&owner_directory(owner), &announced, None, &event)
            .await
            .map_err(limiter)?;
        self.owner(owner).await
    }

    /// An owner's limits and number of keys.
    pub async fn owner(&self, owner: &str) -> Result<OwnerDetail, EdgeError> {
        checks::owner(owner)?;
        let limits = self.ports.owner_limits(owner).await.map_err(limiter)?;
        let keys = self.ports.members(&owner_directory(owner)).await;
        Ok(OwnerDetail {
            owner: owner.to_owned(),
            limits,
            keys: keys.map_err(limiter)?.len(),
        })
    }

    /// Deletes everything about an owner: keys, their objects, entries of KV, webhooks, usage, audit, transcripts. What stays is
    /// that those ids are revoked, and a line of the audit that names the owner by a hash. It can be
    /// repeated, after a failure for instance, until it finds nothing.
    pub async fn purge_owner(&self, owner: &str) -> Result<Purged, EdgeError> {
        checks::owner(owner)?;
        let directory = owner_directory(owner);
        let mut keys = self.ports.members(&directory).await.map_err(limiter)?;
        keys.extend(self.listed(owner).await?);
        keys.sort();
        keys.dedup();
        let each = futures_util::stream::iter(&keys).map(|id| self.purge_key(id));
        let each: Vec<_> = each.buffered(AT_ONCE).collect().await;
        let mut purged = Purged::default();
        for of_key in each {
            let (found, rows) = of_key?;
            purged.keys += u64::from(found);
            purged.object_rows += rows;
        }
        purged.object_rows += KeyObjects::purge(self.ports, &directory)
            .await
            .map_err(limiter)?;
        let account = account_of_owner(owner);
        let webhooks = self.ports.purge_webhooks(&account).await;
        purged.object_rows += webhooks.map_err(EdgeError::WebhooksUnavailable)?;
        let portal = self.ports.purge_portal(owner).await;
        purged.object_rows += portal.map_err(EdgeError::PortalUnavailable)?;
        // Whose data it was is told by the hash that names his objects.
        let mut event = self.event("owner.purge", &directory);
        event.after = Some(serde_json::json!({ "keys": purged.keys }));
        purged.object_rows += self
            .ports
            .dissolve(&directory, &event)
            .await
            .map_err(limiter)?;
        // Last: what the objects had still to tell is told by now.
        let rows = Database::purge(self.ports, owner, &keys).await;
        (purged.usage_rows, purged.audit_rows) = rows.map_err(EdgeError::DatabaseUnavailable)?;
        let account = account_of_owner(owner);
        // Before the transcripts: what hosts were hearing is ended.
        let rows = self.ports.purge_jobs(&account).await;
        purged.object_rows += rows.map_err(EdgeError::JobsUnavailable)?;
        let transcripts = self.ports.purge_transcripts(&account).await;
        purged.transcripts = transcripts.map_err(EdgeError::DatabaseUnavailable)?;
        Ok(purged)
    }

    async fn purge_key(&self, id: &str) -> Result<(bool, u64), EdgeError> {
        let found = match self.find(false, id).await {
            Ok(found) => found,
            Err(EdgeError::NotFound(_)) => return Ok((false, 0)),
            Err(error) => return Err(error),
        };
        let view = self.change(id, Change::Revoke, found.known()).await?;
        let KeyState { record, .. } = &view.state;
        if let Some(plan) = &record.plan {
            let left = self.ports.leave(&plan_directory(plan), id).await;
            left.map_err(limiter)?;
        }
        // KV while the object still knows what it wrote there.
        let removed = self.ports.remove(&view.state.removal()).await;
        removed.map_err(key_store)?;
        let rows = KeyObjects::purge(self.ports, id).await.map_err(limiter)?;
        Ok((true, rows))
    }

    /// The ids of an owner's keys as KV lists them.
    async fn listed(&self, owner: &str) -> Result<Vec<String>, EdgeError> {
        let prefix = listing_prefix(false, Some(owner));
        let (mut ids, mut place) = (Vec::new(), None::<String>);
        loop {
            let page = self.ports.list(&prefix, place.as_deref(), MAX_PAGE).await;
            let page = page.map_err(key_store)?;
            let keys = page.items.into_iter();
            let keys = keys.filter_map(|item| serde_json::from_value::<KeySummary>(item).ok());
            ids.extend(keys.map(|key| key.id));
            place = page.cursor;
            if place.is_none() {
                return Ok(ids);
            }
        }
    }
}
