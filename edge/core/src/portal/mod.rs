//! The portal: people get keys by themselves, on plans that are for it.
//!
//! A session is a [`Ticket`] in a cookie; the object of its owner's sessions has the last word, so that one that was
//! ended is good for nothing at the very next request. [`Portal::sign_in`] begins one, [`Desk`] is what is done in one.

mod console;
mod guest;
mod invitation;
mod keys;
pub mod oidc;
mod session;
mod settings;
mod sign_in;
mod ticket;

pub use console::{
    Administrator, ConsoleSession, clear_console_cookie, console_session, console_ticket,
    set_console_cookie, sign_in_to_console, sign_out_of_console,
};
pub use guest::Guest;
pub use invitation::{CreatePortalSession, Invitation, PortalInvitation};
pub use keys::{Desk, PortalKeys, PortalPlan, PortalPlans, TakeKey};
pub use session::{COOKIE, Session, clear_cookie, cookie_value, is_ours, set_cookie};
pub use settings::{Hidden, OidcClient, PortalAuth, PortalSettings, Turnstile};
pub use sign_in::{PortalState, SignInByLink, SignInByName};
pub use ticket::{Ticket, portal_object};

use crate::admin::Ports;
use crate::config::Settings;
use crate::ports::PortError;

/// The objects that know tickets, one of each owner.
#[allow(async_fn_in_trait)] // Wasm has one thread: no caller needs `Send`.
pub trait PortalObjects {
    /// Begins a session.
    async fn begin(&self, ticket: &Ticket, session: &Session) -> Result<(), PortError>;
    /// Whose session it is, if it is one still.
    async fn session(&self, ticket: &Ticket) -> Result<Option<Session>, PortError>;
    /// Ends a session, or all of its owner's.
    async fn end(&self, ticket: &Ticket, all: bool) -> Result<(), PortError>;
    /// Begins a session of the console.
    async fn begin_console(
        &self,
        ticket: &Ticket,
        session: &ConsoleSession,
    ) -> Result<(), PortError>;
    /// The session of the console, if it is one still.
    async fn console(&self, ticket: &Ticket) -> Result<Option<ConsoleSession>, PortError>;
    /// Ends it.
    async fn end_console(&self, ticket: &Ticket) -> Result<(), PortError>;
    /// Keeps an invitation; one that was kept, or used, before stays as it is.
    async fn invite(&self, invitation: &Invitation) -> Result<(), PortError>;
    /// Takes an invitation: whom it lets in. It is good once.
    async fn redeem(&self, ticket: &Ticket) -> Result<Option<Guest>, PortError>;
    /// Counts an attempt to sign in; at most so many an hour. In how many milliseconds there may be another one, where
    /// it was one too many; 0: it was not.
    async fn attempt(&self, from: &str, most: u32) -> Result<u64, PortError>;
}

/// Who verifies a challenge.
#[allow(async_fn_in_trait)]
pub trait Challenges {
    /// Sends JSON to an address; what that answers.
    async fn verify(&self, url: &str, json: &str) -> Result<String, PortError>;
}

/// What the portal works on.
pub trait PortalPorts: Ports + PortalObjects + Challenges {}

impl<T: Ports + PortalObjects + Challenges> PortalPorts for T {}

/// A request to the portal at work.
pub struct Portal<'a, P> {
    /// Storage and objects.
    pub ports: &'a P,
    /// The deployment's settings.
    pub settings: &'a Settings,
    /// The request's id.
    pub request_id: &'a str,
}

#[cfg(test)]
mod tests;
