//! The object of one key (or of the limits that an owner's keys share): its state in SQLite, its steps.
//!
//! Every step is synchronous from reading the state to writing it, so nothing else of this object runs
//! in between (one JavaScript thread, no await), and what a step writes is one transaction. The runtime's
//! output gate holds an answer back until the write before it is on disk: what was answered is durable.
//!
//! A step changes memory in place. When it fails, `js/limiter.js` throws the whole object away, and the
//! next step reads what storage holds.

use edge_core::admission::{Code, pack, pack_bare, with_permits};
use edge_core::key_record::KeyRecord;
use edge_core::key_state::KeyState;
use edge_core::lease::Leases;
use edge_core::limiter::{Begin, Charge, Decision, LimiterState};
use edge_core::ports::UnixMs;
use edge_core::usage::HourUsage;
use js_sys::JsString;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::clock::unix_ms;
use crate::glue::Storage;
use crate::object_store::{Held, Outgoing, Store};

mod changes;
mod ends;
mod telling;

/// How soon what could not be told is told again, in milliseconds.
const RETRY_MS: u64 = 5_000;

/// The object behind the class `Limiter` of `js/limiter.js`.
#[wasm_bindgen]
pub struct LimiterObject {
    store: Store,
    standing: Standing,
    /// How long usage waits before it is told, in milliseconds.
    flush_ms: u64,
    /// Version of the present hour's usage that was told last.
    told: u64,
    /// When the alarm is set for, as far as this instance knows.
    alarm: Option<UnixMs>,
}

enum Standing {
    /// Nothing was given to it yet. It admits nothing.
    Unconfigured,
    Active(Box<Active>),
    /// For good; nothing else is known any more.
    Revoked,
}

struct Active {
    held: Held,
    limiter: LimiterState,
}

impl Active {
    fn key(&self) -> Option<&KeyState> {
        match &self.held {
            Held::Key(key) => Some(key),
            Held::Owner(_) => None,
        }
    }
}

/// A failure of storage or of what it holds. The step ends, and with it this instance.
type Step<T> = Result<T, JsValue>;

fn unreadable(what: impl std::fmt::Display) -> JsValue {
    JsValue::from_str(&what.to_string())
}

fn parse<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Step<T> {
    serde_json::from_str(json).map_err(unreadable)
}

fn json(value: &impl Serialize) -> Step<String> {
    serde_json::to_string(value).map_err(unreadable)
}

#[wasm_bindgen]
impl LimiterObject {
    /// Reads the state from storage: at the object's first call, after an eviction, after a failure.
    #[wasm_bindgen(constructor)]
    pub fn new(storage: Storage, flush_seconds: f64, now: f64) -> Step<LimiterObject> {
        let now = unix_ms(now);
        let mut store = Store::new(storage);
        let loaded = store.load()?;
        let standing = match loaded.held {
            _ if loaded.revoked => Standing::Revoked,
            None => Standing::Unconfigured,
            Some(held) => {
                let limiter = limiter_of(&held, loaded.leases, &loaded.counters)
                    .ok_or_else(|| unreadable("the stored counters are damaged"))?;
                Standing::Active(Box::new(Active { held, limiter }))
            }
        };
        let mut object = Self {
            store,
            standing,
            flush_ms: unix_ms(flush_seconds * 1000.0).0.max(1),
            told: 0,
            alarm: None,
        };
        if loaded.has_news {
            object.arm(now.plus_ms(RETRY_MS));
        }
        Ok(object)
    }

    /// Decides on a request without audio, and charges it to every limit or to none. One write if it is
    /// admitted, none if it is refused. `generation`: of the secret that was presented. Since the last call
    /// `refused` requests were refused from memory, with the code of this `letter`, and `used` were let in by
    /// permits taken ahead; `ahead` more are asked for. `ended`: requests with audio that have, a line each.
    #[allow(clippy::too_many_arguments)] // Numbers cross for nearly nothing; an object would not.
    pub fn admit(
        &mut self,
        now: f64,
        cost: u32,
        generation: u32,
        refused: u32,
        letter: u32,
        used: u32,
        ahead: u32,
        ended: &str,
    ) -> Step<String> {
        let charge = Charge::plain(u64::from(cost));
        let news = News {
            refused,
            letter,
            used,
            ended,
        };
        self.decide(unix_ms(now), charge, generation, &news, ahead)
    }

    /// The same for a request with audio: its lease begins.
    #[wasm_bindgen(js_name = admitUpload)]
    #[allow(clippy::too_many_arguments)] // As above.
    pub fn admit_upload(
        &mut self,
        now: f64,
        cost: u32,
        generation: u32,
        refused: u32,
        letter: u32,
        used: u32,
        ahead: u32,
        ended: &str,
        id: &str,
        lasts_ms: f64,
    ) -> Step<String> {
        let begin = Begin {
            id,
            lasts_ms: unix_ms(lasts_ms).0,
        };
        let charge = Charge {
            cost: u64::from(cost),
            lease: Some(begin),
        };
        let news = News {
            refused,
            letter,
            used,
            ended,
        };
        self.decide(unix_ms(now), charge, generation, &news, ahead)
    }

