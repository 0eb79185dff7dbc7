//! What a webhook's owner is shown.

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EventType;

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct Webhook {
    /// `wh_…`.
    pub id: String,
    /// `webhook`.
    pub object: String,
    /// For people.
    pub name: Option<String>,
    /// Where events go.
    pub url: String,
    /// What it is told of.
    pub events: Vec<EventType>,
    /// Whether it is told of anything. A receiver that answers 410 switches it off.
    pub enabled: bool,
    /// Unix seconds.
    pub created_at: u64,
}

/// A webhook and its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct WebhookWithSecret {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// By which its receiver knows that a call comes from here: `whsec_` and base64.
    pub secret: String,
}

impl std::fmt::Debug for WebhookWithSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookWithSecret({:?}, redacted)", self.webhook)
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is still to be sent, or sent again.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// It is not sent any more.
    Failed,
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct Delivery {
    /// The event's id, which every attempt has as `webhook-id`.
    pub id: String,
    /// `job.succeeded`, `job.failed`, `job.cancelled`, `webhook.test`.
    pub r#type: String,
    /// How it stands.
    pub state: DeliveryState,
    /// Unix seconds.
    pub created_at: u64,
    /// When it is sent next, unix seconds; `null`: not any more.
    pub next_attempt_at: Option<u64>,
    /// What was tried, the first attempt first.
    pub attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct Attempt {
    /// Unix seconds.
    pub at: u64,
    /// The receiver's status; `null`: there was no answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// `null` where the receiver has taken it; else `status`, `redirect`, `gone`, `timeout`, `unreachable`,
    /// `unresolved` (its name means nothing), `address_not_allowed` or `secret_unreadable`.
    pub error: Option<String>,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub struct Tested {
    /// Whether the receiver has taken it.
    pub delivered: bool,
    /// The receiver's status; `null`: there was no answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What was wrong, as in an attempt of a delivery.
    pub error: Option<String>,
}
