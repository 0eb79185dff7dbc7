//! What every Worker is given: the same settings, and the key that the bench calls with.

use std::collections::BTreeMap;

use edge_core::api_key::{KeyEnv, KeyFormat};
use edge_core::key_record::KeyRecord;
use edge_core::key_state::{plan_entry, record_entry};
use edge_core::limit::{Limit, MAX_COUNT, Rule, Unit};
use edge_core::plan::Plan;
use edge_core::ports::{Rng, RngError};
use edge_core::scope::Scope;
use serde::Serialize;

use crate::error::Error;
use crate::workerd::{Script, Worker};

/// A key of every scope, with a limit that nothing here reaches.
pub(crate) struct Key {
    /// The value of `Authorization`.
    pub(crate) authorization: String,
    /// Its entry in the namespace KEYS.
    pub(crate) entry: BTreeMap<String, String>,
    /// The same on a plan that lets an isolate take permits ahead, and that plan.
    ahead: BTreeMap<String, String>,
}

/// Permits that the plan lets an isolate take.
const PERMITS_AHEAD: u32 = 100;

struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        getrandom::fill(bytes).map_err(|_| RngError)
    }
}

impl Key {
    /// Mints one.
    pub(crate) fn mint() -> Result<Self, Error> {
        let failed = || Error::Unexpected("minting a key".to_owned());
        let format = KeyFormat::new("wk", KeyEnv::Live).ok_or_else(failed)?;
        let key = format.mint(None, &mut SystemRng).map_err(|_| failed())?;
        let record = KeyRecord {
            id: "key_bench".to_owned(),
            name: "bench".to_owned(),
            start: key.start().to_owned(),
            owner: Some("bench".to_owned()),
            scopes: Some(Scope::ALL.to_vec()),
            models: Some(vec!["*".to_owned()]),
            limits: vec![Limit {
                name: "minute".to_owned(),
                rule: Rule::Rate {
                    unit: Unit::Requests,
                    limit: MAX_COUNT,
                    window_seconds: 60,
                },
            }],
            ..KeyRecord::blank(0)
        };
        let plan = Plan {
            name: "hot".to_owned(),
            limits: Vec::new(),
            credits: None,
            scopes: Scope::ALL.to_vec(),
            models: vec!["*".to_owned()],
            cost: 1,
            permits_ahead: PERMITS_AHEAD,
            retention_days: None,
            self_service: false,
            version: 1,
        };
        let on_plan = KeyRecord {
            plan: Some(plan.name.clone()),
            ..record.clone()
        };
        let name = record_entry(false, &key.hash().to_hex());
        Ok(Self {
            authorization: format!("Bearer {}", key.reveal()),
            entry: BTreeMap::from([(name.clone(), json(&record)?)]),
            ahead: BTreeMap::from([
                (name, json(&on_plan)?),
                (plan_entry(&plan.name), json(&plan)?),
            ]),
        })
    }
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Unexpected(format!("an entry: {error}")))
}

/// Settings of one run.
pub(crate) struct Deployment {
    /// The key.
    pub(crate) key: Key,
    bindings: BTreeMap<&'static str, String>,
}

impl Deployment {
    /// In front of an inference host at `origin`, which knows `signing_secret`.
    pub(crate) fn new(origin: &str, signing_secret: &str) -> Result<Self, Error> {
        let bindings = BTreeMap::from([
            ("INFERENCE_URLS", origin.to_owned()),
            ("EDGE_SIGNING_SECRETS", signing_secret.to_owned()),
            // Of a root key that nobody has.
            ("ROOT_KEY_SHA256", random_secret()?),
            ("MODELS", "tiny.en".to_owned()),
        ]);
        Ok(Self {
            key: Key::mint()?,
            bindings,
        })
    }

    /// `script` with these settings.
    pub(crate) fn worker(&self, script: Script) -> Worker {
        Worker {
            script,
            bindings: self.bindings.clone(),
            kv: self.key.entry.clone(),
            offline: false,
        }
    }
}

impl Deployment {
    /// `script` with these settings, and the key on a plan with permits ahead.
    pub(crate) fn worker_ahead(&self, script: Script) -> Worker {
        Worker {
            kv: self.key.ahead.clone(),
            ..self.worker(script)
        }
    }
}

/// 32 random bytes in hexadecimal.
pub(crate) fn random_secret() -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Unexpected(error.to_string()))?;
    Ok(hex::encode(bytes))
}
