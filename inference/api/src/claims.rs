//! What the edge vouches for when it hands a request to the inference service.

use serde::{Deserialize, Serialize};

use crate::encoded::{self, Unreadable};
use crate::job::Job;
use crate::keeping::Keep;

/// Longest encoded claims the service reads, in bytes. A key's model list is bounded far below it.
pub const MAX_ENCODED_BYTES: usize = encoded::MAX_BYTES;

/// Who the answer is rendered for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Render {
    /// The format the caller asked for.
    #[default]
    Client,
    /// The one full format that is stored and rendered again later.
    Canonical,
}

/// Signed statement of the edge about one admitted request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Unique for each upstream attempt; the service refuses an id it has seen before.
    #[serde(rename = "rid")]
    pub request_id: String,
    /// The admitted key, `key_…`.
    #[serde(rename = "kid")]
    pub key_id: String,
    /// The key's owner, an external id.
    #[serde(rename = "own", default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Scopes of the key that matter to the service: `transcribe`, `translate`.
    #[serde(rename = "scp", default)]
    pub scopes: Vec<String>,
    /// Models the key may use; `*` allows every model.
    #[serde(rename = "mdl")]
    pub models: Vec<String>,
    /// Longest audio accepted, in seconds; the service's own bound applies as well.
    #[serde(rename = "max", default, skip_serializing_if = "Option::is_none")]
    pub max_audio_seconds: Option<f64>,
    /// 0 (lowest) to 9 (highest); 5 where nothing is said.
    #[serde(rename = "pri", default = "default_priority")]
    pub priority: u8,
    /// Unix milliseconds after which nobody waits for the answer.
    #[serde(rename = "dl")]
    pub deadline_ms: u64,
    /// Who the answer is rendered for.
    #[serde(rename = "ren", default)]
    pub render: Render,
    /// Whether, where and as whose the transcript is to be kept.
    #[serde(rename = "kep", default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// The job that the request is about.
    #[serde(rename = "job", default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
}

fn default_priority() -> u8 {
    5
}

/// Why claims can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// Longer than [`MAX_ENCODED_BYTES`].
    #[error("claims are longer than {MAX_ENCODED_BYTES} bytes")]
    TooLong,
    /// Not base64url, or not the JSON of [`Claims`].
    #[error("claims are malformed")]
    Malformed,
}

impl Claims {
    /// The header value: base64url without padding of the JSON.
    pub fn encode(&self) -> String {
        encoded::encode(self)
    }

    /// Reads a header value. The signature must have been verified before.
    pub fn decode(encoded: &str) -> Result<Self, ClaimsError> {
        encoded::decode(encoded).map_err(|unreadable| match unreadable {
            Unreadable::TooLong => ClaimsError::TooLong,
            Unreadable::Malformed => ClaimsError::Malformed,
        })
    }

    /// Who shares with others: the owner of the key, or the key itself where it has none.
    pub fn caller(&self) -> &str {
        self.owner.as_deref().unwrap_or(&self.key_id)
    }

    /// Whether the key may use `model` (its canonical name).
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.iter().any(|m| m == "*" || m == model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            request_id: "req_1".into(),
            key_id: "key_1".into(),
            owner: Some("acme".into()),
            scopes: vec!["transcribe".into()],
            models: vec!["tiny.en".into()],
            max_audio_seconds: Some(600.0),
            priority: 5,
            deadline_ms: 1_790_000_000_000,
            render: Render::Client,
            keep: None,
            job: None,
        }
    }

    #[test]
    fn claims_survive_the_header() {
        assert_eq!(Claims::decode(&claims().encode()), Ok(claims()));
    }

    #[test]
    fn oversized_and_malformed_claims_are_refused() {
        assert_eq!(
            Claims::decode(&"A".repeat(MAX_ENCODED_BYTES + 1)),
            Err(ClaimsError::TooLong)
        );
        for bad in ["", "*", "e30", "bnVsbA"] {
            assert_eq!(Claims::decode(bad), Err(ClaimsError::Malformed), "{bad}");
        }
    }

    #[test]
    fn a_model_is_allowed_by_name_or_by_star() {
        assert!(claims().allows_model("tiny.en"));
        assert!(!claims().allows_model("base"));
        let star = Claims {
            models: vec!["*".into()],
            ..claims()
        };
        assert!(star.allows_model("base"));
    }
}
