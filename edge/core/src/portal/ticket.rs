//! Tickets: what a browser shows to be let in. A session's stands in a cookie, that of an invitation in the fragment of
//! an address. What is kept is the ticket's hash.

use sha2::{Digest as _, Sha256};

use crate::api_key::push_random_base62;
use crate::error::EdgeError;
use crate::idempotency::Derived;
use crate::ports::Rng;

/// Characters of the secret: 190 bits, which nobody guesses.
const SECRET_CHARS: usize = 32;
/// Characters of the object's name: half a SHA-256, in hex.
const OBJECT_CHARS: usize = 32;

/// A ticket: the name of the object that knows it, a dot, a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ticket({}, …)", self.object())
    }
}

/// Name of the object with an owner's sessions. It holds a hash: a platform may keep the names of objects longer than
/// the objects, and an owner's id may have to go.
pub fn portal_object(owner: &str) -> String {
    object("portal", owner)
}

fn object(kind: &str, whose: &str) -> String {
    hex::encode(&Sha256::digest(format!("{kind}\n{whose}"))[..OBJECT_CHARS / 2])
}

impl Ticket {
    /// A new one of an owner.
    ///
    /// # Errors
    /// The system's generator has nothing to give.
    pub fn draw(owner: &str, rng: &mut impl Rng) -> Result<Self, EdgeError> {
        Self::of_object(portal_object(owner), rng)
    }

    /// A new one to the console, of the root key with this hash.
    pub(super) fn to_console(root_key: &str, rng: &mut impl Rng) -> Result<Self, EdgeError> {
        Self::of_object(object("console", root_key), rng)
    }

    fn of_object(mut text: String, rng: &mut impl Rng) -> Result<Self, EdgeError> {
        text.push('.');
        push_random_base62(&mut text, SECRET_CHARS, rng)
            .map_err(|error| EdgeError::Internal(error.to_string()))?;
        Ok(Self(text))
    }

    /// The one that a seed gives: the same request again makes the same.
    pub(super) fn derived(owner: &str, seed: [u8; 32]) -> Result<Self, EdgeError> {
        Self::draw(owner, &mut Derived::new(seed))
    }

    /// Reads one; none where the text can be no ticket, and no I/O is needed to say so.
    pub fn parse(text: &str) -> Option<Self> {
        let (object, secret) = text.split_once('.')?;
        let is_object = object.len() == OBJECT_CHARS
            && object
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_secret =
            secret.len() == SECRET_CHARS && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_object && is_secret).then(|| Self(text.to_owned()))
    }

    /// The object that knows it.
    pub fn object(&self) -> &str {
        &self.0[..OBJECT_CHARS]
    }

    /// By what the object knows it.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// The ticket itself: for the browser alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRng;

    #[test]
    fn a_ticket_names_its_object_and_is_read_again() {
        let ticket = Ticket::draw("acme", &mut SeededRng::new(1)).unwrap();
        assert_eq!(ticket.object(), portal_object("acme"));
        assert_eq!(Ticket::parse(ticket.reveal()), Some(ticket.clone()));
        assert_eq!(ticket.hash().len(), 64);
        let other = Ticket::draw("acme", &mut SeededRng::new(2)).unwrap();
        assert_ne!(ticket.hash(), other.hash());
        let secret = &ticket.reveal()[OBJECT_CHARS + 1..];
        assert!(!format!("{ticket:?}").contains(secret));
    }

    #[test]
    fn what_can_be_no_ticket_is_none() {
        let good = Ticket::draw("acme", &mut SeededRng::new(1)).unwrap();
        let good = good.reveal();
        let upper = good.to_uppercase();
        let long = format!("{good}a");
        for bad in [
            "",
            ".",
            "a.b",
            &good[1..],
            &long,
            &upper,
            &good.replace('.', "/"),
        ] {
            assert_eq!(Ticket::parse(bad), None, "{bad:?}");
        }
    }
}
