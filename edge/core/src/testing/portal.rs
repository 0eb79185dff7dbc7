//! Tickets in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::Memory;
use crate::portal::{
    Challenges, ConsoleSession, Guest, Invitation, PortalObjects, Session, Ticket, portal_object,
};
use crate::ports::{Clock, PortError};

const HOUR_MS: u64 = 3_600_000;

/// Sessions and invitations by the hashes of their tickets, attempts by where they came from.
#[derive(Default)]
pub struct Tickets {
    /// Each with its object.
    pub sessions: RefCell<BTreeMap<String, (String, Session)>>,
    consoles: RefCell<BTreeMap<String, ConsoleSession>>,
    invitations: RefCell<BTreeMap<String, (Invitation, bool)>>,
    attempts: RefCell<BTreeMap<String, Vec<u64>>>,
    /// What a challenge is answered with.
    pub challenge: RefCell<String>,
    /// How often one was sent.
    pub challenges: Cell<u32>,
}

impl Tickets {
    pub(super) fn forget(&self, owner: &str) -> u64 {
        let object = portal_object(owner);
        let mut sessions = self.sessions.borrow_mut();
        let before = sessions.len();
        sessions.retain(|_, (of, _)| *of != object);
        (before - sessions.len()) as u64
    }
}

impl PortalObjects for Memory {
    async fn begin(&self, ticket: &Ticket, session: &Session) -> Result<(), PortError> {
        let kept = (ticket.object().to_owned(), session.clone());
        self.faults.run("portal", || {
            let sessions = &mut self.tickets.sessions.borrow_mut();
            sessions.insert(ticket.hash(), kept);
        })
    }

    async fn session(&self, ticket: &Ticket) -> Result<Option<Session>, PortError> {
        self.faults.run("portal", || {
            let sessions = self.tickets.sessions.borrow();
            let (_, session) = sessions.get(&ticket.hash())?;
            let lasts = Clock::now(self).seconds() < session.expires_at;
            lasts.then(|| session.clone())
        })
    }

    async fn end(&self, ticket: &Ticket, all: bool) -> Result<(), PortError> {
        self.faults.run("portal", || {
            let sessions = &mut self.tickets.sessions.borrow_mut();
            let was_one = sessions.remove(&ticket.hash()).is_some();
            if all && was_one {
                sessions.retain(|_, (object, _)| object != ticket.object());
            }
        })
    }

    async fn begin_console(
        &self,
        ticket: &Ticket,
        session: &ConsoleSession,
    ) -> Result<(), PortError> {
        self.faults.run("portal", || {
            let consoles = &mut self.tickets.consoles.borrow_mut();
            consoles.insert(ticket.hash(), session.clone());
        })
    }

    async fn console(&self, ticket: &Ticket) -> Result<Option<ConsoleSession>, PortError> {
        self.faults.run("portal", || {
            let consoles = self.tickets.consoles.borrow();
            let session = consoles.get(&ticket.hash())?;
            let lasts = Clock::now(self).seconds() < session.expires_at;
            lasts.then(|| session.clone())
        })
    }

    async fn end_console(&self, ticket: &Ticket) -> Result<(), PortError> {
        self.faults.run("portal", || {
            self.tickets.consoles.borrow_mut().remove(&ticket.hash());
        })
    }

    async fn invite(&self, invitation: &Invitation) -> Result<(), PortError> {
        self.faults.run("portal", || {
            let invitations = &mut self.tickets.invitations.borrow_mut();
            let kept = || (invitation.clone(), false);
            invitations
                .entry(invitation.ticket.hash())
                .or_insert_with(kept);
        })
    }

    async fn redeem(&self, ticket: &Ticket) -> Result<Option<Guest>, PortError> {
        self.faults.run("portal", || {
            let mut invitations = self.tickets.invitations.borrow_mut();
            let (invitation, is_used) = invitations.get_mut(&ticket.hash())?;
            let is_good = Clock::now(self) < invitation.until && !std::mem::replace(is_used, true);
            is_good.then(|| invitation.guest.clone())
        })
    }

    async fn attempt(&self, from: &str, most: u32) -> Result<u64, PortError> {
        self.faults.run("portal", || {
            let now = Clock::now(self).0;
            let mut all = self.tickets.attempts.borrow_mut();
            let attempts = all.entry(from.to_owned()).or_default();
            attempts.retain(|at| at + HOUR_MS > now);
            if let Some(over) = attempts.len().checked_sub(most as usize) {
                return attempts[over] + HOUR_MS - now;
            }
            attempts.push(now);
            0
        })
    }
}

impl Challenges for Memory {
    async fn verify(&self, _: &str, _: &str) -> Result<String, PortError> {
        self.faults.run("portal", || {
            self.tickets
                .challenges
                .set(self.tickets.challenges.get() + 1);
            self.tickets.challenge.borrow().clone()
        })
    }
}
