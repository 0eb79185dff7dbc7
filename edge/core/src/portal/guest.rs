//! Who is let in, however that was found out.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Session;
use crate::ports::UnixMs;

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// External id of the owner.
    pub owner: String,
    /// For people.
    pub name: String,
    /// The plans that may be chosen; none: every one that is for self-service.
    pub plans: Option<Vec<String>>,
}

impl Guest {
    /// His session, of so many seconds.
    pub fn session(self, now: UnixMs, seconds: u32) -> Session {
        Session {
            owner: self.owner,
            name: self.name,
            plans: self.plans,
            expires_at: now.seconds() + u64::from(seconds),
        }
    }
}

/// Longest id that is kept as it is; with its way before it, it is as long as an owner's may be.
const MAX_PLAIN: usize = 58;

/// The owner of somebody who is known by this id in some way of signing in. `way` stands before it, so that nobody is
/// an owner whom an administrator named, or who came by another way.
pub(super) fn owner_of(way: &str, id: &str) -> String {
    let is_plain = (1..=MAX_PLAIN).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-'));
    if is_plain {
        format!("{way}|{id}")
    } else {
        // No plain id has a `+`.
        let hash = hex::encode(&Sha256::digest(id)[..16]);
        format!("{way}|+{hash}")
    }
}

/// A name as pages show it.
pub(super) fn shortened(name: &str) -> String {
    let name = name.trim().chars().filter(|c| !c.is_control());
    name.take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::checks;

    #[test]
    fn every_id_is_an_owner_of_its_own() {
        let long = "a".repeat(59);
        let ids = [
            "a",
            "b",
            "A",
            "5f7c-1@x.y",
            "auth0|5f7c",
            "ä",
            "a b",
            "",
            &long,
            "+",
            "a:b",
        ];
        let owners: Vec<String> = ids.iter().map(|id| owner_of("oidc", id)).collect();
        for (at, owner) in owners.iter().enumerate() {
            assert_eq!(checks::owner(owner), Ok(()), "{owner}");
            assert!(!owners[..at].contains(owner), "{owner}");
            assert!(owner.starts_with("oidc|"));
        }
        let hash = owner_of("oidc", "ä");
        let id = hash.strip_prefix("oidc|").unwrap();
        assert_ne!(owner_of("oidc", id), hash);
    }

    #[test]
    fn a_name_is_short_and_without_control_characters() {
        assert_eq!(shortened(" Ann\u{0}\n "), "Ann");
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), 100);
    }
}
