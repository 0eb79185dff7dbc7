//! What the rules need from outside, as traits. The shell implements them on Workers KV, Durable
//! Objects and the runtime's clock; `testing` in memory, with faults.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::api_key::KeyHash;
use crate::change::{Actor, AuditEvent, Change, Unchanged};
use crate::jobs::{DeadJob, JobView};
use crate::key_record::KeyRecord;
use crate::key_state::{Entry, KeyState};
use crate::limit::Limit;
use crate::limiter::LimitNow;
use crate::plan::Plan;
use crate::usage::Rollup;

/// Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// The whole seconds of it.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This instant and `ms` more.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this, 0 if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The wall clock.
pub trait Clock {
    /// Now.
    fn now(&self) -> UnixMs;
}

/// The system's generator has nothing to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RngError;

/// Random bytes fit for secrets.
pub trait Rng {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError>;
}

/// A storage or an object could not be reached, or gave no answer. Whether the operation was carried
/// out is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{port}: {cause}")]
pub struct PortError {
    /// Which port.
    pub port: &'static str,
    /// For the log, never for the caller.
    pub cause: String,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last.
    pub cursor: Option<String>,
}

/// What the objects replicated into KV. A read may be up to a minute old.
#[allow(async_fn_in_trait)] // Wasm has one thread: no caller needs `Send`.
pub trait KeyStore {
    /// The record in this entry.
    async fn record(&self, entry: &str) -> Result<Option<KeyRecord>, PortError>;
    /// The hash of the key with this id.
    async fn hash_of(&self, id: &str) -> Result<Option<KeyHash>, PortError>;
    /// The plan of this name.
    async fn plan(&self, name: &str) -> Result<Option<Plan>, PortError>;
    /// The metadata of the entries whose names begin so, without reading them one by one.
    async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<serde_json::Value>, PortError>;
    /// Takes entries away.
    async fn remove(&self, entries: &[Entry]) -> Result<(), PortError>;
}

/// What an object says of its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyView {
    /// The key.
    pub state: KeyState,
    /// Credits left, if it has any.
    pub credits_left: Option<u64>,
    /// Requests under way.
    pub under_way: u64,
    /// What its limits stand at; none where its object was not asked.
    #[serde(default)]
    pub limits_now: Vec<LimitNow>,
}

/// An object's answer to a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // One lives for one request.
pub enum Changed {
    /// Done; this is how it stands.
    Done(KeyView),
    /// Not done.
    Not(Unchanged),
    /// The object knows no key.
    Absent,
}

/// The keys' own objects: the authority for what a key is and may.
#[allow(async_fn_in_trait)]
pub trait KeyObjects {
    /// Makes the key, in the object and in KV. The same request again (`made_by`) is answered with what
    /// it made; an object that has another key answers [`Unchanged::Conflict`].
    async fn create(&self, key: &KeyState, by: &Actor) -> Result<Changed, PortError>;
    /// Carries a change out, in the object and then in KV. `known`: what KV has, for an object that does
    /// not know its key yet.
    async fn change(
        &self,
        id: &str,
        change: &Change,
        by: &Actor,
        known: Option<&KeyState>,
    ) -> Result<Changed, PortError>;
    /// Decides on a request without audio; the limiter's packed answer.
    async fn admit(
        &self,
        record: &KeyRecord,
        hash: &KeyHash,
        cost: u32,
    ) -> Result<String, PortError>;
    /// How it stands.
    async fn view(&self, id: &str) -> Result<Changed, PortError>;
    /// Usage of a key that the database may not have yet.
    async fn live_usage(&self, id: &str) -> Result<Vec<Rollup>, PortError>;
    /// Forgets everything but that the key is revoked. Returns how many rows that was.
    async fn purge(&self, id: &str) -> Result<u64, PortError>;
    /// The limits that all keys of an owner share; none: no limits. Returns the ones before.
    async fn set_owner_limits(
        &self,
        owner: &str,
        limits: &[Limit],
    ) -> Result<Vec<Limit>, PortError>;
    /// The limits that all keys of an owner share.
    async fn owner_limits(&self, owner: &str) -> Result<Vec<Limit>, PortError>;
}

/// What only one key of a directory can have. It is made good when the key's object is made: until then
/// another key may take it over, and the object that comes too late is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Claim<'a> {
    /// What is claimed: an owner's key of this plan.
    pub name: &'a str,
    /// The key it is taken over from.
    pub instead_of: Option<&'a str>,
    /// Whether that key is revoked; one that is not gives only what it has not made good.
    pub revoked: bool,
}

/// A directory's answer to a key that enters.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Entered {
    /// What was announced last, if anything was.
    pub announced: Option<serde_json::Value>,
    /// The key that has what was claimed; nothing was entered.
    pub taken_by: Option<String>,
}

