//! What KV stores of a key. It never holds the key itself, only its SHA-256 (in the entry's name).

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::limit::{Limit, in_force};
use crate::plan::Plan;
use crate::scope::{AdminScope, Scope};

/// Notes of an administrator: JSON of at most 1 KiB.
pub type Metadata = serde_json::Map<String, serde_json::Value>;

/// A key's record: `key:<sha256>` in KV, `root:<sha256>` for a root key. Times are unix seconds. The
/// key's object holds the same, and is the authority for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct KeyRecord {
    /// `key_…`, or `root_…`; names the key's object.
    pub id: String,
    /// For people, up to 100 characters.
    pub name: String,
    /// The first characters of the key, for people: `wk_live_4fQz`.
    pub start: String,
    /// External id of whoever the key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The plan it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What it may do; where nothing is said, what its plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    /// What a root key may do; ordinary keys have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin_scopes: Vec<AdminScope>,
    /// Models it may use, `*` for every one; where nothing is said, what its plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Its own limits; they replace the plan's of the same name.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// The credits it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<Credits>,
    /// What one request with audio weighs, 1 to 1,000,000; where nothing is said, what its plan says, or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u32>,
    /// Addresses it may be used from, as CIDR blocks; none: every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<String>,
    /// Web origins it may be used from by a browser.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// Switched off keys are refused.
    pub enabled: bool,
    /// Whether its owner took it by himself: one for each plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_service: bool,
    /// When it was made.
    pub created_at: u64,
    /// From then on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Since when it is revoked, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<u64>,
    /// The administrator's own notes, at most 1 KiB of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Counts its secrets, from 1: a rotation makes the next.
    #[serde(default = "first")]
    pub generation: u32,
    /// Counts the changes, from 1.
    pub version: u32,
}

const fn first() -> u32 {
    1
}

impl KeyRecord {
    /// A record in which nothing is said yet.
    pub const fn blank(created_at: u64) -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            start: String::new(),
            owner: None,
            plan: None,
            scopes: None,
            admin_scopes: Vec::new(),
            models: None,
            limits: Vec::new(),
            credits: None,
            cost: None,
            allowed_ips: Vec::new(),
            allowed_origins: Vec::new(),
            enabled: true,
            self_service: false,
            created_at,
            expires_at: None,
            revoked_at: None,
            metadata: None,
            generation: 1,
            version: 1,
        }
    }

    /// Whether this is a root key.
    pub fn is_root(&self) -> bool {
        self.id.starts_with(ROOT_ID_PREFIX)
    }

    /// The entry of a listing.
    pub fn summary(&self) -> KeySummary {
        KeySummary {
            id: self.id.clone(),
            name: self.name.clone(),
            start: self.start.clone(),
            owner: self.owner.clone(),
            plan: self.plan.clone(),
            enabled: self.enabled,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }

    /// What the key may do and use, with its plan.
    pub fn terms(&self, plan: Option<&Plan>) -> Terms {
        let every_model = || vec!["*".to_owned()];
        Terms {
            scopes: self
                .scopes
                .clone()
                .or_else(|| plan.map(|plan| plan.scopes.clone()))
                .unwrap_or_else(|| Scope::ALL.to_vec()),
            models: self
                .models
                .clone()
                .or_else(|| plan.map(|plan| plan.models.clone()))
                .unwrap_or_else(every_model),
            cost: self.cost.or(plan.map(|plan| plan.cost)).unwrap_or(1),
            permits_ahead: plan.map_or(0, |plan| plan.permits_ahead),
            retention_days: plan.and_then(|plan| plan.retention_days),
        }
    }

    /// The limits in force, with those of its plan.
    pub fn limits_in_force(&self, plan: &[Limit]) -> Vec<Limit> {
        in_force(plan, &self.limits)
    }
}

/// How the id of an ordinary key begins.
pub const KEY_ID_PREFIX: &str = "key_";
/// How the id of a root key begins.
pub const ROOT_ID_PREFIX: &str = "root_";

/// What a key may do and use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Models it may use; `*` for every one.
    pub models: Vec<String>,
    /// What one request with audio weighs.
    pub cost: u32,
    /// Permits that an isolate may take ahead.
    pub permits_ahead: u32,
    /// For how many days its transcripts are kept; none: for good.
    pub retention_days: Option<u32>,
}

/// What a listing shows of a key. It is kept as KV metadata (at most 1,024 bytes), so that a page
/// costs one list call and no read per key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct KeySummary {
    /// `key_…`.
    pub id: String,
    /// For people.
    pub name: String,
    /// The first characters of the key.
    pub start: String,
    /// External id of its owner.
    pub owner: Option<String>,
    /// Its plan.
    #[serde(default)]
    pub plan: Option<String>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it was made, unix seconds.
    pub created_at: u64,
    /// From when on it is refused, unix seconds.
    pub expires_at: Option<u64>,
    /// Since when it is revoked, unix seconds.
    pub revoked_at: Option<u64>,
}
