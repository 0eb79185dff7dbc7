//! Bodies of the admin API, seen from the caller's side. Records, limits and patches are edge-core's
//! own.

use std::collections::BTreeMap;

use edge_core::credits::Credits;
use edge_core::key_record::{KeyRecord, Metadata};
use edge_core::limit::Limit;
use edge_core::plan::Plan;
use edge_core::scope::{AdminScope, Scope};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Reads notes from a flag.
pub(crate) fn parse_metadata(text: &str) -> Result<Metadata, serde_json::Error> {
    serde_json::from_str(text)
}

/// The body of `POST /admin/keys`. What is left out, the plan or the deployment decides.
#[derive(Debug, Serialize)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<Scope>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credits: Option<Credits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_ips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) enabled: bool,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) self_service: bool,
}

/// The body of `POST /admin/root-keys`.
#[derive(Debug, Serialize)]
pub(crate) struct NewRootKey {
    pub(crate) name: String,
    pub(crate) scopes: Vec<AdminScope>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_ips: Vec<String>,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Metadata>,
}

/// The body of `PUT /admin/plans/{name}`.
#[derive(Debug, Serialize)]
pub(crate) struct NewPlan {
    pub(crate) limits: Vec<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credits: Option<Credits>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<Scope>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permits_ahead: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retention_days: Option<u32>,
    pub(crate) self_service: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<u32>,
}

/// A body of `/admin/keys/bulk` and `/admin/keys/import`: the entries of a file as they stand there.
#[derive(Debug, Serialize)]
pub(crate) struct Entries<'a> {
    pub(crate) keys: &'a [Box<RawValue>],
}

/// The body of `POST /v1/keys/verify`. Not `Debug`: it holds the key.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    pub(crate) key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    pub(crate) cost: u32,
}

/// A key as the API shows it: made, rotated, changed, read. Not `Debug`: it may hold the key itself.
#[derive(Deserialize)]
pub(crate) struct KeyView {
    /// The key itself, where it was made just now.
    pub(crate) key: Option<String>,
    #[serde(default)]
    pub(crate) limits_in_force: Vec<Limit>,
    pub(crate) credits_left: Option<u64>,
    pub(crate) under_way: Option<u64>,
    pub(crate) overlap_until_ms: Option<u64>,
    #[serde(flatten)]
    pub(crate) record: KeyRecord,
}

/// What a call made that makes several. Not `Debug`: it holds keys.
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) data: Vec<KeyView>,
}

/// A page of a listing, its entries as they came.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Page {
    pub(crate) data: Vec<Box<RawValue>>,
    pub(crate) next_cursor: Option<String>,
}

impl Page {
    /// The entries, read.
    pub(crate) fn entries<T: for<'de> Deserialize<'de>>(
        &self,
    ) -> Result<Vec<T>, serde_json::Error> {
        self.data
            .iter()
            .map(|entry| serde_json::from_str(entry.get()))
            .collect()
    }
}

/// The answer of `POST /admin/keys/{id}/credits`.
#[derive(Debug, Deserialize)]
pub(crate) struct CreditsLeft {
    pub(crate) credits_left: u64,
}

/// The answer of `GET /admin/plans`.
#[derive(Debug, Deserialize)]
pub(crate) struct PlanList {
    pub(crate) data: Vec<Plan>,
}

/// An owner.
#[derive(Debug, Deserialize)]
pub(crate) struct OwnerDetail {
    pub(crate) owner: String,
    pub(crate) limits: Vec<Limit>,
    pub(crate) keys: u64,
}

/// What was deleted of an owner.
#[derive(Debug, Deserialize)]
pub(crate) struct Purged {
    pub(crate) keys: u64,
    pub(crate) object_rows: u64,
    pub(crate) usage_rows: u64,
    pub(crate) audit_rows: u64,
}

/// The verdict on a key.
#[derive(Debug, Deserialize)]
pub(crate) struct Verification {
    pub(crate) valid: bool,
    pub(crate) code: String,
    pub(crate) key_id: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) remaining: Option<u64>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) metadata: Option<Metadata>,
}

/// A report of usage; times are unix seconds.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UsageReport {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) by: String,
    /// Hours or days in which something was used.
    pub(crate) data: Vec<UsagePart>,
    pub(crate) total: UsageSum,
}

/// One hour or day.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UsagePart {
    pub(crate) start: u64,
    #[serde(flatten)]
    pub(crate) sum: UsageSum,
}

/// What was used in some time.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct UsageSum {
    pub(crate) requests: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
    pub(crate) audio_seconds: f64,
    pub(crate) bytes: u64,
    pub(crate) latency_ms: Option<Percentiles>,
}

/// Milliseconds that so many of a hundred requests stayed within.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_an_object_and_nothing_else() {
        assert!(parse_metadata(r#"{"team":"a"}"#).is_ok());
        for text in ["", "[]", "1", "{", r#"{"a":1} x"#, &"[".repeat(100_000)] {
            assert!(parse_metadata(text).is_err());
        }
    }

    #[test]
    fn a_key_is_read_with_and_without_itself() {
        let record = serde_json::to_value(edge_core::testing::record("key_1")).unwrap();
        let view: KeyView = serde_json::from_value(record.clone()).unwrap();
        assert!(view.key.is_none() && view.limits_in_force.is_empty());
        let mut made = record;
        made["key"] = "wk_live_x".into();
        made["credits_left"] = 7.into();
        let view: KeyView = serde_json::from_value(made).unwrap();
        assert_eq!(view.key.as_deref(), Some("wk_live_x"));
        assert_eq!((view.credits_left, view.record.version), (Some(7), 1));
    }
}
