//! Which models may be in memory, and which goes. Pure: no clock, no thread, no file; time comes in as milliseconds.
//!
//! A model enters when it is first asked for, and stays. It goes where another needs its room, that one first which was
//! not asked for longest (LRU), or when nobody asked for it for as long as the operator said. Never while somebody uses
//! it, and never one that is to be kept. What can't be loaded is not tried again before a while, unless its file is
//! another by then.

use std::collections::HashMap;
use std::hash::Hash;

use super::Stamp;

/// How long a model that could not be loaded is not tried again, in milliseconds.
const FAILED_FOR_MS: u64 = 30_000;

/// What the operator allows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    /// Most bytes of all models together, by estimate; none for no bound.
    pub(crate) bytes: Option<u64>,
    /// Milliseconds after which an unused model goes; none for never.
    pub(crate) idle_ms: Option<u64>,
}

/// What is to be loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// By estimate.
    pub(crate) bytes: u64,
    /// Of its file.
    pub(crate) stamp: Stamp,
    /// Whether it never goes.
    pub(crate) keep: bool,
}

/// What follows on a request. Both count a user, whose end [`Residency::release`] must be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Granted<K> {
    /// It is loaded, or being loaded.
    Present,
    /// It is to be loaded, after these have gone.
    Load { evicted: Vec<K> },
}

/// Why a model can't be had now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The same file could not be loaded a while ago; milliseconds until it may be tried again.
    FailedBefore { again_ms: u64 },
    /// It needs more than can be made free now, in bytes.
    NoRoom { needed: u64, free: u64 },
}

struct Resident {
    bytes: u64,
    keep: bool,
    is_loading: bool,
    users: usize,
    last_used_ms: u64,
}

struct Failure {
    stamp: Stamp,
    again_ms: u64,
}

/// All that is in memory, or about to be.
pub(crate) struct Residency<K> {
    bounds: Bounds,
    residents: HashMap<K, Resident>,
    failures: HashMap<K, Failure>,
}

