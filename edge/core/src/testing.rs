//! Ports in memory for tests: seeded randomness, a clock that stands still, and storage that can
//! fail before and after it has persisted.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::admission::{Code, pack, pack_bare};
use crate::api_key::KeyHash;
use crate::change::{Actor, AuditEvent, Change, Unchanged};
use crate::jobs::{DeadJob, JobState, JobView};
use crate::key_record::KeyRecord;
use crate::key_state::{Entry, KeyState, id_entry, plan_entry};
use crate::limit::{Limit, Period, Rule, Unit};
use crate::limiter::{Charge, LimiterState};
use crate::plan::Plan;
use crate::ports::{
    AccountObjects, AuditQuery, Changed, Claim, Clock, Database, DeadQuery, Directories, Entered,
    JobObjects, KeyObjects, KeyStore, KeyView, Page, PortError, Retried, Rng, RngError, UnixMs,
    UsageQuery,
};
use crate::scope::Scope;
use crate::usage::Rollup;

mod portal;

pub use portal::Tickets;

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

/// KV, the objects and the database, in memory. The objects run the rules that the real ones run.
#[derive(Default)]
pub struct Memory {
    /// Entries of KV: value and metadata.
    pub kv: RefCell<BTreeMap<String, (String, Option<Value>)>>,
    /// Keys of the objects, and what is used of them.
    pub keys: RefCell<BTreeMap<String, (KeyState, LimiterState)>>,
    /// Objects that only know that their key is revoked.
    pub tombstones: RefCell<BTreeSet<String>>,
    /// Limits that the keys of an owner share.
    pub owner_limits: RefCell<BTreeMap<String, Vec<Limit>>>,
    /// Directories: what was announced, who is in them, who has what was claimed.
    pub directories: RefCell<BTreeMap<String, Directory>>,
    /// Accounts of the transcripts that are kept.
    pub transcripts: RefCell<Vec<String>>,
    /// Dead jobs, oldest first.
    pub dead_jobs: RefCell<Vec<DeadJob>>,
    /// Sessions and invitations.
    pub tickets: Tickets,
    /// Accounts of the webhooks there are.
    pub webhooks: RefCell<Vec<String>>,
    /// The audit.
    pub audit: RefCell<Vec<AuditEvent>>,
    /// Objects whose last change is not in KV yet.
    pub unpublished: RefCell<BTreeSet<String>>,
    /// Calls of KV's list.
    pub list_calls: Cell<usize>,
    /// Unix milliseconds.
    pub now: Cell<u64>,
    /// What goes wrong.
    pub faults: Faults,
}

/// Who must hear of changes.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    announced: Option<Value>,
    /// Ids of keys.
    pub members: BTreeSet<String>,
    /// Holder by claim, and whether it has made it good.
    pub claims: BTreeMap<String, (String, bool)>,
}

impl Memory {
    /// What an object does as soon as it can: writes what KV does not have yet.
    pub fn publish_all(&self) {
        for id in std::mem::take(&mut *self.unpublished.borrow_mut()) {
            self.write_entries(&id);
        }
    }

    fn write_entries(&self, id: &str) {
        let keys = self.keys.borrow();
        let Some((key, _)) = keys.get(id) else { return };
        for entry in key.entries(Clock::now(self)).unwrap_or_default() {
            match entry.value {
                Some(value) => {
                    let entries = &mut self.kv.borrow_mut();
                    entries.insert(entry.name, (value, entry.metadata));
                }
                None => drop(self.kv.borrow_mut().remove(&entry.name)),
            }
        }
    }

    /// Makes a key's claim good; whether it has it still.
    fn confirm(&self, record: &KeyRecord) -> bool {
        let (Some(owner), Some(plan), true) = (&record.owner, &record.plan, record.self_service)
        else {
            return true;
        };
        let mut all = self.directories.borrow_mut();
        let directory = all.get_mut(&crate::ports::owner_directory(owner));
        let held = directory.and_then(|directory| directory.claims.get_mut(plan));
        match held {
            Some((holder, made)) if *holder == record.id => {
                *made = true;
                true
            }
            _ => false,
        }
    }

