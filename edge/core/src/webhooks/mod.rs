//! Webhooks: an account's own servers are told what becomes of its jobs, as the Standard Webhooks specification has it
//! (standardwebhooks.com): what is told, how it is signed, when it is told again, and what of it is shown.

mod bodies;
mod listing;
mod payload;
mod schedule;
mod secret;
mod verdict;
mod views;

pub use bodies::{
    CreateWebhook, DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, MAX_URL_BYTES, RotateWebhook,
    WebhookPatch, new_webhook, overlap_ms, patch, repeat,
};
pub use bodies::{NewWebhook, Repeat};
pub use listing::{DeliveryList, DeliveryRow, Listing, WebhookList, WebhookRow};
pub use payload::payload;
pub use schedule::{MAX_RETRY_AFTER_MS, pause_ms};
pub use secret::{WebhookSecret, signatures};
pub use verdict::{Outcome, Verdict, judge};
pub use views::{Attempt, Delivery, DeliveryState, Tested, Webhook, WebhookWithSecret};

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api_key::push_random_base62;
use crate::error::{EdgeError, invalid};
use crate::ports::Rng;

/// Most webhooks of one account.
pub const MAX_WEBHOOKS: u32 = 16;

const ID_PREFIX: &str = "wh_";
const EVENT_PREFIX: &str = "evt_";
const RANDOM_CHARS: usize = 20;

/// What a webhook can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub enum EventType {
    /// A job's transcript is there.
    #[serde(rename = "job.succeeded")]
    JobSucceeded,
    /// A job has ended without one.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A job was cancelled.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
}

impl EventType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::JobSucceeded, Self::JobFailed, Self::JobCancelled];
}

fn new_id(prefix: &str, rng: &mut impl Rng) -> Result<String, EdgeError> {
    let mut id = prefix.to_owned();
    push_random_base62(&mut id, RANDOM_CHARS, rng)
        .map_err(|error| EdgeError::Internal(error.to_string()))?;
    Ok(id)
}

/// The id of an event: the `webhook-id` of whatever tells of it.
///
/// # Errors
/// Without randomness.
pub fn new_event_id(rng: &mut impl Rng) -> Result<String, EdgeError> {
    new_id(EVENT_PREFIX, rng)
}

/// Whether a text can be the id of a webhook: what can't is looked for nowhere.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX).is_some_and(|rest| {
        rest.len() == RANDOM_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn wrong(param: &'static str, message: &str) -> EdgeError {
    invalid(param, message.to_owned())
}

#[cfg(test)]
mod tests;