impl<K: Clone + Eq + Hash + Ord> Residency<K> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            residents: HashMap::new(),
            failures: HashMap::new(),
        }
    }

    /// Somebody wants the model, which is loaded or being loaded; nothing is done if it is not.
    pub(crate) fn hold(&mut self, model: &K, now_ms: u64) -> bool {
        let resident = self.residents.get_mut(model);
        if let Some(resident) = resident {
            resident.users += 1;
            resident.last_used_ms = now_ms;
            return true;
        }
        false
    }

    /// Somebody wants the model.
    pub(crate) fn request(
        &mut self,
        model: &K,
        wanted: Wanted,
        now_ms: u64,
    ) -> Result<Granted<K>, Refused> {
        if self.hold(model, now_ms) {
            return Ok(Granted::Present);
        }
        if let Some(failure) = self.failures.get(model)
            && failure.stamp == wanted.stamp
            && failure.again_ms > now_ms
        {
            let again_ms = failure.again_ms - now_ms;
            return Err(Refused::FailedBefore { again_ms });
        }
        let evicted = self.make_room(wanted.bytes)?;
        let resident = Resident {
            bytes: wanted.bytes,
            keep: wanted.keep,
            is_loading: true,
            users: 1,
            last_used_ms: now_ms,
        };
        self.residents.insert(model.clone(), resident);
        Ok(Granted::Load { evicted })
    }

    /// What has to go for so many bytes, and is gone from here on; nothing, if that were not enough.
    fn make_room(&mut self, needed: u64) -> Result<Vec<K>, Refused> {
        let Some(most) = self.bounds.bytes else {
            return Ok(Vec::new());
        };
        let mut free = most.saturating_sub(self.bytes());
        let mut unused = self.unused();
        unused.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        let mut evicted = Vec::new();
        for (model, _, bytes) in unused {
            if free >= needed {
                break;
            }
            free = free.saturating_add(bytes);
            evicted.push(model);
        }
        if free < needed {
            return Err(Refused::NoRoom { needed, free });
        }
        for model in &evicted {
            self.residents.remove(model);
        }
        Ok(evicted)
    }

    /// What may go: each with its last use and its size.
    fn unused(&self) -> Vec<(K, u64, u64)> {
        self.residents
            .iter()
            .filter(|(_, r)| !r.keep && !r.is_loading && r.users == 0)
            .map(|(model, r)| (model.clone(), r.last_used_ms, r.bytes))
            .collect()
    }

    /// The model was loaded.
    pub(crate) fn loaded(&mut self, model: &K) {
        self.failures.remove(model);
        if let Some(resident) = self.residents.get_mut(model) {
            resident.is_loading = false;
        }
    }

    /// The model could not be loaded; who wanted it need not release it.
    pub(crate) fn failed(&mut self, model: &K, stamp: Stamp, now_ms: u64) {
        self.residents.remove(model);
        let again_ms = now_ms.saturating_add(FAILED_FOR_MS);
        self.failures
            .insert(model.clone(), Failure { stamp, again_ms });
    }

    /// One who wanted the model does not any more.
    pub(crate) fn release(&mut self, model: &K, now_ms: u64) {
        if let Some(resident) = self.residents.get_mut(model) {
            resident.users = resident.users.saturating_sub(1);
            resident.last_used_ms = now_ms;
        }
    }

    /// What was unused for too long, and is gone from here on.
    pub(crate) fn take_idle(&mut self, now_ms: u64) -> Vec<K> {
        let Some(idle_ms) = self.bounds.idle_ms else {
            return Vec::new();
        };
        let is_idle = |at: u64| now_ms.saturating_sub(at) >= idle_ms;
        let unused = self.unused().into_iter();
        let idle: Vec<K> = unused
            .filter(|(_, at, _)| is_idle(*at))
            .map(|(model, ..)| model)
            .collect();
        for model in &idle {
            self.residents.remove(model);
        }
        idle
    }

    /// Milliseconds until [`take_idle`](Self::take_idle) has something to take, if nobody asks before.
    pub(crate) fn until_idle(&self, now_ms: u64) -> Option<u64> {
        let idle_ms = self.bounds.idle_ms?;
        let first = self.unused().into_iter().map(|(_, at, _)| at).min()?;
        Some(first.saturating_add(idle_ms).saturating_sub(now_ms))
    }

    /// Of all that is in memory or about to be, by estimate.
    pub(crate) fn bytes(&self) -> u64 {
        let all = self.residents.values().map(|r| r.bytes);
        all.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAMP: Stamp = Stamp::NONE;

    fn of(bytes: u64) -> Wanted {
        Wanted {
            bytes,
            stamp: STAMP,
            keep: false,
        }
    }

    fn bounded(bytes: u64) -> Residency<&'static str> {
        Residency::new(Bounds {
            bytes: Some(bytes),
            idle_ms: None,
        })
    }

    /// Asks for a model, sees it loaded and lets it go, all at once.
    fn pass(residency: &mut Residency<&'static str>, model: &'static str, bytes: u64, now: u64) {
        residency.request(&model, of(bytes), now).unwrap();
        residency.loaded(&model);
        residency.release(&model, now);
    }

    #[test]
    fn whoever_comes_while_it_loads_waits_for_the_same_load() {
        let mut residency = bounded(100);
        let load = residency.request(&"a", of(60), 0);
        assert_eq!(load, Ok(Granted::Load { evicted: vec![] }));
        for _ in 0..9 {
            assert_eq!(residency.request(&"a", of(60), 0), Ok(Granted::Present));
        }
        residency.loaded(&"a");
        assert_eq!(residency.request(&"a", of(60), 0), Ok(Granted::Present));
        assert_eq!(residency.bytes(), 60);
    }

    #[test]
    fn where_room_is_needed_the_least_recently_used_goes() {
        let mut residency = bounded(100);
        pass(&mut residency, "a", 40, 0);
        pass(&mut residency, "b", 40, 1);
        pass(&mut residency, "a", 40, 2);
        let load = residency.request(&"c", of(50), 3);
        assert_eq!(load, Ok(Granted::Load { evicted: vec!["b"] }));
        assert_eq!(residency.bytes(), 90);
    }

    #[test]
    fn what_is_used_loading_or_kept_never_goes() {
        let mut residency = bounded(100);
        let keep = Wanted {
            keep: true,
            ..of(30)
        };
        residency.request(&"kept", keep, 0).unwrap();
        residency.loaded(&"kept");
        residency.release(&"kept", 0);
        residency.request(&"used", of(30), 0).unwrap();
        residency.loaded(&"used");
        residency.request(&"loading", of(30), 0).unwrap();
        let no_room = Refused::NoRoom {
            needed: 20,
            free: 10,
        };
        assert_eq!(residency.request(&"new", of(20), 1), Err(no_room));
        residency.release(&"used", 2);
        let load = residency.request(&"new", of(20), 3);
        assert_eq!(
            load,
            Ok(Granted::Load {
                evicted: vec!["used"]
            })
        );
    }

    #[test]
    fn what_can_never_fit_drives_nothing_out() {
        let mut residency = bounded(100);
        pass(&mut residency, "a", 40, 0);
        let no_room = Refused::NoRoom {
            needed: 101,
            free: 100,
        };
        assert_eq!(residency.request(&"big", of(101), 1), Err(no_room));
        assert_eq!(residency.request(&"a", of(40), 2), Ok(Granted::Present));
    }

    #[test]
    fn a_failure_is_not_repeated_at_once_but_a_new_file_is_tried() {
        let mut residency = bounded(100);
        residency.request(&"a", of(40), 0).unwrap();
        residency.failed(&"a", STAMP, 1_000);
        assert_eq!(residency.bytes(), 0);
        let before = Refused::FailedBefore { again_ms: 29_000 };
        assert_eq!(residency.request(&"a", of(40), 2_000), Err(before));
        let another = Wanted {
            stamp: Stamp::new(1, None),
            ..of(40)
        };
        assert!(residency.request(&"a", another, 2_000).is_ok());
        residency.failed(&"a", STAMP, 3_000);
        assert!(residency.request(&"a", of(40), 33_000).is_ok());
    }

    #[test]
    fn what_nobody_asks_for_goes_in_its_time() {
        let bounds = Bounds {
            bytes: None,
            idle_ms: Some(1_000),
        };
        let mut residency = Residency::new(bounds);
        let keep = Wanted {
            keep: true,
            ..of(1)
        };
        residency.request(&"kept", keep, 0).unwrap();
        residency.loaded(&"kept");
        residency.release(&"kept", 0);
        assert_eq!(residency.until_idle(0), None);
        residency.request(&"a", of(1), 0).unwrap();
        assert_eq!(residency.until_idle(5_000), None, "it is loading");
        residency.loaded(&"a");
        assert_eq!(residency.until_idle(5_000), None, "it is used");
        residency.release(&"a", 5_000);
        assert_eq!(residency.until_idle(5_400), Some(600));
        assert!(residency.take_idle(5_999).is_empty());
        assert_eq!(residency.take_idle(6_000), ["a"]);
        assert_eq!(residency.bytes(), 1);
        assert!(residency.take_idle(u64::MAX).is_empty());
    }

    proptest! {
        /// Whatever comes in whatever order: never above the bound, never without a model that is used, and none is lost.
        #[test]
        fn the_bound_holds_and_what_is_used_stays(
            steps in prop::collection::vec((0_usize..5, 0_u8..5, 0_u64..400), 1..200),
        ) {
            let sizes = [10, 30, 50, 70, 110];
            let mut residency = Residency::new(Bounds { bytes: Some(100), idle_ms: Some(500) });
            // What a caller knows: users of each model, and whether it was loaded.
            let mut known: HashMap<usize, (usize, bool)> = HashMap::new();
            let mut now = 0;
            for (model, step, later) in steps {
                now += later;
                match step {
                    0 | 1 => match residency.request(&model, of(sizes[model]), now) {
                        Ok(Granted::Present) => known.get_mut(&model).expect("it is there").0 += 1,
                        Ok(Granted::Load { evicted }) => {
                            prop_assert!(!known.contains_key(&model));
                            for gone in evicted {
                                prop_assert_eq!(known.remove(&gone), Some((0, true)));
                            }
                            known.insert(model, (1, false));
                        }
                        Err(_) => prop_assert!(!known.contains_key(&model)),
                    },
                    2 => if let Some((users, true)) = known.get_mut(&model) && *users > 0 {
                        *users -= 1;
                        residency.release(&model, now);
                    },
                    3 => if let Some((_, is_loaded @ false)) = known.get_mut(&model) {
                        *is_loaded = true;
                        residency.loaded(&model);
                    },
                    _ => for gone in residency.take_idle(now) {
                        prop_assert_eq!(known.remove(&gone), Some((0, true)));
                    },
                }
                let bytes: u64 = known.keys().map(|model| sizes[*model]).sum();
                prop_assert_eq!(residency.bytes(), bytes);
                prop_assert!(bytes <= 100);
            }
        }
    }
}
