//! Sessions of the console. A root key that was shown once stands for its holder until he signs out: no page has to keep
//! it. What a session is good for is asked of its root key at every request, so it ends with that at the latest.

use serde::{Deserialize, Serialize};

use super::session::{cookie, cookie_value};
use super::{PortalObjects, Ticket};
use crate::api_key::KeyHash;
use crate::error::EdgeError;
use crate::ports::{Clock, Rng};
use crate::scope::AdminScope;

/// The cookie's name; for the prefix see [`super::COOKIE`].
const CONSOLE_COOKIE: &str = "__Host-console";
/// How long a session lasts, in seconds: a day's work.
const CONSOLE_SECONDS: u32 = 8 * 3600;

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleSession {
    /// SHA-256 of the root key that it stands for, in hex.
    pub root_key: String,
    /// Unix seconds from which on it is none.
    pub expires_at: u64,
}

/// Who asks the admin API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Administrator {
    /// `root_…` of the root key; `root`: that of the deployment's secret.
    pub root_key_id: String,
    /// What it may do.
    pub scopes: Vec<AdminScope>,
    /// When the session ends, unix seconds; `null`: the key itself was shown.
    pub expires_at: Option<u64>,
}

/// Begins a session that stands for a root key: the ticket for the cookie, and until when it lasts.
///
/// # Errors
/// It can't be kept.
pub async fn sign_in_to_console<P: PortalObjects + Clock>(
    ports: &P,
    root_key: &KeyHash,
    rng: &mut impl Rng,
) -> Result<(Ticket, ConsoleSession), EdgeError> {
    let root_key = root_key.to_hex();
    let ticket = Ticket::to_console(&root_key, rng)?;
    let expires_at = ports.now().seconds() + u64::from(CONSOLE_SECONDS);
    let session = ConsoleSession {
        root_key,
        expires_at,
    };
    let begun = ports.begin_console(&ticket, &session).await;
    begun.map_err(EdgeError::PortalUnavailable)?;
    Ok((ticket, session))
}

/// The ticket in a request's cookies, if there is one.
pub fn console_ticket(cookies: &str) -> Option<Ticket> {
    cookie_value(cookies, CONSOLE_COOKIE).and_then(Ticket::parse)
}

/// The session of a ticket, and the root key that it stands for.
///
/// # Errors
/// It is over, or nobody can say.
pub async fn console_session(
    ports: &impl PortalObjects,
    ticket: &Ticket,
) -> Result<(ConsoleSession, KeyHash), EdgeError> {
    let found = ports.console(ticket).await;
    let session = found
        .map_err(EdgeError::PortalUnavailable)?
        .ok_or(EdgeError::NoSession)?;
    let hash = KeyHash::from_hex(&session.root_key).ok_or(EdgeError::NoSession)?;
    Ok((session, hash))
}

/// Ends the session of a ticket.
///
/// # Errors
/// Nobody can say that it is over.
pub async fn sign_out_of_console(
    ports: &impl PortalObjects,
    ticket: &Ticket,
) -> Result<(), EdgeError> {
    let ended = ports.end_console(ticket).await;
    ended.map_err(EdgeError::PortalUnavailable)
}

/// The value of `Set-Cookie` that signs a browser in. Other sites' links do not bring it: nobody comes to the console by
/// one.
pub fn set_console_cookie(ticket: &Ticket) -> String {
    strict(ticket.reveal(), CONSOLE_SECONDS)
}

/// The one that signs it out.
pub fn clear_console_cookie() -> String {
    strict("", 0)
}

fn strict(value: &str, seconds: u32) -> String {
    cookie(CONSOLE_COOKIE, value, seconds, "Strict")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Memory, SeededRng, ready};

    fn world() -> (Memory, KeyHash) {
        let memory = Memory::default();
        memory.now.set(1_790_000_000_000);
        (memory, KeyHash::of("wk_root_test"))
    }

    fn sign_in(memory: &Memory, hash: &KeyHash, seed: u64) -> (Ticket, ConsoleSession) {
        ready(sign_in_to_console(memory, hash, &mut SeededRng::new(seed))).unwrap()
    }

    #[test]
    fn a_session_stands_for_its_root_key_until_it_ends() {
        let (memory, hash) = world();
        let (ticket, session) = sign_in(&memory, &hash, 1);
        let cookies = format!("a=b; {}", set_console_cookie(&ticket));
        let found = console_ticket(cookies.split(';').nth(1).unwrap()).unwrap();
        assert_eq!(found, ticket);
        assert_eq!(
            ready(console_session(&memory, &ticket)),
            Ok((session, hash))
        );
        let (other, _) = sign_in(&memory, &hash, 2);
        ready(sign_out_of_console(&memory, &ticket)).unwrap();
        let over = ready(console_session(&memory, &ticket));
        assert_eq!(over, Err(EdgeError::NoSession));
        assert!(ready(console_session(&memory, &other)).is_ok());
        memory.now.set(memory.now.get() + 8 * 3_600_000);
        let over = ready(console_session(&memory, &other));
        assert_eq!(over, Err(EdgeError::NoSession));
    }

    #[test]
    fn no_ticket_of_the_portal_opens_the_console_or_the_other_way_round() {
        let (memory, hash) = world();
        let (ticket, _) = sign_in(&memory, &hash, 1);
        assert_eq!(ready(memory.session(&ticket)), Ok(None));
        let guest = Ticket::draw(&hash.to_hex(), &mut SeededRng::new(1)).unwrap();
        assert_ne!(guest.object(), ticket.object());
        let session = super::super::Session {
            owner: hash.to_hex(),
            name: "Ann".to_owned(),
            plans: None,
            expires_at: u64::MAX / 1000,
        };
        ready(memory.begin(&guest, &session)).unwrap();
        let refused = ready(console_session(&memory, &guest));
        assert_eq!(refused, Err(EdgeError::NoSession));
        assert_eq!(
            console_ticket(&format!("__Host-portal={}", guest.reveal())),
            None
        );
    }

    #[test]
    fn its_cookie_is_for_no_script_and_no_other_site() {
        let (memory, hash) = world();
        let (ticket, _) = sign_in(&memory, &hash, 1);
        let set = set_console_cookie(&ticket);
        for part in [
            "__Host-console=",
            "Path=/",
            "Secure",
            "HttpOnly",
            "SameSite=Strict",
            "Max-Age=28800",
        ] {
            assert!(set.contains(part), "{set}");
        }
        assert!(clear_console_cookie().starts_with("__Host-console=; Path=/; Max-Age=0;"));
        assert!(!format!("{ticket:?}").contains(ticket.reveal()));
    }
}
