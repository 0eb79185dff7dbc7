//! What an administrator sends to make keys, and what he gets.

use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::key_record::{KeyRecord, Metadata};
use crate::limit::Limit;
use crate::scope::{AdminScope, Scope};

/// The body of `POST /admin/keys`. Everything but the name may be left out.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// For people, 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub(super) name: String,
    /// External id of whoever the key belongs to.
    #[cfg_attr(
        feature = "openapi",
        schemars(regex(pattern = r"^[A-Za-z0-9._@|+-]{1,64}$"))
    )]
    pub(super) owner: Option<String>,
    /// The plan it is on.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[a-z0-9_-]{1,32}$")))]
    pub(super) plan: Option<String>,
    /// What it may do; if left out, what its plan says, or everything.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub(super) scopes: Option<Vec<Scope>>,
    /// Models it may use, `*` for every one; if left out, those of its plan, or every one.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 64)))]
    pub(super) models: Option<Vec<String>>,
    /// Its own limits; each replaces the plan's of the same name. Without a plan and without limits: the
    /// deployment's default limits.
    #[cfg_attr(feature = "openapi", schemars(length(max = 16)))]
    pub(super) limits: Option<Vec<Limit>>,
    /// Credits; if left out, those of its plan.
    pub(super) credits: Option<Credits>,
    /// What one request with audio weighs, 1 to 1,000,000.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 1_000_000)))]
    pub(super) cost: Option<u32>,
    /// Addresses it may be used from, as CIDR blocks; none: every one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(max = 64)))]
    pub(super) allowed_ips: Vec<String>,
    /// Web origins it may be used from by a browser.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schemars(length(max = 64), inner(length(max = 256)))
    )]
    pub(super) allowed_origins: Vec<String>,
    /// Whether it works at once (yes if left out).
    pub(super) enabled: Option<bool>,
    /// Unix seconds from which on it is refused.
    pub(super) expires_at: Option<u64>,
    /// The administrator's notes, at most 1 KiB of JSON.
    pub(super) metadata: Option<Metadata>,
    /// Whether its owner takes it by himself: one for each plan that allows it.
    #[serde(default)]
    pub(super) self_service: bool,
}

/// The body of `POST /admin/keys/bulk`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateKeys {
    /// 1 to 1,000 of them.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 1_000)))]
    pub(super) keys: Vec<CreateKey>,
}

/// A key that others minted.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportKey {
    /// SHA-256 of the key's text: 64 hex digits.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[0-9a-fA-F]{64}$")))]
    pub(super) hash: String,
    /// Its first characters, for people: at most 16.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(max = 16)))]
    pub(super) start: String,
    /// Everything else.
    pub(super) key: CreateKey,
}

/// The body of `POST /admin/keys/import`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportKeys {
    /// 1 to 1,000 of them.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 1_000)))]
    pub(super) keys: Vec<ImportKey>,
}

/// The body of `POST /admin/root-keys`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateRootKey {
    /// For people, 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub(super) name: String,
    /// What it may do; at most what the key has that makes it.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub(super) scopes: Vec<AdminScope>,
    /// Addresses it may be used from, as CIDR blocks; none: every one.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(max = 64)))]
    pub(super) allowed_ips: Vec<String>,
    /// Unix seconds from which on it is refused.
    pub(super) expires_at: Option<u64>,
    /// Notes, at most 1 KiB of JSON.
    pub(super) metadata: Option<Metadata>,
}

/// A key that was made. The key itself is shown this once; an imported one never.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct CreatedKey {
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The limits in force, those of its plan among them.
    pub(super) limits_in_force: Vec<Limit>,
    /// Its record.
    #[serde(flatten)]
    pub(super) record: KeyRecord,
}

/// What a call that makes several keys made, in the order of the request.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Made {
    /// The keys.
    pub(super) data: Vec<CreatedKey>,
}
