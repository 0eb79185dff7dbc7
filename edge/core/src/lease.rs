//! Leases: what is under way. Each stands from admission to settlement; one whose end is never heard of
//! expires.

use std::collections::BTreeMap;

use crate::ports::UnixMs;

/// How long a lease is remembered after it expired, in milliseconds: a settlement that comes late (a
/// clock that stepped forth) is charged all the same, and once.
pub const REMEMBERED_MS: u64 = 86_400_000;

/// One request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When it was charged.
    pub at: UnixMs,
    /// From when on it no longer counts as under way.
    pub expires: UnixMs,
    /// What it was charged.
    pub cost: u64,
}

/// The leases of one object, by request id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases(BTreeMap<String, Lease>);

impl Leases {
    /// How many are under way at `now`.
    pub fn under_way(&self, now: UnixMs) -> u64 {
        self.0.values().filter(|lease| now < lease.expires).count() as u64
    }

    /// All that are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins one. The same id again is the same request: the first stands.
    pub fn begin(&mut self, id: &str, lease: Lease) {
        self.0.entry(id.to_owned()).or_insert(lease);
    }

    /// The one of this id.
    pub fn get(&self, id: &str) -> Option<Lease> {
        self.0.get(id).copied()
    }

    /// Ends one; `None` if there is none of this id, or no longer.
    pub fn end(&mut self, id: &str) -> Option<Lease> {
        self.0.remove(id)
    }

    /// When the next one expires, or is to be forgotten.
    pub fn next_change(&self, now: UnixMs) -> Option<UnixMs> {
        let change = |lease: &Lease| {
            if now < lease.expires {
                lease.expires
            } else {
                lease.expires.plus_ms(REMEMBERED_MS)
            }
        };
        self.0.values().map(change).min()
    }

    /// Forgets those that expired long ago; returns how many.
    pub fn forget_expired(&mut self, now: UnixMs) -> u64 {
        let before = self.0.len();
        self.0
            .retain(|_, lease| now < lease.expires.plus_ms(REMEMBERED_MS));
        (before - self.0.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(at: u64) -> Lease {
        Lease {
            at: UnixMs(at),
            expires: UnixMs(at + 100),
            cost: 1,
        }
    }

    #[test]
    fn a_lease_counts_until_it_ends_or_expires() {
        let mut leases = Leases::default();
        leases.begin("a", lease(0));
        leases.begin("b", lease(50));
        assert_eq!(leases.under_way(UnixMs(99)), 2);
        assert_eq!(leases.under_way(UnixMs(100)), 1);
        assert!(leases.end("b").is_some());
        assert!(leases.end("b").is_none(), "ended twice");
        assert_eq!(leases.under_way(UnixMs(99)), 1);
    }

    #[test]
    fn an_expired_lease_can_still_be_settled_for_a_day() {
        let mut leases = Leases::default();
        leases.begin("a", lease(0));
        assert_eq!(leases.next_change(UnixMs(0)), Some(UnixMs(100)));
        let gone = UnixMs(100 + REMEMBERED_MS);
        assert_eq!(leases.next_change(UnixMs(100)), Some(gone));
        assert_eq!(leases.forget_expired(UnixMs(gone.0 - 1)), 0);
        assert_eq!(leases.clone().end("a"), Some(lease(0)));
        assert_eq!(leases.forget_expired(gone), 1);
        assert!(leases.is_empty());
    }

    #[test]
    fn the_same_request_begun_twice_is_one() {
        let mut leases = Leases::default();
        leases.begin("a", lease(0));
        leases.begin("a", lease(60));
        assert_eq!(leases.len(), 1);
        assert_eq!(leases.end("a"), Some(lease(0)));
    }
}
