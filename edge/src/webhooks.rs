//! `/v1/webhooks…` for a key's account. What is kept, and what is sent, is the matter of the account's own object
//! (`js/webhooks.js`); what may be asked of it is judged here.

use std::rc::Rc;

use edge_core::error::EdgeError;
use edge_core::ports::Clock as _;
use edge_core::transcripts::account_of;
use edge_core::webhooks::{
    DeliveryRow, Listing, MAX_WEBHOOKS, Repeat, Tested, Webhook, WebhookRow, WebhookSecret,
    WebhookWithSecret, is_id, new_event_id, new_webhook, overlap_ms, patch, repeat,
};
use inference_api::job::Fetch;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

use crate::account_request::AccountRequest;
use crate::clock::RuntimeRng;
use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call};
use crate::reply;
use crate::router::Parts;

/// Which of the routes below `/v1/webhooks`.
#[derive(Clone, Copy)]
pub(crate) enum WebhookRoute<'a> {
    All,
    One(&'a str),
    Rotate(&'a str),
    Test(&'a str),
    Deliveries(&'a str),
}

impl<'a> WebhookRoute<'a> {
    /// The route of the rest of a path.
    pub(crate) fn of(rest: &'a str) -> Option<Self> {
        if rest.is_empty() {
            return Some(Self::All);
        }
        let rest = rest.strip_prefix('/')?;
        match rest.split_once('/') {
            None if !rest.is_empty() => Some(Self::One(rest)),
            Some((id, "rotate")) => Some(Self::Rotate(id)),
            Some((id, "test")) => Some(Self::Test(id)),
            Some((id, "deliveries")) => Some(Self::Deliveries(id)),
            _ => None,
        }
    }

    /// The methods it has.
    pub(crate) const fn methods(self) -> &'static str {
        match self {
            Self::All => "GET, POST",
            Self::One(_) => "GET, PATCH, DELETE",
            Self::Rotate(_) | Self::Test(_) => "POST",
            Self::Deliveries(_) => "GET",
        }
    }

    /// Whether this is one of them.
    pub(crate) fn has(self, method: &str) -> bool {
        self.methods().split(", ").any(|known| known == method)
    }
}

/// What the object answers.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told<T> {
    Done(T),
    Not(Refused),
}

/// Why it did nothing.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Refused {
    /// There is no such webhook.
    Missing,
    TooMany,
    /// The idempotency key belongs to another request.
    Reused,
    /// The address is none that is asked; why.
    Url(String),
}

impl<T> Told<T> {
    fn done(self) -> Result<T, EdgeError> {
        let refused = match self {
            Self::Done(done) => return Ok(done),
            Self::Not(refused) => refused,
        };
        Err(match refused {
            Refused::Missing => missing(),
            Refused::TooMany => EdgeError::TooManyWebhooks(MAX_WEBHOOKS),
            Refused::Reused => EdgeError::IdempotencyKeyReused,
            Refused::Url(why) => EdgeError::InvalidValue {
                param: "url",
                message: format!("`url` can't be used: {why}."),
            },
        })
    }
}

fn missing() -> EdgeError {
    EdgeError::NotFound("webhook")
}

/// A request about the webhooks of a key's account.
struct OfAccount {
    request: AccountRequest,
    account: String,
}

/// Answers one of the account's keys, which may do what it asks for.
pub(crate) fn of_account(
    call: &Call,
    deployment: &Rc<Deployment>,
    key: &KnownKey,
    route: WebhookRoute<'_>,
    parts: &Parts<'_>,
) -> JsValue {
    let asked = OfAccount {
        request: AccountRequest::new(call, deployment, key, parts),
        account: account_of(&key.record),
    };
    let (WebhookRoute::One(id)
    | WebhookRoute::Rotate(id)
    | WebhookRoute::Test(id)
    | WebhookRoute::Deliveries(id)) = route
    else {
        return reply::promise(call, async move { asked.all().await });
    };
    if !is_id(id) {
        return reply::error(call, &missing());
    }
    let id = id.to_owned();
    match route {
        WebhookRoute::Rotate(_) => reply::promise(call, async move { asked.rotate(&id).await }),
        WebhookRoute::Test(_) => reply::promise(call, async move { asked.test(&id).await }),
        WebhookRoute::Deliveries(_) => {
            reply::promise(call, async move { asked.deliveries(&id).await })
        }
        _ => reply::promise(call, async move { asked.one(&id).await }),
    }
}

