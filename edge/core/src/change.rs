//! Changes to a key, as its object carries them out: each one whole or not at all, each one with its
//! audit event.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::credits::Credits;
use crate::key_record::{KeyRecord, Metadata};
use crate::key_state::{KeyState, Replaced};
use crate::limit::Limit;
use crate::limiter::{BalanceChange, LimiterState};
use crate::plan::Plan;
use crate::ports::UnixMs;
use crate::scope::{AdminScope, Scope};

/// Idempotent requests that a key remembers.
const MARKS: usize = 16;

/// Who asked for a change, and by which request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Id of the root key; `root` is the first one.
    pub id: String,
    /// The request's id.
    pub request_id: String,
}

/// One line of the audit: who, what, before and after. Never a secret: it is made of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AuditEvent {
    /// Unique; the same event sent twice is one.
    pub id: String,
    /// Unix milliseconds.
    pub at: u64,
    /// Id of the root key; `root` is the first one.
    pub actor: String,
    /// `key.create`, `key.patch`, `key.revoke`, `key.rotate`, `key.credits`, `key.purge`; the same with
    /// `root_key`; `plan.put`, `plan.delete`, `owner.limits`, `owner.purge`.
    pub action: String,
    /// Id of what was changed.
    pub target: String,
    /// External id of its owner.
    pub owner: Option<String>,
    /// The request that asked for it; answers carry it as `x-request-id`.
    pub request_id: String,
    /// What was changed, as it was.
    pub before: Option<Value>,
    /// What was changed, as it is.
    pub after: Option<Value>,
}

impl AuditEvent {
    /// An event about `target`.
    pub fn new(by: &Actor, action: String, target: &str, now: UnixMs) -> Self {
        Self {
            id: format!("{}.{target}", by.request_id),
            at: now.0,
            actor: by.id.clone(),
            action,
            target: target.to_owned(),
            owner: None,
            request_id: by.request_id.clone(),
            before: None,
            after: None,
        }
    }
}

/// The body of `PATCH /admin/keys/{id}`: what is not named stays; `null` takes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct KeyPatch {
    /// For people, 1 to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub name: Option<String>,
    /// Another plan, or none.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[a-z0-9_-]{1,32}$")))]
    pub plan: Option<Option<String>>,
    /// What it may do; `null`: what its plan says.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub scopes: Option<Option<Vec<Scope>>>,
    /// What a root key may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub admin_scopes: Option<Vec<AdminScope>>,
    /// Models it may use; `null`: those of its plan.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 64)))]
    pub models: Option<Option<Vec<String>>>,
    /// Its own limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(max = 16)))]
    pub limits: Option<Vec<Limit>>,
    /// Credits; what is left stays (`POST …/credits` changes it). `null`: no credits are counted.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub credits: Option<Option<Credits>>,
    /// What one request with audio weighs; `null`: what its plan says.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 1_000_000)))]
    pub cost: Option<Option<u32>>,
    /// Addresses it may be used from, as CIDR blocks; none: every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(max = 64)))]
    pub allowed_ips: Option<Vec<String>>,
    /// Web origins it may be used from by a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schemars(length(max = 64), inner(length(max = 256)))
    )]
    pub allowed_origins: Option<Vec<String>>,
    /// Off: refused from the next request on. On again: works again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Unix seconds from which on it is refused; `null`: never.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Option<u64>>,
    /// The administrator's notes.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Option<Metadata>>,
    /// The version that is to be changed; another one is a 409.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// Tells `null` (a value) from a field that is not there.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// A change to a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // One lives for one request.
pub enum Change {
    /// Fields of the record.
    Patch {
        /// Which of them, and as what.
        patch: KeyPatch,
        /// The new plan, if that is among them.
        plan: Option<Plan>,
    },
    /// For good.
    Revoke,
    /// Another secret in the place of the present one.
    Rotate {
        /// SHA-256 of the new key, in hex.
        hash: String,
        /// Its first characters.
        start: String,
        /// How long the old one works still.
        overlap_ms: u64,
        /// Mark of an idempotent request.
        mark: Option<String>,
    },
    /// The balance of its credits.
    Credits {
        /// To what, or by what.
        change: BalanceChange,
        /// Mark of an idempotent request.
        mark: Option<String>,
    },
    /// What the plan's object announces.
    Plan {
        /// The plan.
        plan: Plan,
    },
    /// What the owner's object announces.
    Owner {
        /// Whether the owner has limits that all his keys share.
        limited: bool,
    },
}

/// Why a change is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unchanged {
    /// Somebody else changed it first: it has another version.
    Conflict,
    /// A revoked key stays as it is.
    Revoked,
    /// Another key took what this one claimed before it was made.
    Taken,
    /// It has no credits whose balance could be changed.
    NoCredits,
    /// It would have neither limits nor credits.
    Unlimited,
}

