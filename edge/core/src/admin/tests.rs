use super::*;
use crate::api_key::KeyHash;
use crate::key_record::KeyRecord;
use crate::key_state::record_entry;
use crate::limiter::{Charge, Decision};
use crate::ports::{Changed, KeyView};
use crate::scope::AdminScope;
use crate::testing::{BrokenRng, Fault, Memory, SeededRng, ready};
use crate::verify::{Verdict, verify};

mod life;
mod making;
mod reports;

const NOW: u64 = 1_790_000_000_000;

/// With an owner and a plan of his own choice: every port that a creation uses.
const WHOLE: &str = r#"{"name":"a","owner":"acme","plan":"starter","self_service":true}"#;

struct World {
    memory: Memory,
    settings: Settings,
    rng: SeededRng,
}

impl World {
    fn new() -> Self {
        let memory = Memory::default();
        memory.now.set(NOW);
        Self {
            memory,
            settings: crate::testing::settings(),
            rng: SeededRng::new(1),
        }
    }

    /// With the plan `starter`, which is for self-service.
    fn with_plan() -> Self {
        let world = Self::new();
        world.put_plan("starter", 10).unwrap();
        world
    }

    fn admin(&self) -> Admin<'_, Memory> {
        Admin {
            ports: &self.memory,
            settings: &self.settings,
            actor: Actor {
                id: "root".to_owned(),
                request_id: format!("req-{}", self.memory.faults.calls()),
            },
            credential: "Bearer wk_root_test",
        }
    }

    fn put_plan(&self, name: &str, limit: u32) -> Result<crate::plan::Plan, EdgeError> {
        let body = format!(
            r#"{{"limits":[{{"name":"minute","kind":"rate","limit":{limit},"window_seconds":60}}],"self_service":true}}"#
        );
        ready(self.admin().put_plan(name, body.as_bytes()))
    }

    fn create(&mut self, body: &str) -> Result<serde_json::Value, EdgeError> {
        self.create_with(body, "")
    }

    fn create_with(&mut self, body: &str, idem: &str) -> Result<serde_json::Value, EdgeError> {
        let mut rng = SeededRng::new(self.rng.next_u64());
        let idem = Idempotency::of(idem, body.as_bytes()).unwrap();
        let admin = self.admin();
        let made = ready(admin.create(body.as_bytes(), idem.as_ref(), &mut rng))?;
        Ok(serde_json::to_value(made).unwrap())
    }

    fn patch(&self, id: &str, body: &str) -> Result<KeyDetail, EdgeError> {
        ready(self.admin().patch(false, id, body.as_bytes()))
    }

    fn records(&self) -> Vec<(String, KeyRecord)> {
        let kv = self.memory.kv.borrow();
        let records = kv.iter().filter(|(name, _)| name.starts_with("key:"));
        let read = |(name, (value, _)): (&String, &(String, _))| {
            (name[4..].to_owned(), serde_json::from_str(value).unwrap())
        };
        records.map(read).collect()
    }

    /// Whether a request with a key whose record is in KV would be let in, and under limits.
    fn works(&self, record: &KeyRecord) -> (bool, bool) {
        let now = crate::ports::UnixMs(NOW);
        let valid = verify(record, &record.terms(None), None, None, now) == Verdict::Valid;
        let keys = self.memory.keys.borrow();
        let (open, limited) = keys
            .get(&record.id)
            .map_or((true, false), |(state, limiter)| {
                let open = state.gate(record.generation, now).is_none();
                (open, !limiter.limits().is_empty())
            });
        // An object that knows nothing yet takes its limits from the record.
        let limited = limited || !record.limits.is_empty() || record.plan.is_some();
        (valid && open, limited)
    }

    fn admit(&self, id: &str) -> bool {
        let mut keys = self.memory.keys.borrow_mut();
        let (_, limiter) = keys.get_mut(id).unwrap();
        limiter.admit(crate::ports::UnixMs(NOW), Charge::plain(1)) == Decision::Admitted
    }
}

fn id(made: &serde_json::Value) -> &str {
    made["id"].as_str().unwrap()
}
