//! The objects of sessions, and what signing in asks of others, as the portal's rules speak to them.

use edge_core::error::EdgeError;
use edge_core::portal::{
    Challenges, ConsoleSession, Guest, Invitation, PortalObjects, Session, Ticket,
};
use edge_core::ports::PortError;
use js_sys::JsString;
use js_sys::futures::JsFuture;
use serde::Serialize;
use serde_json::json;
use wasm_bindgen::JsCast as _;

use crate::glue::{self, thrown};
use crate::ports::Runtime;

const PORT: (&str, &str) = ("portal", "PORTAL");
/// What a ticket may be good for (js/portal.js).
const SESSION: &str = "session";
const CONSOLE: &str = "console";

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn failed(cause: impl ToString) -> PortError {
    PortError {
        port: PORT.0,
        cause: cause.to_string(),
    }
}

fn text(value: &impl Serialize) -> Result<String, PortError> {
    serde_json::to_string(value).map_err(failed)
}

/// What an object has as JSON, or `null`.
fn found<T: serde::de::DeserializeOwned>(answer: &str) -> Result<Option<T>, PortError> {
    serde_json::from_str(answer).map_err(failed)
}

impl Runtime<'_> {
    async fn enter(
        &self,
        kind: &str,
        ticket: &Ticket,
        session: &impl Serialize,
        expires_at: u64,
    ) -> Result<(), PortError> {
        let args = json!([kind, ticket.hash(), text(session)?, expires_at * 1000]);
        let begun = self.ask(PORT, ticket.object(), "begin", &args).await;
        begun.map(drop)
    }

    async fn entered<T: serde::de::DeserializeOwned>(
        &self,
        kind: &str,
        ticket: &Ticket,
    ) -> Result<Option<T>, PortError> {
        let args = json!([kind, ticket.hash()]);
        found(&self.ask(PORT, ticket.object(), "session", &args).await?)
    }

    async fn leave(&self, kind: &str, ticket: &Ticket, all: bool) -> Result<(), PortError> {
        let args = json!([kind, ticket.hash(), all]);
        let ended = self.ask(PORT, ticket.object(), "end", &args).await;
        ended.map(drop)
    }
}

impl PortalObjects for Runtime<'_> {
    async fn begin(&self, ticket: &Ticket, session: &Session) -> Result<(), PortError> {
        self.enter(SESSION, ticket, session, session.expires_at)
            .await
    }

    async fn session(&self, ticket: &Ticket) -> Result<Option<Session>, PortError> {
        self.entered(SESSION, ticket).await
    }

    async fn end(&self, ticket: &Ticket, all: bool) -> Result<(), PortError> {
        self.leave(SESSION, ticket, all).await
    }

    async fn begin_console(
        &self,
        ticket: &Ticket,
        session: &ConsoleSession,
    ) -> Result<(), PortError> {
        self.enter(CONSOLE, ticket, session, session.expires_at)
            .await
    }

    async fn console(&self, ticket: &Ticket) -> Result<Option<ConsoleSession>, PortError> {
        self.entered(CONSOLE, ticket).await
    }

    async fn end_console(&self, ticket: &Ticket) -> Result<(), PortError> {
        self.leave(CONSOLE, ticket, false).await
    }

    async fn invite(&self, invitation: &Invitation) -> Result<(), PortError> {
        let Invitation {
            ticket,
            guest,
            until,
        } = invitation;
        let args = json!([ticket.hash(), text(guest)?, until.0]);
        self.ask(PORT, ticket.object(), "invite", &args)
            .await
            .map(drop)
    }

    async fn redeem(&self, ticket: &Ticket) -> Result<Option<Guest>, PortError> {
        let args = json!([ticket.hash()]);
        found(&self.ask(PORT, ticket.object(), "redeem", &args).await?)
    }

    async fn attempt(&self, from: &str, most: u32) -> Result<u64, PortError> {
        let waits = self.ask(PORT, from, "attempt", &json!([most])).await?;
        waits.parse().map_err(|_| failed(waits))
    }
}

impl Challenges for Runtime<'_> {
    async fn verify(&self, url: &str, json: &str) -> Result<String, PortError> {
        let told = JsFuture::from(glue::post_json(self.call, url, json)).await;
        told.map(|text| String::from(&text))
            .map_err(|error| failed(thrown(&error)))
    }
}

/// What a promise of a text came to; why not is for the log alone.
async fn came(promise: js_sys::Promise<JsString>) -> Result<String, EdgeError> {
    match JsFuture::from(promise).await {
        Ok(text) => Ok(String::from(text.unchecked_ref::<JsString>())),
        Err(error) => Err(EdgeError::SignInFailed(thrown(&error))),
    }
}

impl Runtime<'_> {
    /// A text from an OpenID provider, by GET or, with a form, by POST.
    pub(crate) async fn fetch_text(
        &self,
        url: &str,
        form: Option<&str>,
    ) -> Result<String, EdgeError> {
        came(glue::fetch_text(self.call, url, form)).await
    }

    /// The claims of a token that one of these keys verifies.
    pub(crate) async fn verified(&self, token: &str, keys: &str) -> Result<String, EdgeError> {
        came(glue::verified_token(self.call, token, keys)).await
    }
}