/// Who must hear of changes: the keys of a plan, the keys of an owner. What is announced reaches every
/// member, at once or, where an object can't be reached, as soon as it can.
#[allow(async_fn_in_trait)]
pub trait Directories {
    /// Enters keys. With a claim, one key as the only one that has it: unless another has it already.
    async fn enter(
        &self,
        directory: &str,
        keys: &[&str],
        claim: Option<Claim<'_>>,
    ) -> Result<Entered, PortError>;
    /// Takes a key out, and gives back what it claimed.
    async fn leave(&self, directory: &str, key: &str) -> Result<(), PortError>;
    /// Announces; `expected`: the version that is to be replaced. The object sets `version` in `value`.
    /// The announced value, or `None` if the version is another one.
    async fn announce(
        &self,
        directory: &str,
        value: &serde_json::Value,
        expected: Option<u32>,
        event: &AuditEvent,
    ) -> Result<Option<serde_json::Value>, PortError>;
    /// What was announced last.
    async fn announced(&self, directory: &str) -> Result<Option<serde_json::Value>, PortError>;
    /// Its members.
    async fn members(&self, directory: &str) -> Result<Vec<String>, PortError>;
    /// Empties and forgets it; returns how many rows that was. The event is told all the same.
    async fn dissolve(&self, directory: &str, event: &AuditEvent) -> Result<u64, PortError>;
}

/// Which rows of the usage are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageQuery {
    /// One key's.
    pub key_id: Option<String>,
    /// One owner's.
    pub owner: Option<String>,
    /// One plan's.
    pub plan: Option<String>,
    /// First hour since the epoch.
    pub from_hour: u64,
    /// The hour after the last.
    pub to_hour: u64,
}

/// Which lines of the audit are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditQuery {
    /// By this root key.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// About this.
    pub target: Option<String>,
    /// About this owner's keys.
    pub owner: Option<String>,
    /// Unix milliseconds of the oldest.
    pub from: Option<u64>,
    /// Unix milliseconds after the newest.
    pub to: Option<u64>,
    /// Only lines before this one: time and id.
    pub before: Option<(u64, String)>,
    /// At most so many.
    pub limit: u32,
}

/// The database: usage, audit.
#[allow(async_fn_in_trait)]
pub trait Database {
    /// Rollups summed by hour, over all keys that are asked for.
    async fn usage(&self, query: &UsageQuery) -> Result<Vec<Rollup>, PortError>;
    /// Lines of the audit, newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, PortError>;
    /// Deletes every row about an owner; how many those were, of the usage and of the audit.
    async fn purge(&self, owner: &str, keys: &[String]) -> Result<(u64, u64), PortError>;
    /// Deletes all transcripts that are kept of an account; how many those were.
    async fn purge_transcripts(&self, account: &str) -> Result<u64, PortError>;
}

/// Which dead jobs are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeadQuery {
    /// One owner's.
    pub owner: Option<String>,
    /// Only those before this number.
    pub before: u64,
    /// At most so many.
    pub limit: u32,
}

/// What became of a wish to try a dead job again.
#[derive(Clone, Debug, PartialEq)]
pub enum Retried {
    /// It waits for its turn again.
    Job(Box<JobView>),
    /// It is not dead.
    NotDead,
    /// There is none.
    Missing,
}

/// The objects of accounts with their jobs and uploads, and the database's list of the dead.
#[allow(async_fn_in_trait)]
pub trait JobObjects {
    /// Dead jobs, newest first, each with its number.
    async fn dead_jobs(&self, query: &DeadQuery) -> Result<Vec<(u64, DeadJob)>, PortError>;
    /// Name of the object that has a dead job.
    async fn account_of_dead(&self, id: &str) -> Result<Option<String>, PortError>;
    /// Tries one again; the object tells the audit.
    async fn retry(
        &self,
        account: &str,
        id: &str,
        event: &AuditEvent,
    ) -> Result<Retried, PortError>;
    /// Deletes all jobs and uploads of an account; how many rows that was.
    async fn purge_jobs(&self, account: &str) -> Result<u64, PortError>;
}

/// What an account has in objects of its own.
#[allow(async_fn_in_trait)]
pub trait AccountObjects {
    /// Deletes an account's webhooks, their secrets, and what was and is to be delivered to them; how many rows that
    /// was.
    async fn purge_webhooks(&self, account: &str) -> Result<u64, PortError>;
    /// Forgets an owner's sessions and invitations; how many rows that was.
    async fn purge_portal(&self, owner: &str) -> Result<u64, PortError>;
}

/// Name of the directory of a plan's keys.
pub fn plan_directory(plan: &str) -> String {
    format!("plan:{plan}")
}

/// Name of the directory of an owner's keys, and of the object with the limits they share. It holds a hash:
/// a platform may keep the names of objects longer than the objects, and an owner's id may have to go.
pub fn owner_directory(owner: &str) -> String {
    format!("owner:{}", hex::encode(&Sha256::digest(owner)[..16]))
}
