//! Sessions: who is signed in, and the cookie that says so.

use serde::{Deserialize, Serialize};

use super::Ticket;

/// The cookie's name. By the prefix browsers hold it to HTTPS, this host and every path (RFC 6265bis, 4.1.3.2).
pub const COOKIE: &str = "__Host-portal";

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Session {
    /// External id of the owner whose keys these are.
    pub owner: String,
    /// For people.
    pub name: String,
    /// The plans that may be chosen; `null`: every plan that is for self-service.
    pub plans: Option<Vec<String>>,
    /// Unix seconds from which on it is none.
    pub expires_at: u64,
}

/// The value of `Set-Cookie` that signs a browser in for so many seconds.
pub fn set_cookie(ticket: &Ticket, seconds: u32) -> String {
    cookie(COOKIE, ticket.reveal(), seconds, "Lax")
}

/// The one that signs it out.
pub fn clear_cookie() -> String {
    cookie(COOKIE, "", 0, "Lax")
}

/// A cookie that no script sees. `same_site`: `Lax`, no other site's request but a link brings it, or `Strict`, none does.
pub(super) fn cookie(name: &str, value: &str, seconds: u32, same_site: &str) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={same_site}")
}

/// The value of a cookie in the header `Cookie` (RFC 6265, 4.2.1). One that comes twice is none: somebody planted it.
pub fn cookie_value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut values = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Whether a request that changes something comes from our own pages: a browser says where it comes from, and no page
/// can make it lie (Fetch Metadata; for older ones RFC 6454). `origin`: that of this deployment.
pub fn is_ours(site: &str, from: &str, origin: &str) -> bool {
    match site {
        "" => from == origin,
        site => site == "same-origin" && (from.is_empty() || from == origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRng;

    #[test]
    fn a_cookie_is_for_no_script_and_no_other_site() {
        let ticket = Ticket::draw("acme", &mut SeededRng::new(1)).unwrap();
        let set = set_cookie(&ticket, 60);
        for part in ["Path=/", "Max-Age=60", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(!set.contains("Domain"));
        let value = set.split(';').next().unwrap();
        assert_eq!(cookie_value(value, COOKIE), Some(ticket.reveal()));
        assert!(clear_cookie().starts_with("__Host-portal=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_one_that_was_planted_beside_it_is_none() {
        for (header, value) in [
            ("__Host-portal=a", Some("a")),
            ("x=1; __Host-portal=a; y=2", Some("a")),
            ("__Host-portal=a=b", Some("a=b")),
            ("__Host-portal=a; __Host-portal=b", None),
            ("__Host-portal2=a", None),
            ("__host-portal=a", None),
            ("", None),
        ] {
            assert_eq!(cookie_value(header, COOKIE), value, "{header}");
        }
    }

    #[test]
    fn only_our_own_pages_change_anything() {
        let own = "https://edge.example";
        assert!(is_ours("same-origin", own, own));
        assert!(is_ours("same-origin", "", own));
        assert!(is_ours("", own, own));
        for (site, from) in [
            ("cross-site", own),
            ("same-site", "https://other.edge.example"),
            ("none", ""),
            ("", ""),
            ("", "null"),
            ("same-origin", "https://evil.example"),
            ("", "https://edge.example.evil"),
        ] {
            assert!(!is_ours(site, from, own), "{site} {from}");
        }
    }
}
