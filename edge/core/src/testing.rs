//! Ports in memory for tests: seeded randomness, a clock that stands still, and storage that can
//! fail before and after it has persisted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::api_key::KeyHash;
use crate::key_record::{KeyRecord, KeySummary, Scope};
use crate::limit::{Limit, Period, Rule};
use crate::ports::{Clock, KeyLimiter, KeyStore, Page, PortError, Rng, RngError, UnixMs};

/// A generator that gives the same bytes for the same seed (SplitMix64, Steele et al. 2014).
pub struct SeededRng(u64);

impl SeededRng {
    /// Starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound` (at least 1), near enough even for tests.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }
}

impl Rng for SeededRng {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        for byte in bytes {
            *byte = self.next_u64().to_le_bytes()[0];
        }
        Ok(())
    }
}

/// A generator that has nothing to give.
pub struct BrokenRng;

impl Rng for BrokenRng {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), RngError> {
        Err(RngError)
    }
}

/// A clock that moves only when told to.
pub struct FrozenClock(pub Cell<u64>);

impl Clock for FrozenClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.get())
    }
}

/// How the next call of a port goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing has happened.
    Before,
    /// It has happened, and the answer is lost.
    After,
}

/// Faults by the count of calls, shared by the ports of one test.
#[derive(Default)]
pub struct Faults {
    calls: Cell<usize>,
    plan: RefCell<BTreeMap<usize, Fault>>,
}

impl Faults {
    /// The call number `at` (from 0) goes wrong.
    pub fn plan(&self, at: usize, fault: Fault) {
        self.plan.borrow_mut().insert(at, fault);
    }

    /// Calls seen so far.
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    fn run<T>(&self, port: &'static str, act: impl FnOnce() -> T) -> Result<T, PortError> {
        let at = self.calls.replace(self.calls.get() + 1);
        let lost = || PortError {
            port,
            cause: format!("planned fault at call {at}"),
        };
        match self.plan.borrow().get(&at) {
            Some(Fault::Before) => Err(lost()),
            Some(Fault::After) => {
                act();
                Err(lost())
            }
            None => Ok(act()),
        }
    }
}

/// KV and the limiter objects, in memory.
#[derive(Default)]
pub struct Memory {
    /// Records by hash, in hex.
    pub records: RefCell<BTreeMap<String, KeyRecord>>,
    /// Limits by key id.
    pub limits: RefCell<BTreeMap<String, Vec<Limit>>>,
    /// Ids of revoked keys.
    pub revoked: RefCell<Vec<String>>,
    /// What goes wrong.
    pub faults: Faults,
}

impl KeyStore for Memory {
    async fn get(&self, hash: &KeyHash) -> Result<Option<KeyRecord>, PortError> {
        self.faults
            .run("kv", || self.records.borrow().get(&hash.to_hex()).cloned())
    }

    async fn hash_of(&self, id: &str) -> Result<Option<KeyHash>, PortError> {
        self.faults.run("kv", || {
            let records = self.records.borrow();
            let (hash, _) = records.iter().find(|(_, record)| record.id == id)?;
            KeyHash::from_hex(hash)
        })
    }

    async fn put(&self, hash: &KeyHash, record: &KeyRecord) -> Result<(), PortError> {
        self.faults.run("kv", || {
            self.records
                .borrow_mut()
                .insert(hash.to_hex(), record.clone());
        })
    }

    async fn delete(&self, hash: &KeyHash, _: &KeyRecord) -> Result<(), PortError> {
        self.faults.run("kv", || {
            self.records.borrow_mut().remove(&hash.to_hex());
        })
    }

    async fn list(
        &self,
        owner: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<KeySummary>, PortError> {
        self.faults.run("kv", || {
            let records = self.records.borrow();
            let mut found: Vec<KeySummary> = records
                .values()
                .filter(|r| owner.is_none() || r.owner.as_deref() == owner)
                .map(KeyRecord::summary)
                .filter(|s| cursor.is_none_or(|c| s.id.as_str() > c))
                .collect();
            found.sort_by(|a, b| a.id.cmp(&b.id));
            let more = found.len() > limit as usize;
            found.truncate(limit as usize);
            Page {
                cursor: found.last().filter(|_| more).map(|s| s.id.clone()),
                items: found,
            }
        })
    }
}

impl KeyLimiter for Memory {
    async fn configure(&self, key_id: &str, limits: &[Limit]) -> Result<(), PortError> {
        self.faults.run("limiter", || {
            self.limits
                .borrow_mut()
                .insert(key_id.to_owned(), limits.to_vec());
        })
    }

    async fn revoke(&self, key_id: &str) -> Result<(), PortError> {
        self.faults.run("limiter", || {
            self.revoked.borrow_mut().push(key_id.to_owned());
        })
    }
}

/// A rate limit of requests.
pub fn rate(name: &str, limit: u64, window_seconds: u32) -> Limit {
    Limit {
        name: name.to_owned(),
        rule: Rule::Rate {
            limit,
            window_seconds,
        },
    }
}

/// A quota of requests.
pub fn quota(name: &str, limit: u64, period: Period) -> Limit {
    Limit {
        name: name.to_owned(),
        rule: Rule::Quota { limit, period },
    }
}

/// A good key's record.
pub fn record(id: &str) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        name: "test".to_owned(),
        start: "wk_live_0000".to_owned(),
        owner: None,
        scopes: Scope::ALL.to_vec(),
        models: vec!["*".to_owned()],
        limits: vec![rate("minute", 100, 60)],
        enabled: true,
        created_at: 1_790_000_000,
        expires_at: None,
        revoked_at: None,
        metadata: None,
        version: 1,
    }
}

/// Settings of a deployment with one host.
pub fn settings() -> crate::config::Settings {
    struct Vars;
    impl crate::config::Lookup for Vars {
        fn get(&self, name: &str) -> Option<String> {
            match name {
                "INFERENCE_URLS" => Some("http://127.0.0.1:9000".to_owned()),
                "EDGE_SIGNING_SECRETS" => Some("0".repeat(32)),
                "ROOT_KEY_SHA256" => Some("0".repeat(64)),
                _ => None,
            }
        }

        fn names(&self) -> Vec<String> {
            Vec::new()
        }
    }
    match crate::config::Settings::read(&Vars) {
        Ok(settings) => settings,
        Err(error) => unreachable!("{error}"),
    }
}

/// The result of a future that never waits, as those on ports in memory are.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("a port in memory waited"),
    }
}