    /// Takes back an admission that the owner's limits refused with the code of this `letter` (or did not
    /// answer to: 0). `id`: of its lease, or empty.
    pub fn undo(&mut self, now: f64, cost: u32, id: &str, letter: u32) -> Step<()> {
        let code = char::from_u32(letter).and_then(Code::from_letter);
        let outcome = code.and_then(Code::outcome);
        let Standing::Active(active) = &mut self.standing else {
            return Ok(());
        };
        let lease = Some(id).filter(|id| !id.is_empty());
        active
            .limiter
            .undo(unix_ms(now), u64::from(cost), lease, outcome);
        let (counters, leases) = (active.limiter.encode(), active.limiter.leases());
        self.store
            .put_counters_and_leases(&counters, lease.as_slice(), leases)
    }

    /// Name of the object with the limits that its owner's keys share.
    pub fn owner(&self) -> String {
        let Standing::Active(active) = &self.standing else {
            return String::new();
        };
        let owner = active.key().and_then(|key| key.record.owner.as_deref());
        owner
            .map(edge_core::ports::owner_directory)
            .unwrap_or_default()
    }
}

impl LimiterObject {
    fn decide(
        &mut self,
        now: UnixMs,
        charge: Charge<'_>,
        generation: u32,
        news: &News<'_>,
        ahead: u32,
    ) -> Step<String> {
        self.turn(now)?;
        // What has ended comes first: it may make room.
        let mut leases = self.end_all(now, news.ended)?;
        let active = match &mut self.standing {
            Standing::Unconfigured => return Ok(pack_bare(Code::Unconfigured)),
            Standing::Revoked => return Ok(pack_bare(Code::Revoked)),
            Standing::Active(active) => active,
        };
        let mut packed;
        let mut charged = false;
        if let Some(code) = active.key().and_then(|key| key.gate(generation, now)) {
            packed = pack_bare(code);
        } else {
            news.count(&mut active.limiter, now);
            let decision = active.limiter.admit(now, charge);
            let shared = active.key().is_some_and(|key| key.owner_limited);
            packed = pack(&active.limiter, decision, now, shared);
            if decision == Decision::Admitted {
                charged = charge.cost > 0;
                leases.extend(charge.lease.map(|begin| begin.id));
                if shared {
                    packed.replace_range(..1, "O");
                } else if ahead > 0 {
                    let permits = active.limiter.permits_ahead(now, charge.cost, ahead);
                    packed = with_permits(&packed, permits);
                }
            }
        }
        if charged || !leases.is_empty() {
            let (counters, all) = (active.limiter.encode(), active.limiter.leases());
            self.store
                .put_counters_and_leases(&counters, &leases, all)?;
            self.tell_later(now);
        }
        Ok(packed)
    }

    /// Tells of an hour that is over.
    fn turn(&mut self, now: UnixMs) -> Step<()> {
        let Standing::Active(active) = &mut self.standing else {
            return Ok(());
        };
        let Some(done) = active.limiter.turn(now) else {
            return Ok(());
        };
        self.told = 0;
        self.tell_usage(&done)?;
        let Standing::Active(active) = &self.standing else {
            return Ok(());
        };
        self.store.put_counters(&active.limiter.encode())
    }

    fn tell_usage(&mut self, usage: &HourUsage) -> Step<()> {
        let Standing::Active(active) = &self.standing else {
            return Ok(());
        };
        let Some(key) = active.key() else {
            // What an owner's object counts is counted by his keys' objects, too.
            return Ok(());
        };
        self.store.tell(&Outgoing::Usage {
            key_id: &key.record.id,
            owner: key.record.owner.as_deref(),
            plan: key.record.plan.as_deref(),
            rollup: usage.rollup(),
        })
    }

    /// Wakes the object when its usage is to be told next.
    fn tell_later(&mut self, now: UnixMs) {
        if self.alarm.is_none() {
            self.arm(now.plus_ms(self.flush_ms));
        }
    }

    /// Wakes the object at `at`, unless it is to wake earlier.
    fn arm(&mut self, at: UnixMs) {
        if self.alarm.is_none_or(|alarm| at < alarm) {
            self.store.set_alarm(at);
            self.alarm = Some(at);
        }
    }
}

/// What an isolate decided by itself since it asked last.
struct News<'a> {
    refused: u32,
    letter: u32,
    used: u32,
    /// Requests with audio that have ended, a line each (see [`ends`]).
    ended: &'a str,
}

impl News<'_> {
    fn count(&self, limiter: &mut LimiterState, now: UnixMs) {
        let code = char::from_u32(self.letter).and_then(Code::from_letter);
        if let (1.., Some(outcome)) = (self.refused, code.and_then(Code::outcome)) {
            limiter.count_refused(now, outcome, u64::from(self.refused));
        }
        if self.used > 0 {
            limiter.count_permitted(now, u64::from(self.used));
        }
    }
}

fn limiter_of(held: &Held, leases: Leases, counters: &[u8]) -> Option<LimiterState> {
    let (limits, refill) = match held {
        Held::Key(key) => (
            key.limits(),
            key.record.credits.map(|credits| credits.refill),
        ),
        Held::Owner(limits) => (limits.clone(), None),
    };
    LimiterState::decode(limits, refill, leases, counters)
}

/// The directories that a key with this record is to be entered in, as a JSON array of names.
#[wasm_bindgen(js_name = directoriesOf)]
pub fn directories_of(record: &str) -> Step<String> {
    let record: KeyRecord = parse(record)?;
    json(&KeyState::of_record(record, String::new()).directories())
}

/// A string of the runtime as one of Rust, where it is one.
pub(crate) fn text(value: &JsValue) -> Option<String> {
    value.dyn_ref::<JsString>().map(String::from)
}
