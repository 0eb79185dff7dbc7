//! Plans: what the keys on one have in common.

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::credits::Credits;
use crate::limit::Limit;
use crate::scope::Scope;

/// A plan: `plan:<name>` in KV. Its object is the authority for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct Plan {
    /// 1 to 32 of `a-z 0-9 _ -`.
    pub name: String,
    /// Limits of each key on it; a key's own limit of the same name replaces one.
    pub limits: Vec<Limit>,
    /// Credits that a key starts with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<Credits>,
    /// What its keys may do.
    pub scopes: Vec<Scope>,
    /// Models they may use; `*` for every one.
    pub models: Vec<String>,
    /// What one request with audio weighs, 1 to 1,000,000.
    pub cost: u32,
    /// Permits that an isolate may take ahead, 0 to 1,000; 0: none. See "Limits" in docs/api.md.
    pub permits_ahead: u32,
    /// For how many days transcripts are kept that its keys ask to keep; none: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Whether people may choose it without an administrator.
    pub self_service: bool,
    /// Counts the changes, from 1.
    pub version: u32,
}

/// The body of `PUT /admin/plans/{name}`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PutPlan {
    /// Limits of each key on it.
    #[cfg_attr(feature = "openapi", schemars(length(max = 16)))]
    pub limits: Vec<Limit>,
    /// Credits that a key starts with.
    pub credits: Option<Credits>,
    /// What its keys may do; everything if left out.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub scopes: Option<Vec<Scope>>,
    /// Models they may use; every one if left out.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 64)))]
    pub models: Option<Vec<String>>,
    /// What one request with audio weighs, 1 to 1,000,000 (1 if left out).
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 1_000_000)))]
    pub cost: Option<u32>,
    /// Permits that an isolate may take ahead, 0 to 1,000 (0 if left out).
    #[cfg_attr(feature = "openapi", schemars(range(max = 1_000)))]
    pub permits_ahead: Option<u32>,
    /// For how many days transcripts are kept that its keys ask to keep, 1 to 36,500 (for good if left out).
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 36_500)))]
    pub retention_days: Option<u32>,
    /// Whether people may choose it without an administrator (no if left out).
    #[serde(default)]
    pub self_service: bool,
    /// The version that is to be replaced, 0 for a new plan; whichever it is, if left out.
    pub version: Option<u32>,
}
