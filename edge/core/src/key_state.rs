//! What a key's object holds of its key. The object is the authority: KV has a copy for reading, which
//! the object writes, one change after the other.

use serde::{Deserialize, Serialize};

use crate::admission::Code;
use crate::api_key::KeyHash;
use crate::change::Unchanged;
use crate::key_record::KeyRecord;
use crate::limit::Limit;
use crate::limiter::LimiterState;
use crate::plan::Plan;
use crate::ports::{UnixMs, owner_directory, plan_directory};

/// A key and what its object must know to decide alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyState {
    /// The record, as KV has it too.
    pub record: KeyRecord,
    /// SHA-256 of the key, in hex: the name of its entry.
    pub hash: String,
    /// The secret before the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// Hashes of secrets before that one, whose entries KV has still to lose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
    /// Limits of its plan, as the plan's object told them last.
    #[serde(default)]
    pub plan_limits: Vec<Limit>,
    /// Which version of the plan that was.
    #[serde(default)]
    pub plan_version: u32,
    /// Whether its owner has limits that all his keys share.
    #[serde(default)]
    pub owner_limited: bool,
    /// SHA-256 of the request that made it, where that had an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// Marks of the last changes that must not be made twice, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
}

/// A secret that was replaced, and until when it works still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// SHA-256 of the old key, in hex.
    pub hash: String,
    /// First characters of the old key.
    pub start: String,
    /// End of the overlap.
    pub until_ms: u64,
}

/// A change to one entry of KV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its new value; without one it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What a listing shows of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
}

impl Entry {
    fn put(name: String, value: String) -> Self {
        Self {
            name,
            value: Some(value),
            metadata: None,
        }
    }

    fn delete(name: String) -> Self {
        Self {
            name,
            value: None,
            metadata: None,
        }
    }
}

/// Name of the entry that holds a key's record.
pub fn record_entry(root: bool, hash: &str) -> String {
    format!("{}:{hash}", if root { "root" } else { "key" })
}

/// Name of the entry that says which hash a key has.
pub fn id_entry(id: &str) -> String {
    format!("id:{id}")
}

/// How the names of the entries begin by which an owner's keys are listed; `None`: everybody's. Root
/// keys have a listing of their own.
pub fn listing_prefix(root: bool, owner: Option<&str>) -> String {
    match (root, owner) {
        (true, _) => "roots:".to_owned(),
        (false, None) => "owner:".to_owned(),
        (false, Some(owner)) => format!("owner:{owner}:"),
    }
}

/// Name of the entry that holds a plan.
pub fn plan_entry(name: &str) -> String {
    format!("plan:{name}")
}

impl KeyState {
    /// A key as its record says; what its owner and its plan announced is not known yet.
    pub const fn of_record(record: KeyRecord, hash: String) -> Self {
        Self {
            record,
            hash,
            replaced: None,
            stale: Vec::new(),
            plan_limits: Vec::new(),
            plan_version: 0,
            owner_limited: false,
            made_by: None,
            marks: Vec::new(),
        }
    }

    /// The directories it must be entered in.
    pub fn directories(&self) -> Vec<String> {
        let owner = self.record.owner.as_deref().map(owner_directory);
        let plan = self.record.plan.as_deref().map(plan_directory);
        owner.into_iter().chain(plan).collect()
    }

    /// The hashes of its secrets.
    pub fn hashes(&self) -> Vec<KeyHash> {
        let all = self.hashes_in_hex();
        all.filter_map(|hash| KeyHash::from_hex(hash)).collect()
    }

    fn hashes_in_hex(&self) -> impl Iterator<Item = &String> {
        let before = self.replaced.iter().map(|old| &old.hash);
        let before = before.chain(&self.stale);
        std::iter::once(&self.hash).chain(before)
    }

    /// The limits in force.
    pub fn limits(&self) -> Vec<Limit> {
        self.record.limits_in_force(&self.plan_limits)
    }

    /// The counters of a key that has used nothing yet.
    pub fn limiter(&self, now: UnixMs) -> LimiterState {
        LimiterState::new(self.limits(), self.record.credits.as_ref(), now)
    }

    /// Whether `new` is to be made in an object that holds `existing`: `false` where the same request made
    /// it before.
    pub fn is_new(existing: Option<&Self>, new: &Self) -> Result<bool, Unchanged> {
        match existing {
            None => Ok(true),
            Some(old) if new.made_by.is_some() && old.made_by == new.made_by => {
                // Derived with another secret: the caller may know that one, too.
                (old.hash == new.hash)
                    .then_some(false)
                    .ok_or(Unchanged::Conflict)
            }
            Some(_) => Err(Unchanged::Conflict),
        }
    }

    /// What refuses this key before any limit is asked, if anything does. `generation`: of the secret
    /// that was presented.
    pub fn gate(&self, generation: u32, now: UnixMs) -> Option<Code> {
        if self.record.revoked_at.is_some() {
            return Some(Code::Revoked);
        }
        if !self.record.enabled {
            return Some(Code::Disabled);
        }
        if self.record.expires_at.is_some_and(|at| now.seconds() >= at) {
            return Some(Code::Expired);
        }
        let in_overlap = || {
            let until = self.replaced.as_ref().map_or(0, |old| old.until_ms);
            generation + 1 == self.record.generation && now.0 < until
        };
        (generation != self.record.generation && !in_overlap()).then_some(Code::Revoked)
    }

    /// Takes over what its directories announced: the one of its owner, the one of its plan.
    pub fn take_announced(&mut self, announced: &[serde_json::Value]) {
        for value in announced {
            if let Some(limited) = value.get("limited") {
                self.owner_limited = *limited == true;
            } else if let Ok(plan) = Plan::deserialize(value) {
                self.take_plan(&plan);
            }
        }
    }

