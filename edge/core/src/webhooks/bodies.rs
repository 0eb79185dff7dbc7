//! What callers send to make and change webhooks.

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::{EventType, ID_PREFIX, WebhookSecret, new_id, wrong};
use crate::error::{EdgeError, read};
use crate::idempotency::Idempotency;
use crate::ports::{Rng, UnixMs};

/// Longest address of a webhook, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;
/// Longest time for which a replaced secret signs along, in seconds.
pub const MAX_OVERLAP_SECONDS: u64 = 7 * 86_400;
/// And the time where nothing is said.
pub const DEFAULT_OVERLAP_SECONDS: u64 = 86_400;

const MAX_NAME_CHARS: usize = 100;

/// The body of `POST /v1/webhooks`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// Where events go: an address of the public internet, over HTTPS.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_URL_BYTES)))]
    url: String,
    /// What it is told of; if left out, of everything.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    events: Option<Vec<EventType>>,
    /// For people, 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    name: Option<String>,
}

/// The body of `PATCH /v1/webhooks/{id}`: what is not named stays; a `name` of `null` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct WebhookPatch {
    /// Another address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_URL_BYTES)))]
    pub url: Option<String>,
    /// What it is told of from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub events: Option<Vec<EventType>>,
    /// For people, 1 to 100 characters.
    #[serde(deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_NAME_CHARS)))]
    pub name: Option<Option<String>>,
    /// Off: nothing is sent to it, and what was still to be sent never is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// The body of `POST /v1/webhooks/{id}/rotate`; it may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateWebhook {
    /// For so long the secret before signs along: a day if left out.
    #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = MAX_OVERLAP_SECONDS)))]
    overlap_seconds: Option<u64>,
}

/// Tells `null` (a value) from a field that is not there.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// A webhook about to be made, as its object is told of it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct NewWebhook {
    /// `wh_…`.
    pub id: String,
    /// Not yet looked at.
    pub url: String,
    /// What it is told of.
    pub events: Vec<EventType>,
    /// For people.
    pub name: Option<String>,
    /// Unix seconds.
    pub created_at: u64,
    /// By which it is signed.
    pub secret: String,
}

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, url, .. } = self;
        write!(f, "NewWebhook({id}, {url})")
    }
}

fn check_url(url: &str) -> Result<(), EdgeError> {
    if (1..=MAX_URL_BYTES).contains(&url.len()) {
        return Ok(());
    }
    Err(wrong("url", "`url` must have 1 to 2,048 bytes."))
}

fn check_events(events: &[EventType]) -> Result<(), EdgeError> {
    let twice = |at: usize| events[..at].contains(&events[at]);
    if events.is_empty() || (0..events.len()).any(twice) {
        let message = "`events` must name at least one, and none twice.";
        return Err(wrong("events", message));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), EdgeError> {
    let count = name.chars().count();
    if (1..=MAX_NAME_CHARS).contains(&count) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let message = "`name` must have 1 to 100 characters, no controls among them.";
    Err(wrong("name", message))
}

/// Reads the wish for a webhook. Its address is looked at by the object, which can ask what a name means.
///
/// # Errors
/// A body that is none.
pub fn new_webhook(body: &[u8], now: UnixMs, rng: &mut impl Rng) -> Result<NewWebhook, EdgeError> {
    let CreateWebhook { url, events, name } = read(body)?;
    check_url(&url)?;
    let events = events.unwrap_or_else(|| EventType::ALL.to_vec());
    check_events(&events)?;
    name.as_deref().map_or(Ok(()), check_name)?;
    Ok(NewWebhook {
        id: new_id(ID_PREFIX, rng)?,
        url,
        events,
        name,
        created_at: now.seconds(),
        secret: WebhookSecret::draw(rng)?.reveal(),
    })
}

/// Reads a change.
///
/// # Errors
/// A body that is none.
pub fn patch(body: &[u8]) -> Result<WebhookPatch, EdgeError> {
    let patch: WebhookPatch = read(body)?;
    patch.url.as_deref().map_or(Ok(()), check_url)?;
    patch.events.as_deref().map_or(Ok(()), check_events)?;
    let name = patch.name.as_ref().and_then(Option::as_deref);
    name.map_or(Ok(()), check_name)?;
    Ok(patch)
}

impl WebhookPatch {
    /// Whether it moves the webhook elsewhere.
    pub const fn moves(&self) -> bool {
        self.url.is_some()
    }
}

/// Reads for how long a replaced secret signs along, in milliseconds.
///
/// # Errors
/// A body that is none.
pub fn overlap_ms(body: &[u8]) -> Result<u64, EdgeError> {
    let RotateWebhook { overlap_seconds } = if body.is_empty() {
        RotateWebhook::default()
    } else {
        read(body)?
    };
    let seconds = overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS);
    if seconds > MAX_OVERLAP_SECONDS {
        let message = "`overlap_seconds` must be at most 604,800, which is a week.";
        return Err(wrong("overlap_seconds", message));
    }
    Ok(seconds * 1000)
}

/// By what a request is known again that has an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// The same for no other caller, path or key.
    pub mark: String,
    /// SHA-256 of the body, in hex: another one under the same mark is another request.
    pub request: String,
}

/// Reads the `Idempotency-Key`. `credential`: the key as it was presented.
///
/// # Errors
/// One that is none.
pub fn repeat(
    idempotency_key: &str,
    credential: &str,
    path: &str,
    body: &[u8],
) -> Result<Option<Repeat>, EdgeError> {
    let idempotency = Idempotency::of(idempotency_key, body)?;
    Ok(idempotency.map(|Idempotency { key, body }| {
        let text = format!("webhook\n{credential}\n{path}\n{key}");
        Repeat {
            mark: hex::encode(&Sha256::digest(text)[..16]),
            request: body,
        }
    }))
}
