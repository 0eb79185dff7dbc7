//! Whose turn it is, where more owners want places than there are.
//!
//! A host that is full keeps no queue of jobs: the edge brings them again. Without an order the owner of the job that
//! ended would win its place again and again, for nobody is told as early as he. So a place goes to the one of those
//! who were refused a moment ago who has the fewest jobs here; among equals to the one whose last turn was longest ago.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a place is kept for somebody who was refused. The edge brings a job again after a second.
const WAITS: Duration = Duration::from_secs(3);
/// How long a turn counts.
const COUNTS: Duration = Duration::from_mins(5);

/// What is known of each owner.
#[derive(Default)]
pub(super) struct Turns {
    owners: HashMap<String, Owner>,
}

#[derive(Default)]
struct Owner {
    under_way: u32,
    /// When he last got a place.
    turn: Option<Instant>,
    /// When he was last refused one that he has not got since.
    refused: Option<Instant>,
}

impl Owner {
    /// The smaller, the earlier his turn.
    fn rank(&self) -> (u32, Option<Instant>) {
        (self.under_way, self.turn)
    }

    fn waits(&self, now: Instant) -> bool {
        self.refused
            .is_some_and(|at| now.saturating_duration_since(at) < WAITS)
    }
}

impl Turns {
    /// Whether a free place is this owner's, and nobody's who comes before him.
    pub(super) fn is_of(&self, owner: &str, now: Instant) -> bool {
        let rank = self.owners.get(owner).map_or((0, None), Owner::rank);
        let mut others = self.owners.iter().filter(|(name, _)| *name != owner);
        !others.any(|(_, other)| other.waits(now) && other.rank() < rank)
    }

    /// He has got a place.
    pub(super) fn took(&mut self, owner: &str, now: Instant) {
        self.forget(now);
        let owner = self.of(owner);
        owner.under_way += 1;
        owner.turn = Some(now);
        owner.refused = None;
    }

    /// He has got none.
    pub(super) fn refused(&mut self, owner: &str, now: Instant) {
        self.forget(now);
        self.of(owner).refused = Some(now);
    }

    /// Forgets whoever neither has a job here nor wants one: the number of those known is bounded by what came within
    /// some minutes, on a host that is never full too.
    fn forget(&mut self, now: Instant) {
        self.owners.retain(|_, owner| {
            let counts = |at: Option<Instant>| {
                at.is_some_and(|at| now.saturating_duration_since(at) < COUNTS)
            };
            owner.under_way > 0 || counts(owner.turn) || owner.waits(now)
        });
    }

    /// A place of his is free again.
    pub(super) fn left(&mut self, owner: &str) {
        let owner = self.of(owner);
        owner.under_way = owner.under_way.saturating_sub(1);
    }

    fn of(&mut self, owner: &str) -> &mut Owner {
        self.owners.entry(owner.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many owners who each bring a job again at every step, in the same order, with this many places: how often each
    /// got one. One place is free at each step, that of whoever has waited longest for his end.
    fn shares(owners: usize, places: usize, steps: u64) -> Vec<u32> {
        let names: Vec<String> = (0..owners).map(|n| n.to_string()).collect();
        let mut turns = Turns::default();
        let mut under_way = std::collections::VecDeque::new();
        let mut got = vec![0; owners];
        let start = Instant::now();
        for step in 0..steps {
            let now = start + Duration::from_secs(step);
            if under_way.len() == places {
                let ended: usize = under_way.pop_front().unwrap();
                turns.left(&names[ended]);
            }
            for (n, name) in names.iter().enumerate() {
                if under_way.len() < places && turns.is_of(name, now) {
                    turns.took(name, now);
                    under_way.push_back(n);
                    got[n] += 1;
                } else {
                    turns.refused(name, now);
                }
            }
        }
        got
    }

    #[test]
    fn whoever_asks_first_has_no_more_than_his_share() {
        for (owners, places) in [(4, 8), (4, 1), (3, 2), (7, 3), (2, 5)] {
            let got = shares(owners, places, 700);
            let (most, least) = (got.iter().max().unwrap(), got.iter().min().unwrap());
            // At the beginning the first has the places alone.
            let beginning = u32::try_from(places).unwrap();
            assert!(
                most - least <= beginning,
                "{owners} owners, {places} places: {got:?}"
            );
        }
    }

    #[test]
    fn a_place_is_kept_for_a_moment_and_only_for_one_who_has_less() {
        let mut turns = Turns::default();
        let start = Instant::now();
        turns.took("ann", start);
        turns.refused("ann", start);
        turns.refused("bob", start);
        turns.left("ann");
        assert!(turns.is_of("bob", start));
        assert!(!turns.is_of("ann", start), "her last turn was later");
        assert!(turns.is_of("cleo", start), "as little as he");
        // He does not come.
        assert!(turns.is_of("ann", start + WAITS));
        turns.took("bob", start);
        assert!(turns.is_of("ann", start), "he has got what he wanted");
    }

    #[test]
    fn whoever_has_gone_is_forgotten() {
        let mut turns = Turns::default();
        let start = Instant::now();
        turns.took("stays", start);
        for n in 0..100 {
            let name = n.to_string();
            turns.refused(&name, start);
            turns.took(&name, start);
            turns.left(&name);
        }
        // A host that is never full refuses nobody.
        turns.took("late", start + COUNTS);
        let mut left: Vec<_> = turns.owners.keys().map(String::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["late", "stays"]);
    }
}
