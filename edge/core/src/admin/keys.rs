//! The life of a key after it was made: read, listed, changed, rotated, revoked.

use serde::{Deserialize, Serialize};

use super::minting::is_id;
use super::{Admin, Idempotency, Ports, checks, invalid, key_store, limiter, read, unchanged};
use crate::api_key::KeyHash;
use crate::change::{Change, KeyPatch};
use crate::error::EdgeError;
use crate::key_record::{KeyRecord, KeySummary};
use crate::key_state::{KeyState, listing_prefix, record_entry};
use crate::limit::{Limit, MAX_COUNT};
use crate::limiter::{BalanceChange, LimitNow};
use crate::paging::{self, page_size};
use crate::ports::{Changed, KeyView, Rng, owner_directory, plan_directory};

/// Longest overlap of a rotation: 30 days, in seconds.
const MAX_OVERLAP_SECONDS: u64 = 30 * 86_400;
/// Pages of KV that one request with filters looks through at most.
const MAX_LIST_CALLS: u32 = 10;

/// A key as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyDetail {
    /// The limits in force, those of its plan among them.
    pub limits_in_force: Vec<Limit>,
    /// Credits left, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_left: Option<u64>,
    /// Requests under way.
    pub under_way: u64,
    /// What each limit in force stands at. Those that the owner's keys share are not among them.
    pub limits_now: Vec<LimitNow>,
    /// Until when the secret before the present one works still, unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap_until_ms: Option<u64>,
    /// The record.
    #[serde(flatten)]
    pub record: KeyRecord,
}

impl From<KeyView> for KeyDetail {
    fn from(view: KeyView) -> Self {
        Self {
            limits_in_force: view.state.limits(),
            credits_left: view.credits_left,
            under_way: view.under_way,
            limits_now: view.limits_now,
            overlap_until_ms: view.state.replaced.as_ref().map(|old| old.until_ms),
            record: view.state.record,
        }
    }
}

/// The body of `POST /admin/keys/{id}/rotate`, and its answer.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateKey {
    /// How long the old secret works still: 0 (not at all, if left out) to 30 days.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(range(max = 2_592_000)))]
    overlap_seconds: u64,
}

/// The answer to a rotation: the new key, shown this once.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RotatedKey {
    /// The new key.
    key: String,
    /// The key as it stands.
    #[serde(flatten)]
    detail: KeyDetail,
}

/// The answer to a change of credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct CreditsLeft {
    /// What is left now.
    pub credits_left: u64,
}

/// Which keys a listing shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// One owner's.
    pub owner: Option<String>,
    /// On one plan.
    pub plan: Option<String>,
    /// `true` or `false`.
    pub enabled: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
    /// At most so many, 1 to 1,000 (100 if left out).
    pub limit: Option<String>,
}

/// A page of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct KeyList {
    /// The keys.
    pub data: Vec<KeySummary>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// Where a key was found.
pub(super) struct Found {
    pub view: KeyView,
    /// Its object does not know it: it came into KV by another way.
    pub only_in_kv: bool,
}

impl Found {
    pub(super) const fn known(&self) -> Option<&KeyState> {
        if self.only_in_kv {
            Some(&self.view.state)
        } else {
            None
        }
    }
}