    fn standing(&self, id: &str) -> Changed {
        match self.keys.borrow_mut().get_mut(id) {
            None => Changed::Absent,
            Some((state, limiter)) => Changed::Done(KeyView {
                credits_left: limiter.credits_left(Clock::now(self)),
                under_way: limiter.leases().under_way(Clock::now(self)),
                limits_now: limiter.limits_now(Clock::now(self)),
                state: state.clone(),
            }),
        }
    }

    fn apply(&self, id: &str, change: &Change, by: &Actor) -> Changed {
        let mut keys = self.keys.borrow_mut();
        let Some((state, limiter)) = keys.get_mut(id) else {
            return Changed::Absent;
        };
        match state.apply(limiter, change.clone(), by, Clock::now(self)) {
            Err(why) => return Changed::Not(why),
            Ok(event) => self.audit.borrow_mut().extend(event),
        }
        drop(keys);
        self.standing(id)
    }
}

impl Clock for Memory {
    fn now(&self) -> UnixMs {
        UnixMs(self.now.get())
    }
}

impl KeyStore for Memory {
    async fn record(&self, entry: &str) -> Result<Option<KeyRecord>, PortError> {
        self.faults.run("kv", || {
            let kv = self.kv.borrow();
            serde_json::from_str(&kv.get(entry)?.0).ok()
        })
    }

    async fn hash_of(&self, id: &str) -> Result<Option<KeyHash>, PortError> {
        self.faults.run("kv", || {
            let kv = self.kv.borrow();
            KeyHash::from_hex(&kv.get(&id_entry(id))?.0)
        })
    }

    async fn plan(&self, name: &str) -> Result<Option<Plan>, PortError> {
        self.faults.run("kv", || {
            let kv = self.kv.borrow();
            serde_json::from_str(&kv.get(&plan_entry(name))?.0).ok()
        })
    }

    async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Value>, PortError> {
        self.list_calls.set(self.list_calls.get() + 1);
        self.faults.run("kv", || {
            let kv = self.kv.borrow();
            let mut found: Vec<_> = kv
                .iter()
                .filter(|(name, _)| name.starts_with(prefix))
                .filter(|(name, _)| cursor.is_none_or(|c| name.as_str() > c))
                .collect();
            let more = found.len() > limit as usize;
            found.truncate(limit as usize);
            Page {
                cursor: found
                    .last()
                    .filter(|_| more)
                    .map(|(name, _)| (*name).clone()),
                items: found.iter().filter_map(|(_, (_, m))| m.clone()).collect(),
            }
        })
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), PortError> {
        self.faults.run("kv", || {
            let mut kv = self.kv.borrow_mut();
            for entry in entries {
                kv.remove(&entry.name);
            }
        })
    }
}

impl KeyObjects for Memory {
    async fn create(&self, key: &KeyState, by: &Actor) -> Result<Changed, PortError> {
        let id = &key.record.id;
        let made = self.faults.run("limiter", || {
            let now = Clock::now(self);
            if self.tombstones.borrow().contains(id) {
                return Changed::Not(Unchanged::Conflict);
            }
            let mut keys = self.keys.borrow_mut();
            match KeyState::is_new(keys.get(id).map(|(state, _)| state), key) {
                Err(why) => return Changed::Not(why),
                Ok(true) => {
                    keys.insert(id.clone(), (key.clone(), key.limiter(now)));
                    self.audit.borrow_mut().push(key.made(by, now));
                }
                Ok(false) => {}
            }
            drop(keys);
            if !self.confirm(&key.record) {
                self.apply(id, &Change::Revoke, by);
                return Changed::Not(Unchanged::Taken);
            }
            self.standing(id)
        })?;
        if matches!(made, Changed::Done(_)) {
            // A key that is not in KV does not work: its creation has failed.
            self.faults.run("kv", || self.write_entries(id))?;
        }
        Ok(made)
    }