    /// Takes what the plan's object says, unless it is older than what is known.
    pub fn take_plan(&mut self, plan: &Plan) -> bool {
        let newer =
            self.record.plan.as_deref() == Some(&plan.name) && plan.version > self.plan_version;
        if newer {
            self.plan_limits.clone_from(&plan.limits);
            self.plan_version = plan.version;
        }
        newer
    }

    /// The entries of KV as they must be at `now`. The one that makes the key work is written last: a
    /// key that works can always be found, and so be revoked.
    pub fn entries(&self, now: UnixMs) -> Result<Vec<Entry>, serde_json::Error> {
        let record = &self.record;
        let mut entries = vec![
            Entry::put(id_entry(&record.id), self.hash.clone()),
            Entry {
                metadata: Some(serde_json::to_value(record.summary())?),
                ..Entry::put(self.listing_entry(), String::new())
            },
        ];
        let stale = self.stale.iter();
        entries.extend(stale.map(|hash| Entry::delete(record_entry(record.is_root(), hash))));
        if let Some(old) = &self.replaced {
            let name = record_entry(record.is_root(), &old.hash);
            entries.push(if now.0 < old.until_ms {
                let mut before = record.clone();
                before.generation -= 1;
                before.start.clone_from(&old.start);
                Entry::put(name, serde_json::to_string(&before)?)
            } else {
                Entry::delete(name)
            });
        }
        let name = record_entry(record.is_root(), &self.hash);
        entries.push(Entry::put(name, serde_json::to_string(record)?));
        Ok(entries)
    }

    /// What takes every trace of the key out of KV; the entry that makes it work goes first.
    pub fn removal(&self) -> Vec<Entry> {
        let root = self.record.is_root();
        let mut entries: Vec<Entry> = self
            .hashes_in_hex()
            .map(|hash| Entry::delete(record_entry(root, hash)))
            .collect();
        entries.push(Entry::delete(self.listing_entry()));
        entries.push(Entry::delete(id_entry(&self.record.id)));
        entries
    }

    fn listing_entry(&self) -> String {
        let owner = self.record.owner.as_deref().unwrap_or_default();
        let prefix = listing_prefix(self.record.is_root(), Some(owner));
        prefix + &self.record.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key_state, plan, rate};

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    fn rotated(until_ms: u64) -> KeyState {
        let mut key = key_state("key_1");
        key.record.generation = 2;
        key.replaced = Some(Replaced {
            hash: "0ld".to_owned(),
            start: "wk_live_0ld0".to_owned(),
            until_ms,
        });
        key
    }

    #[test]
    fn a_replaced_secret_works_until_its_overlap_ends_and_none_before_it_does() {
        let mut key = rotated(NOW.0 + 10);
        assert_eq!(key.gate(2, NOW), None);
        assert_eq!(key.gate(1, NOW), None);
        assert_eq!(key.gate(1, NOW.plus_ms(10)), Some(Code::Revoked));
        key.record.generation = 3;
        assert_eq!(key.gate(1, NOW), Some(Code::Revoked));
    }

    #[test]
    fn the_object_refuses_what_is_revoked_disabled_or_expired() {
        let mut key = key_state("key_1");
        key.record.expires_at = Some(NOW.seconds());
        assert_eq!(key.gate(1, NOW), Some(Code::Expired));
        key.record.enabled = false;
        assert_eq!(key.gate(1, NOW), Some(Code::Disabled));
        key.record.revoked_at = Some(1);
        assert_eq!(key.gate(1, NOW), Some(Code::Revoked));
    }

    #[test]
    fn the_entry_that_makes_a_key_work_is_written_last_and_removed_first() {
        let key = rotated(NOW.0 + 10);
        let names = |entries: Vec<Entry>| {
            let named = entries.into_iter().map(|e| (e.name, e.value.is_some()));
            named.collect::<Vec<_>>()
        };
        let (id, listing) = ("id:key_1".to_owned(), "owner::key_1".to_owned());
        let (old, new) = ("key:0ld".to_owned(), format!("key:{}", key.hash));
        assert_eq!(
            names(key.entries(NOW).unwrap()),
            [
                (id.clone(), true),
                (listing.clone(), true),
                (old.clone(), true),
                (new.clone(), true)
            ]
        );
        assert_eq!(
            names(key.entries(NOW.plus_ms(10)).unwrap())[2],
            (old.clone(), false)
        );
        assert_eq!(
            names(key.removal()),
            [(new, false), (old, false), (listing, false), (id, false)]
        );
    }

    #[test]
    fn the_entry_of_a_replaced_secret_carries_its_own_generation() {
        let entries = rotated(NOW.0 + 10).entries(NOW).unwrap();
        let record: KeyRecord = serde_json::from_str(entries[2].value.as_ref().unwrap()).unwrap();
        assert_eq!(
            (record.generation, record.start.as_str()),
            (1, "wk_live_0ld0")
        );
    }

    #[test]
    fn an_older_plan_never_replaces_a_newer_one() {
        let mut key = key_state("key_1");
        key.record.plan = Some("starter".to_owned());
        key.record.limits.clear();
        let mut newer = plan("starter");
        newer.version = 3;
        newer.limits = vec![rate("minute", 3, 60)];
        assert!(key.take_plan(&newer));
        let mut older = plan("starter");
        older.version = 2;
        assert!(!key.take_plan(&older));
        assert!(!key.take_plan(&Plan {
            name: "other".to_owned(),
            version: 9,
            ..plan("other")
        }));
        assert_eq!(key.limits(), newer.limits);
    }
}
