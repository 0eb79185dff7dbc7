//! What KV stores of a key. It never holds the key itself, only its SHA-256 (in the entry's name).

use serde::{Deserialize, Serialize};

use crate::limit::Limit;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// `POST /v1/audio/transcriptions`.
    Transcribe,
    /// `POST /v1/audio/translations`.
    Translate,
}

impl Scope {
    /// Every scope an ordinary key can have.
    pub const ALL: [Self; 2] = [Self::Transcribe, Self::Translate];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transcribe => "transcribe",
            Self::Translate => "translate",
        }
    }
}

/// A key's record: `key:<sha256>` in KV. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// `key_…`; names the limiter object.
    pub id: String,
    /// For people, up to 100 characters.
    pub name: String,
    /// The first characters of the key, for people: `wk_live_4fQz`.
    pub start: String,
    /// External id of whoever the key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What the key may do.
    pub scopes: Vec<Scope>,
    /// Models it may use; `*` for every one.
    pub models: Vec<String>,
    /// A copy of its limits; the limiter object is the authority.
    pub limits: Vec<Limit>,
    /// Switched off keys are refused.
    pub enabled: bool,
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
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// Counts the changes, from 1.
    pub version: u32,
}

impl KeyRecord {
    /// The entry of a listing.
    pub fn summary(&self) -> KeySummary {
        KeySummary {
            id: self.id.clone(),
            name: self.name.clone(),
            start: self.start.clone(),
            owner: self.owner.clone(),
            enabled: self.enabled,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        }
    }
}

/// What a listing shows of a key. It is kept as KV metadata (at most 1,024 bytes), so that a page
/// costs one list call and no read per key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySummary {
    /// `key_…`.
    pub id: String,
    /// For people.
    pub name: String,
    /// The first characters of the key.
    pub start: String,
    /// External id of its owner.
    pub owner: Option<String>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it was made, unix seconds.
    pub created_at: u64,
    /// From when on it is refused, unix seconds.
    pub expires_at: Option<u64>,
    /// Since when it is revoked, unix seconds.
    pub revoked_at: Option<u64>,
}