impl KeyState {
    /// Carries a change out on the key and its counters, or leaves both as they are. The audit event, if
    /// there is anything to tell.
    pub fn apply(
        &mut self,
        limiter: &mut LimiterState,
        change: Change,
        by: &Actor,
        now: UnixMs,
    ) -> Result<Option<AuditEvent>, Unchanged> {
        let told = matches!(change, Change::Plan { .. } | Change::Owner { .. });
        if self.record.revoked_at.is_some() && !told {
            return match change {
                // Doing it again changes nothing.
                Change::Revoke => Ok(None),
                _ => Err(Unchanged::Revoked),
            };
        }
        if let Change::Rotate { mark, .. } | Change::Credits { mark, .. } = &change
            && !self.is_first(mark.as_ref())
        {
            return Ok(None);
        }
        let before = self.record.clone();
        let action = match change {
            Change::Patch { patch, plan } => {
                self.patch(limiter, patch, plan.as_ref(), now)?;
                "patch"
            }
            Change::Revoke => {
                self.record.revoked_at = Some(now.seconds());
                "revoke"
            }
            Change::Rotate {
                hash,
                start,
                overlap_ms,
                mark: _,
            } => {
                // Out of its overlap, if it was in one still: there is one secret before the present one.
                self.stale.extend(self.replaced.take().map(|old| old.hash));
                self.replaced = Some(Replaced {
                    hash: std::mem::replace(&mut self.hash, hash),
                    start: std::mem::replace(&mut self.record.start, start),
                    until_ms: now.plus_ms(overlap_ms).0,
                });
                self.record.generation += 1;
                "rotate"
            }
            Change::Credits { change, mark: _ } => {
                let was = limiter.credits_left(now);
                let left = limiter
                    .set_balance(change, now)
                    .ok_or(Unchanged::NoCredits)?;
                let mut event = self.event(by, "credits", now);
                event.before = Some(serde_json::json!({ "balance": was }));
                event.after = Some(serde_json::json!({ "balance": left }));
                return Ok(Some(event));
            }
            Change::Plan { plan } => {
                if self.take_plan(&plan) {
                    limiter.set_limits(self.limits(), now);
                }
                return Ok(None);
            }
            Change::Owner { limited } => {
                self.owner_limited = limited;
                return Ok(None);
            }
        };
        self.record.version += 1;
        let mut event = self.event(by, action, now);
        (event.before, event.after) = difference(&before, &self.record);
        Ok(Some(event))
    }

    /// Whether a request with this mark has not been carried out before. From now on it has.
    fn is_first(&mut self, mark: Option<&String>) -> bool {
        let Some(mark) = mark else { return true };
        if self.marks.contains(mark) {
            return false;
        }
        if self.marks.len() >= MARKS {
            self.marks.remove(0);
        }
        self.marks.push(mark.clone());
        true
    }

    /// The event of a key that was made.
    pub fn made(&self, by: &Actor, now: UnixMs) -> AuditEvent {
        let mut event = self.event(by, "create", now);
        event.after = serde_json::to_value(&self.record).ok();
        event
    }

    fn event(&self, by: &Actor, action: &str, now: UnixMs) -> AuditEvent {
        let kind = if self.record.is_root() {
            "root_key"
        } else {
            "key"
        };
        let mut event = AuditEvent::new(by, format!("{kind}.{action}"), &self.record.id, now);
        event.owner.clone_from(&self.record.owner);
        event
    }

    fn patch(
        &mut self,
        limiter: &mut LimiterState,
        patch: KeyPatch,
        plan: Option<&Plan>,
        now: UnixMs,
    ) -> Result<(), Unchanged> {
        if patch.version.is_some_and(|v| v != self.record.version) {
            return Err(Unchanged::Conflict);
        }
        let mut next = self.clone();
        let record = &mut next.record;
        let KeyPatch {
            name,
            plan: other_plan,
            scopes,
            admin_scopes,
            models,
            limits,
            credits,
            cost,
            allowed_ips,
            allowed_origins,
            enabled,
            expires_at,
            metadata,
            version: _,
        } = patch;
        set(&mut record.name, name);
        set(&mut record.plan, other_plan.clone());
        set(&mut record.scopes, scopes);
        set(&mut record.admin_scopes, admin_scopes);
        set(&mut record.models, models);
        set(&mut record.limits, limits);
        set(&mut record.credits, credits);
        set(&mut record.cost, cost);
        set(&mut record.allowed_ips, allowed_ips);
        set(&mut record.allowed_origins, allowed_origins);
        set(&mut record.enabled, enabled);
        set(&mut record.expires_at, expires_at);
        set(&mut record.metadata, metadata);
        if other_plan.is_some() {
            next.plan_limits = plan.map(|plan| plan.limits.clone()).unwrap_or_default();
            next.plan_version = plan.map_or(0, |plan| plan.version);
        }
        let limits = next.limits();
        if limits.is_empty() && next.record.credits.is_none() && !next.record.is_root() {
            return Err(Unchanged::Unlimited);
        }
        if limits != limiter.limits() {
            limiter.set_limits(limits, now);
        }
        limiter.set_credits(next.record.credits.as_ref(), now);
        *self = next;
        Ok(())
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// The fields in which two records differ, of the one and of the other.
fn difference(before: &KeyRecord, after: &KeyRecord) -> (Option<Value>, Option<Value>) {
    let fields = |record| match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (mut before, mut after) = (fields(before), fields(after));
    let same: Vec<String> = before
        .iter()
        .filter(|(name, value)| after.get(*name) == Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in same {
        before.remove(&name);
        after.remove(&name);
    }
    (Some(Value::Object(before)), Some(Value::Object(after)))
}

#[cfg(test)]
mod tests;
