//! Bodies of the admin API, seen from the caller's side. Records and limits are edge-core's own.

use edge_core::key_record::{KeyRecord, KeySummary, Scope};
use edge_core::limit::Limit;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Notes on a key: a JSON object.
pub(crate) type Metadata = serde_json::Map<String, serde_json::Value>;

/// Reads notes from a flag.
pub(crate) fn parse_metadata(text: &str) -> Result<Metadata, serde_json::Error> {
    serde_json::from_str(text)
}

/// The body of `POST /admin/keys`. What is left out, the deployment decides.
#[derive(Debug, Serialize)]
pub(crate) struct NewKey {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<Scope>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<Limit>,
    pub(crate) enabled: bool,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Metadata>,
}

/// The answer to it. Not `Debug`: it holds the key.
#[derive(Deserialize)]
pub(crate) struct CreatedKey {
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) record: KeyRecord,
}

/// A page of `GET /admin/keys`, its entries as they came.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct KeyPage {
    pub(crate) data: Vec<Box<RawValue>>,
    pub(crate) next_cursor: Option<String>,
}

impl KeyPage {
    /// The entries, read.
    pub(crate) fn summaries(&self) -> Result<Vec<KeySummary>, serde_json::Error> {
        self.data
            .iter()
            .map(|entry| serde_json::from_str(entry.get()))
            .collect()
    }
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
    fn a_wish_leaves_out_what_the_deployment_decides() {
        let wish = NewKey {
            name: "ci".into(),
            owner: None,
            scopes: vec![],
            models: vec![],
            limits: vec![],
            enabled: true,
            expires_at: None,
            metadata: None,
        };
        assert_eq!(
            serde_json::to_string(&wish).unwrap(),
            r#"{"name":"ci","enabled":true}"#
        );
    }
}
