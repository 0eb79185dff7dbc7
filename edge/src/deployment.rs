//! What one isolate keeps between requests: settings, keys found lately, hosts and how they fare.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use edge_core::admission::{Code, HEADER_NAMES, Refusal};
use edge_core::config::{LogLevel, Lookup, Settings};
use edge_core::error::EdgeError;
use edge_core::headers::{TO_CALLER, TO_UPSTREAM};
use edge_core::key_cache::KeyCache;
use edge_core::key_record::{KeyRecord, Terms};
use edge_core::limiter::Permits;
use edge_core::on_the_way::OnTheWay;
use edge_core::plan::Plan;
use edge_core::ports::UnixMs;
use edge_core::scope::Scope;
use edge_core::transcripts::Wish;
use edge_core::upstream::Upstreams;
use js_sys::JsString;

use crate::glue::{self, Call};

/// A key found lately.
pub(crate) struct KnownKey {
    /// Its record.
    pub record: KeyRecord,
    /// What it may do, with its plan.
    pub terms: Terms,
    /// The record as it came, to be kept with a call.
    pub text: JsString,
    /// Its id as the runtime's string, made once: it names the object in every call.
    pub object_name: JsString,
    /// The last refusals by its limiter, of a request without audio and of one with; while one lasts, a
    /// flood costs no further calls.
    pub refusals: RefCell<[Option<Refusal>; 2]>,
    /// Refusals from memory that the limiter was not told of yet, and their kind.
    pub unreported: Cell<(u32, Code)>,
    /// Permits taken ahead.
    pub permits: RefCell<Ahead>,
    /// The body of `GET /v1/models` for this key, made at its first use.
    pub models: OnceCell<JsString>,
}

/// Permits that this isolate took ahead.
#[derive(Default)]
pub(crate) struct Ahead {
    /// What is left of each lot, and until when it is good by this isolate's clock.
    pub lots: Vec<(Permits, UnixMs)>,
    /// How many let a request without audio in that the limiter was not told of yet.
    pub used: u32,
    /// When some were asked for last: one request of a crowd asks, not each.
    pub asked: UnixMs,
    /// The answer that came with them: its headers go with what they let in.
    pub packed: String,
}

/// How long after permits were asked for they are not asked for again, in milliseconds.
const ASK_AGAIN_MS: u64 = 50;

impl Ahead {
    /// What the limiter is to be told and asked: permits used since the last time, permits wanted.
    pub(crate) fn ask(&mut self, most: u32, now: UnixMs) -> (u32, u32) {
        let used = std::mem::take(&mut self.used);
        if now.since(self.asked) < ASK_AGAIN_MS {
            return (used, 0);
        }
        self.asked = now;
        (used, most)
    }
}

/// What most requests come for.
#[derive(Clone, Copy)]
pub(crate) enum Errand {
    /// With audio, and why something of its answer is to be kept.
    Audio(Scope, Wish),
    Realtime,
    Models,
}

/// One isolate's memory.
pub(crate) struct Deployment {
    /// The settings.
    pub settings: Settings,
    /// Keys found lately.
    pub keys: RefCell<KeyCache<KnownKey>>,
    /// Plans found lately, each with the time until which it is good.
    pub plans: RefCell<HashMap<String, (UnixMs, Rc<Plan>)>>,
    /// The inference hosts.
    pub upstreams: RefCell<Upstreams>,
    /// Requests whose key's object is being asked.
    pub on_the_way: RefCell<OnTheWay<(Rc<KnownKey>, Errand)>>,
}

thread_local! {
    static DEPLOYMENT: RefCell<Option<Rc<Deployment>>> = const { RefCell::new(None) };
}

struct Vars(BTreeMap<String, String>);

impl Lookup for Vars {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// This isolate's memory, made at its first request. Wrong settings refuse every request.
pub(crate) fn deployment(call: &Call) -> Result<Rc<Deployment>, EdgeError> {
    DEPLOYMENT.with_borrow_mut(|kept| {
        if let Some(deployment) = kept {
            return Ok(Rc::clone(deployment));
        }
        let vars = serde_json::from_str(&glue::settings(call))
            .map_err(|e| EdgeError::Misconfigured(e.to_string()))?;
        let settings =
            Settings::read(&Vars(vars)).map_err(|e| EdgeError::Misconfigured(e.to_string()))?;
        glue::set_up(
            &HEADER_NAMES.join("\n"),
            &TO_UPSTREAM.join("\n"),
            &TO_CALLER.join("\n"),
            settings.log == LogLevel::Requests,
            settings.registration.is_on(),
        );
        let deployment = Rc::new(Deployment {
            upstreams: RefCell::new(Upstreams::new(&settings.inference_urls)),
            keys: RefCell::default(),
            plans: RefCell::default(),
            on_the_way: RefCell::default(),
            settings,
        });
        *kept = Some(Rc::clone(&deployment));
        Ok(deployment)
    })
}