    async fn change(
        &self,
        id: &str,
        change: &Change,
        by: &Actor,
        known: Option<&KeyState>,
    ) -> Result<Changed, PortError> {
        let changed = self.faults.run("limiter", || {
            if let Some(known) = known {
                let limiter = known.limiter(Clock::now(self));
                let mut keys = self.keys.borrow_mut();
                keys.entry(id.to_owned())
                    .or_insert_with(|| (known.clone(), limiter));
            }
            self.apply(id, change, by)
        })?;
        if matches!(changed, Changed::Done(_))
            && self.faults.run("kv", || self.write_entries(id)).is_err()
        {
            self.unpublished.borrow_mut().insert(id.to_owned());
        }
        Ok(changed)
    }

    async fn admit(
        &self,
        record: &KeyRecord,
        hash: &KeyHash,
        cost: u32,
    ) -> Result<String, PortError> {
        self.faults.run("limiter", || {
            let now = Clock::now(self);
            if self.tombstones.borrow().contains(&record.id) {
                return pack_bare(Code::Revoked);
            }
            let mut keys = self.keys.borrow_mut();
            let (state, limiter) = keys.entry(record.id.clone()).or_insert_with(|| {
                let state = KeyState::of_record(record.clone(), hash.to_hex());
                let limiter = state.limiter(now);
                (state, limiter)
            });
            if let Some(code) = state.gate(record.generation, now) {
                return pack_bare(code);
            }
            let decision = limiter.admit(now, Charge::plain(u64::from(cost)));
            pack(limiter, decision, now, false)
        })
    }

    async fn view(&self, id: &str) -> Result<Changed, PortError> {
        self.faults.run("limiter", || self.standing(id))
    }

    async fn live_usage(&self, id: &str) -> Result<Vec<Rollup>, PortError> {
        self.faults.run("limiter", || {
            let keys = self.keys.borrow();
            let usage = keys.get(id).map(|(_, limiter)| limiter.usage().rollup());
            usage.into_iter().collect()
        })
    }

    async fn purge(&self, id: &str) -> Result<u64, PortError> {
        self.faults.run("limiter", || {
            if self.owner_limits.borrow_mut().remove(id).is_some() {
                return 1;
            }
            let Some(_) = self.keys.borrow_mut().remove(id) else {
                return 0;
            };
            self.tombstones.borrow_mut().insert(id.to_owned());
            1
        })
    }

    async fn set_owner_limits(
        &self,
        owner: &str,
        limits: &[Limit],
    ) -> Result<Vec<Limit>, PortError> {
        self.faults.run("limiter", || {
            let name = crate::ports::owner_directory(owner);
            let mut all = self.owner_limits.borrow_mut();
            all.insert(name, limits.to_vec()).unwrap_or_default()
        })
    }

    async fn owner_limits(&self, owner: &str) -> Result<Vec<Limit>, PortError> {
        self.faults.run("limiter", || {
            let name = crate::ports::owner_directory(owner);
            let all = self.owner_limits.borrow();
            all.get(&name).cloned().unwrap_or_default()
        })
    }
}

impl Directories for Memory {
    async fn enter(
        &self,
        directory: &str,
        keys: &[&str],
        claim: Option<Claim<'_>>,
    ) -> Result<Entered, PortError> {
        self.faults.run("directory", || {
            let mut all = self.directories.borrow_mut();
            let directory = all.entry(directory.to_owned()).or_default();
            if let (Some(claim), Some(key)) = (claim, keys.first()) {
                let gives = |holder: &str, made: bool| {
                    holder == *key || (claim.instead_of == Some(holder) && (claim.revoked || !made))
                };
                let held = directory.claims.get(claim.name);
                if let Some((holder, _)) = held.filter(|(holder, made)| !gives(holder, *made)) {
                    return Entered {
                        announced: None,
                        taken_by: Some(holder.clone()),
                    };
                }
                if held.is_none_or(|(holder, _)| holder != key) {
                    let held = ((*key).to_owned(), false);
                    directory.claims.insert(claim.name.to_owned(), held);
                }
            }
            let keys = keys.iter().map(|key| (*key).to_owned());
            directory.members.extend(keys);
            Entered {
                announced: directory.announced.clone(),
                taken_by: None,
            }
        })
    }