impl<P: Ports> Admin<'_, P> {
    /// One key.
    pub async fn get(&self, root: bool, id: &str) -> Result<KeyDetail, EdgeError> {
        Ok(self.find(root, id).await?.view.into())
    }

    /// Changes fields of a key. Without `version` in the body it is the one found now that is changed: of
    /// two at the same time the second is refused.
    pub async fn patch(&self, root: bool, id: &str, body: &[u8]) -> Result<KeyDetail, EdgeError> {
        let mut patch: KeyPatch = read(body)?;
        checks::patch(&patch, root, self.ports.now())?;
        let found = self.find(root, id).await?;
        let record = &found.view.state.record;
        patch.version.get_or_insert(record.version);
        let mut entered = None;
        if let Some(Some(name)) = &patch.plan {
            // Known first, entered second: a plan that does not exist gets no members.
            self.plan(name).await?;
            let directory = plan_directory(name);
            let announced = self.ports.enter(&directory, &[id], None).await;
            let announced = announced.map_err(limiter)?.announced;
            entered = announced.and_then(|plan| serde_json::from_value(plan).ok());
        }
        let left = record.plan.clone().filter(|_| patch.plan.is_some());
        let change = Change::Patch {
            plan: entered,
            patch,
        };
        let view = self.change(id, change, found.known()).await?;
        if let Some(left) = left.filter(|left| Some(left) != view.state.record.plan.as_ref()) {
            // Should this fail, the object hears of a plan that is no longer its own, and ignores it.
            let _ = self.ports.leave(&plan_directory(&left), id).await;
        }
        Ok(view.into())
    }

    /// Revokes a key, for good: from this answer on it is refused everywhere, although KV spreads the
    /// change only within a minute. Doing it again changes nothing. The hashes of its secrets, so that
    /// the isolate can forget what it remembers of them.
    pub async fn revoke(&self, root: bool, id: &str) -> Result<Vec<KeyHash>, EdgeError> {
        let found = self.find(root, id).await?;
        let view = self.change(id, Change::Revoke, found.known()).await?;
        let record = &view.state.record;
        if let (Some(owner), true) = (&record.owner, record.self_service) {
            // He may take another. Should this fail, taking it finds out that this one is revoked.
            let _ = self.ports.leave(&owner_directory(owner), id).await;
        }
        Ok(view.state.hashes())
    }

    /// Gives a key another secret; the old one works until the overlap ends.
    pub async fn rotate(
        &self,
        root: bool,
        id: &str,
        body: &[u8],
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<RotatedKey, EdgeError> {
        let wish: RotateKey = read(if body.is_empty() { b"{}" } else { body })?;
        if wish.overlap_seconds > MAX_OVERLAP_SECONDS {
            let message = format!("`overlap_seconds` must be at most {MAX_OVERLAP_SECONDS}.");
            return Err(invalid("overlap_seconds", message));
        }
        let found = self.find(root, id).await?;
        let minted = self.mint(root, idempotency.map(|i| (i, 0)), 0, rng)?;
        let hash = minted.key.hash().to_hex();
        let change = Change::Rotate {
            hash: hash.clone(),
            start: minted.key.start().to_owned(),
            overlap_ms: wish.overlap_seconds * 1000,
            mark: idempotency.map(|i| i.mark(&self.actor)),
        };
        let view = self.change(id, change, found.known()).await?;
        if view.state.hash != hash {
            // Carried out before, and since then another secret came, or another signing secret.
            return Err(EdgeError::IdempotencyKeyReused);
        }
        Ok(RotatedKey {
            key: minted.key.reveal().to_owned(),
            detail: view.into(),
        })
    }

    /// Sets a key's credits, or adds to them.
    pub async fn credits(
        &self,
        id: &str,
        body: &[u8],
        idempotency: Option<&Idempotency>,
    ) -> Result<CreditsLeft, EdgeError> {
        let change: BalanceChange = read(body)?;
        let (BalanceChange::Set(amount) | BalanceChange::Add(amount)) = change;
        if amount > MAX_COUNT {
            let message = format!("Credits must be at most {MAX_COUNT}.");
            return Err(invalid("credits", message));
        }
        let found = self.find(false, id).await?;
        let mark = idempotency.map(|i| i.mark(&self.actor));
        let change = Change::Credits { change, mark };
        let view = self.change(id, change, found.known()).await?;
        Ok(CreditsLeft {
            credits_left: view.credits_left.unwrap_or_default(),
        })
    }

    /// One page of keys. A page costs one call of KV for each thousand keys, and none for each key.
    pub async fn list(&self, root: bool, filter: &KeyFilter) -> Result<KeyList, EdgeError> {
        let limit = page_size(filter.limit.as_deref())?;
        let owner = filter.owner.as_deref();
        owner.map_or(Ok(()), checks::owner)?;
        filter.plan.as_deref().map_or(Ok(()), checks::plan_name)?;
        let enabled = match filter.enabled.as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => {
                let message = "`enabled` must be `true` or `false`.".to_owned();
                return Err(invalid("enabled", message));
            }
        };
        let question = format!("keys {root} {owner:?} {:?} {enabled:?}", filter.plan);
        let mut place = match filter.cursor.as_deref() {
            None => None,
            Some(text) => Some(paging::open(self.settings, &question, text)?),
        };
        let wanted = |key: &KeySummary| {
            let on_plan = filter.plan.is_none() || key.plan == filter.plan;
            on_plan && enabled.is_none_or(|enabled| key.enabled == enabled)
        };
        let prefix = listing_prefix(root, owner);
        let mut data = Vec::new();
        for _ in 0..MAX_LIST_CALLS {
            #[allow(clippy::cast_possible_truncation)] // At most `limit`.
            let more = limit - data.len() as u32;
            let page = self.ports.list(&prefix, place.as_deref(), more).await;
            let page = page.map_err(key_store)?;
            let keys = page.items.into_iter();
            let keys = keys.filter_map(|item| serde_json::from_value(item).ok());
            data.extend(keys.filter(wanted));
            place = page.cursor;
            if place.is_none() || data.len() >= limit as usize {
                break;
            }
        }
        let next_cursor = place.map(|place| paging::seal(self.settings, &question, &place));
        Ok(KeyList { data, next_cursor })
    }

    pub(super) async fn change(
        &self,
        id: &str,
        change: Change,
        known: Option<&KeyState>,
    ) -> Result<KeyView, EdgeError> {
        match self.ports.change(id, &change, &self.actor, known).await {
            Ok(Changed::Done(view)) => Ok(view),
            Ok(Changed::Not(why)) => Err(unchanged(why)),
            Ok(Changed::Absent) => Err(EdgeError::NotFound("key")),
            Err(error) => Err(limiter(error)),
        }
    }

    /// A key by its id: from its object, or from KV where it came by another way than this API.
    pub(super) async fn find(&self, root: bool, id: &str) -> Result<Found, EdgeError> {
        let absent = || EdgeError::NotFound("key");
        if !is_id(root, id) {
            return Err(absent());
        }
        if let Changed::Done(view) = self.ports.view(id).await.map_err(limiter)? {
            return Ok(Found {
                view,
                only_in_kv: false,
            });
        }
        let hash = self.ports.hash_of(id).await.map_err(key_store)?;
        let hash = hash.ok_or_else(absent)?.to_hex();
        let record = self.ports.record(&record_entry(root, &hash)).await;
        let record = record.map_err(key_store)?.ok_or_else(absent)?;
        let state = self.adopted(record, hash).await?;
        let credits_left = state.record.credits.map(|credits| credits.balance);
        let view = KeyView {
            state,
            credits_left,
            under_way: 0,
            limits_now: Vec::new(),
        };
        Ok(Found {
            view,
            only_in_kv: true,
        })
    }

    /// What the object of a key from KV is to hold: with what its owner and its plan announced.
    async fn adopted(&self, record: KeyRecord, hash: String) -> Result<KeyState, EdgeError> {
        let mut state = KeyState::of_record(record, hash);
        for directory in state.directories() {
            let announced = self.ports.announced(&directory).await.map_err(limiter)?;
            state.take_announced(announced.as_slice());
        }
        Ok(state)
    }
}
