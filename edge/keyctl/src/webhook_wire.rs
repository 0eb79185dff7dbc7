//! Bodies of webhooks, seen from their owner's side.

use serde::{Deserialize, Serialize};

/// What a webhook is told of, by name.
pub(crate) const EVENTS: [&str; 3] = ["job.succeeded", "job.failed", "job.cancelled"];

/// The body of `POST /v1/webhooks`.
#[derive(Debug, Serialize)]
pub(crate) struct NewWebhook {
    pub(crate) url: String,
    /// All of them, where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// The body of `PATCH /v1/webhooks/{id}`: what is named is changed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct WebhookPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<String>>,
    /// `Some(None)` takes it away.
    #[allow(clippy::option_option)] // The patch of the API tells these three apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
}

/// A webhook. Not `Debug`: it may hold its secret.
#[derive(Deserialize)]
pub(crate) struct WebhookView {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) enabled: bool,
    pub(crate) created_at: u64,
    /// Where it was made just now.
    pub(crate) secret: Option<String>,
}

/// What became of a test.
#[derive(Debug, Deserialize)]
pub(crate) struct Tested {
    pub(crate) delivered: bool,
    /// What the receiver answered.
    pub(crate) status: Option<u16>,
    pub(crate) ms: u64,
    pub(crate) error: Option<String>,
}

/// An event, and what was tried to deliver it.
#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) r#type: String,
    pub(crate) state: DeliveryState,
    pub(crate) created_at: u64,
    pub(crate) next_attempt_at: Option<u64>,
    pub(crate) attempts: Vec<Attempt>,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryState {
    Pending,
    Delivered,
    Failed,
}

impl DeliveryState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

/// One try.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) status: Option<u16>,
    pub(crate) ms: u64,
    pub(crate) error: Option<String>,
}