    async fn leave(&self, directory: &str, key: &str) -> Result<(), PortError> {
        self.faults.run("directory", || {
            let mut all = self.directories.borrow_mut();
            if let Some(directory) = all.get_mut(directory) {
                directory.members.remove(key);
                directory.claims.retain(|_, (holder, _)| holder != key);
            }
        })
    }

    async fn announce(
        &self,
        directory: &str,
        value: &Value,
        expected: Option<u32>,
        event: &AuditEvent,
    ) -> Result<Option<Value>, PortError> {
        self.faults.run("directory", || {
            let mut all = self.directories.borrow_mut();
            let of_plan = directory.strip_prefix("plan:");
            let directory = all.entry(directory.to_owned()).or_default();
            let version = directory
                .announced
                .as_ref()
                .and_then(|value| value["version"].as_u64())
                .unwrap_or(0);
            if expected.is_some_and(|expected| u64::from(expected) != version) {
                return None;
            }
            let mut value = value.clone();
            value["version"] = (version + 1).into();
            directory.announced = Some(value.clone());
            self.audit.borrow_mut().push(event.clone());
            if let Some(plan) = of_plan {
                let entry = (value.to_string(), Some(value.clone()));
                self.kv.borrow_mut().insert(plan_entry(plan), entry);
            }
            let members = directory.members.clone();
            drop(all);
            let change = match of_plan {
                Some(_) => serde_json::from_value(value.clone()).map(|plan| Change::Plan { plan }),
                None => Ok(Change::Owner {
                    limited: value["limited"] == true,
                }),
            };
            for id in members {
                if let Ok(change) = &change {
                    self.apply(&id, change, &Actor::default());
                }
            }
            Some(value)
        })
    }

    async fn announced(&self, directory: &str) -> Result<Option<Value>, PortError> {
        self.faults.run("directory", || {
            let all = self.directories.borrow();
            all.get(directory)?.announced.clone()
        })
    }

    async fn members(&self, directory: &str) -> Result<Vec<String>, PortError> {
        self.faults.run("directory", || {
            let all = self.directories.borrow();
            let directory = all.get(directory);
            directory.map_or_else(Vec::new, |d| d.members.iter().cloned().collect())
        })
    }

    async fn dissolve(&self, directory: &str, event: &AuditEvent) -> Result<u64, PortError> {
        self.faults.run("directory", || {
            self.audit.borrow_mut().push(event.clone());
            if let Some(plan) = directory.strip_prefix("plan:") {
                self.kv.borrow_mut().remove(&plan_entry(plan));
            }
            let gone = self.directories.borrow_mut().remove(directory);
            gone.map_or(0, |d| 1 + d.members.len() as u64)
        })
    }
}

impl Database for Memory {
    async fn usage(&self, _: &UsageQuery) -> Result<Vec<Rollup>, PortError> {
        self.faults.run("database", Vec::new)
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, PortError> {
        self.faults.run("database", || {
            let audit = self.audit.borrow();
            let newest_first = audit.iter().rev().take(query.limit as usize);
            newest_first.cloned().collect()
        })
    }

    async fn purge(&self, owner: &str, _: &[String]) -> Result<(u64, u64), PortError> {
        self.faults.run("database", || {
            let mut audit = self.audit.borrow_mut();
            let before = audit.len();
            audit.retain(|event| event.owner.as_deref() != Some(owner));
            (0, (before - audit.len()) as u64)
        })
    }

    async fn purge_transcripts(&self, account: &str) -> Result<u64, PortError> {
        self.faults.run("database", || {
            let mut kept = self.transcripts.borrow_mut();
            let before = kept.len();
            kept.retain(|of| of != account);
            (before - kept.len()) as u64
        })
    }
}

impl JobObjects for Memory {
    async fn dead_jobs(&self, query: &DeadQuery) -> Result<Vec<(u64, DeadJob)>, PortError> {
        self.faults.run("database", || {
            let dead = self.dead_jobs.borrow();
            let numbered: Vec<(u64, &DeadJob)> = (1..).zip(dead.iter()).collect();
            let asked = |(number, job): &(u64, &DeadJob)| {
                *number < query.before && (query.owner.is_none() || query.owner == job.owner)
            };
            let page = numbered
                .into_iter()
                .rev()
                .filter(asked)
                .take(query.limit as usize);
            page.map(|(number, job)| (number, job.clone())).collect()
        })
    }

