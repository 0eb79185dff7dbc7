//! Keys found lately, in the isolate's memory: a key in use costs one KV read in seconds.
//!
//! What must be exact at once (revocation, limits) is never read from here; the limiter object says it.

use std::collections::HashMap;
use std::rc::Rc;

use crate::api_key::KeyHash;
use crate::ports::UnixMs;

/// How long a found key is kept, in milliseconds.
const FOUND_MS: u64 = 30_000;
/// How long a key that nobody has is remembered, in milliseconds.
const UNKNOWN_MS: u64 = 10_000;
/// Most keys of either kind: some megabytes at the worst.
const MOST: usize = 4_096;

/// What memory knows of a key.
#[derive(Debug)]
pub enum Cached<T> {
    /// Found lately.
    Found(Rc<T>),
    /// Looked for lately, and not there.
    Unknown,
    /// Ask KV.
    Absent,
}

/// Keys by hash, each with the time until which it is good.
pub struct KeyCache<T> {
    found: HashMap<KeyHash, (UnixMs, Rc<T>)>,
    unknown: HashMap<KeyHash, UnixMs>,
}

impl<T> Default for KeyCache<T> {
    fn default() -> Self {
        Self {
            found: HashMap::new(),
            unknown: HashMap::new(),
        }
    }
}

impl<T> KeyCache<T> {
    /// What is known of the key with this hash.
    pub fn look_up(&self, hash: &KeyHash, now: UnixMs) -> Cached<T> {
        if let Some((until, entry)) = self.found.get(hash)
            && now < *until
        {
            return Cached::Found(Rc::clone(entry));
        }
        match self.unknown.get(hash) {
            Some(until) if now < *until => Cached::Unknown,
            _ => Cached::Absent,
        }
    }

    /// Keeps a key that was found.
    pub fn keep(&mut self, hash: KeyHash, entry: T, now: UnixMs) -> Rc<T> {
        if self.found.len() >= MOST {
            self.found.retain(|_, (until, _)| now < *until);
            if self.found.len() >= MOST {
                self.found.clear();
            }
        }
        self.unknown.remove(&hash);
        let entry = Rc::new(entry);
        self.found
            .insert(hash, (now.plus_ms(FOUND_MS), Rc::clone(&entry)));
        entry
    }

    /// Remembers that nobody has this key.
    pub fn keep_unknown(&mut self, hash: KeyHash, now: UnixMs) {
        if self.unknown.len() >= MOST {
            self.unknown.clear();
        }
        self.found.remove(&hash);
        self.unknown.insert(hash, now.plus_ms(UNKNOWN_MS));
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.found.clear();
        self.unknown.clear();
    }

    /// Forgets a key, so that the next request reads its record anew.
    pub fn forget(&mut self, hash: &KeyHash) {
        self.found.remove(hash);
        self.unknown.remove(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: usize) -> KeyHash {
        KeyHash::of(&n.to_string())
    }

    #[test]
    fn a_found_key_is_good_for_half_a_minute_and_an_unknown_one_for_ten_seconds() {
        let mut cache = KeyCache::default();
        cache.keep(hash(1), "one", UnixMs(0));
        cache.keep_unknown(hash(2), UnixMs(0));
        assert!(matches!(cache.look_up(&hash(1), UnixMs(29_999)), Cached::Found(e) if *e == "one"));
        assert!(matches!(
            cache.look_up(&hash(1), UnixMs(30_000)),
            Cached::Absent
        ));
        assert!(matches!(
            cache.look_up(&hash(2), UnixMs(9_999)),
            Cached::Unknown
        ));
        assert!(matches!(
            cache.look_up(&hash(2), UnixMs(10_000)),
            Cached::Absent
        ));
    }

    #[test]
    fn a_flood_of_keys_does_not_fill_the_memory() {
        let mut cache = KeyCache::default();
        for n in 0..3 * MOST {
            cache.keep(hash(n), n, UnixMs(0));
            cache.keep_unknown(hash(n + 3 * MOST), UnixMs(0));
        }
        assert!(cache.found.len() <= MOST && cache.unknown.len() <= MOST);
    }

    #[test]
    fn the_latest_word_on_a_key_counts() {
        let mut cache = KeyCache::default();
        cache.keep_unknown(hash(1), UnixMs(0));
        cache.keep(hash(1), (), UnixMs(0));
        assert!(matches!(
            cache.look_up(&hash(1), UnixMs(1)),
            Cached::Found(_)
        ));
        cache.forget(&hash(1));
        assert!(matches!(cache.look_up(&hash(1), UnixMs(1)), Cached::Absent));
    }
}