impl OfAccount {
    async fn ask<T: DeserializeOwned>(&self, method: &str, args: &Value) -> Result<T, EdgeError> {
        let runtime = self.request.runtime();
        let told = runtime.webhooks(&self.account, method, args).await;
        let told: Told<T> = told.map_err(EdgeError::WebhooksUnavailable)?;
        told.done()
    }

    fn listing(&self, webhook: Option<&str>) -> Result<Listing, EdgeError> {
        let (limit, cursor) = (
            self.request.query.get("limit"),
            self.request.query.get("cursor"),
        );
        let settings = &self.request.deployment.settings;
        let (limit, cursor) = (limit.as_deref(), cursor.as_deref());
        Listing::of(settings, &self.account, webhook, limit, cursor)
    }

    fn repeat(&self, body: &[u8]) -> Result<Option<Repeat>, EdgeError> {
        let key = glue::header(&self.request.call, "idempotency-key");
        repeat(&key, &self.request.credential, &self.request.path, body)
    }

    fn may_go_anywhere(&self) -> Result<(), EdgeError> {
        match self.request.deployment.settings.fetch {
            Fetch::Off => Err(EdgeError::UrlsSwitchedOff),
            Fetch::Public | Fetch::Development => Ok(()),
        }
    }

    /// Lists them, or makes one.
    async fn all(&self) -> Result<JsValue, EdgeError> {
        if self.request.method == "GET" {
            let listing = self.listing(None)?;
            let args = json!([listing.before, listing.limit]);
            let rows: Vec<WebhookRow> = self.ask("all", &args).await?;
            let page = listing.webhooks(&self.request.deployment.settings, rows);
            return reply::object(&self.request.call, 200, &page);
        }
        let wish = self.request.json().await?;
        let now = self.request.runtime().now();
        let new = new_webhook(&wish, now, &mut RuntimeRng)?;
        let repeat = self.repeat(&wish)?;
        self.may_go_anywhere()?;
        let args = json!([new, MAX_WEBHOOKS, repeat]);
        let made: WebhookWithSecret = self.ask("create", &args).await?;
        reply::object(&self.request.call, 201, &made)
    }

    /// Shows it, changes it, or deletes it.
    async fn one(&self, id: &str) -> Result<JsValue, EdgeError> {
        let shown: Webhook = match self.request.method.as_str() {
            "DELETE" => {
                let _: Value = self.ask("remove", &json!([id])).await?;
                return Ok(reply::empty(&self.request.call, 204));
            }
            "PATCH" => {
                let patch = patch(&self.request.json().await?)?;
                if patch.moves() {
                    self.may_go_anywhere()?;
                }
                self.ask("change", &json!([id, patch])).await?
            }
            _ => self.ask("one", &json!([id])).await?,
        };
        reply::object(&self.request.call, 200, &shown)
    }

    async fn rotate(&self, id: &str) -> Result<JsValue, EdgeError> {
        let wish = self.request.optional_json().await?;
        let overlap = overlap_ms(&wish)?;
        let secret = WebhookSecret::draw(&mut RuntimeRng)?.reveal();
        let args = json!([id, secret, overlap, self.repeat(&wish)?]);
        let rotated: WebhookWithSecret = self.ask("rotate", &args).await?;
        reply::object(&self.request.call, 200, &rotated)
    }

    async fn test(&self, id: &str) -> Result<JsValue, EdgeError> {
        let event = new_event_id(&mut RuntimeRng)?;
        let args = json!([id, event, self.repeat(b"")?]);
        let tested: Tested = self.ask("test", &args).await?;
        reply::object(&self.request.call, 200, &tested)
    }

    async fn deliveries(&self, id: &str) -> Result<JsValue, EdgeError> {
        let listing = self.listing(Some(id))?;
        let args = json!([id, listing.before, listing.limit]);
        let rows: Vec<DeliveryRow> = self.ask("deliveries", &args).await?;
        let page = listing.deliveries(&self.request.deployment.settings, rows);
        reply::object(&self.request.call, 200, &page)
    }
}