    async fn account_of_dead(&self, id: &str) -> Result<Option<String>, PortError> {
        self.faults.run("database", || {
            let dead = self.dead_jobs.borrow();
            dead.iter().any(|job| job.id == id).then(String::new)
        })
    }

    async fn retry(&self, _: &str, id: &str, event: &AuditEvent) -> Result<Retried, PortError> {
        self.faults.run("jobs", || {
            let mut dead = self.dead_jobs.borrow_mut();
            let Some(at) = dead.iter().position(|job| job.id == id) else {
                return Retried::Missing;
            };
            let job = dead.remove(at);
            self.audit.borrow_mut().push(event.clone());
            Retried::Job(Box::new(JobView {
                id: job.id,
                object: "job".to_owned(),
                state: JobState::Queued,
                progress: 0.0,
                name: job.name,
                model: None,
                task: inference_api::transcript::Task::Transcribe,
                attempts: 0,
                created_at: job.created_at,
                started_at: None,
                ended_at: None,
                transcript_id: None,
                duration: None,
                cached: false,
                error: None,
                metadata: None,
            }))
        })
    }

    async fn purge_jobs(&self, _: &str) -> Result<u64, PortError> {
        self.faults.run("jobs", || 0)
    }
}

impl AccountObjects for Memory {
    async fn purge_webhooks(&self, account: &str) -> Result<u64, PortError> {
        self.faults.run("webhooks", || {
            let mut all = self.webhooks.borrow_mut();
            let before = all.len();
            all.retain(|of| of != account);
            (before - all.len()) as u64
        })
    }

    async fn purge_portal(&self, owner: &str) -> Result<u64, PortError> {
        self.faults.run("portal", || self.tickets.forget(owner))
    }
}

/// A rate limit of requests.
pub fn rate(name: &str, limit: u64, window_seconds: u32) -> Limit {
    Limit {
        name: name.to_owned(),
        rule: Rule::Rate {
            unit: Unit::Requests,
            limit,
            window_seconds,
        },
    }
}

/// A quota of requests.
pub fn quota(name: &str, limit: u64, period: Period) -> Limit {
    Limit {
        name: name.to_owned(),
        rule: Rule::Quota {
            unit: Unit::Requests,
            limit,
            period,
        },
    }
}

/// A quota of seconds of audio.
pub fn audio_quota(name: &str, limit: u64, period: Period) -> Limit {
    Limit {
        name: name.to_owned(),
        rule: Rule::Quota {
            unit: Unit::AudioSeconds,
            limit,
            period,
        },
    }
}

/// A limit of requests at the same time.
pub fn concurrency(name: &str, limit: u64) -> Limit {
    Limit {
        name: name.to_owned(),
        rule: Rule::Concurrency { limit },
    }
}

/// A good key's record.
pub fn record(id: &str) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        name: "test".to_owned(),
        start: "wk_live_0000".to_owned(),
        limits: vec![rate("minute", 100, 60)],
        ..KeyRecord::blank(1_790_000_000)
    }
}

/// What the object of a good key holds.
pub fn key_state(id: &str) -> KeyState {
    KeyState::of_record(record(id), KeyHash::of(id).to_hex())
}

/// A plan.
pub fn plan(name: &str) -> Plan {
    Plan {
        name: name.to_owned(),
        limits: vec![rate("minute", 10, 60)],
        credits: None,
        scopes: vec![Scope::Transcribe],
        models: vec!["*".to_owned()],
        cost: 1,
        permits_ahead: 0,
        retention_days: None,
        self_service: false,
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
