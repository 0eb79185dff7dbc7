//! One key's limiter object: its state in SQLite, its steps.
//!
//! Every step is synchronous from reading the state to writing it, so nothing else of this object runs
//! in between (one JavaScript thread, no await). The runtime's output gate holds an answer back until
//! the write before it is on disk: what was answered is durable.

use edge_core::admission::{Code, pack, pack_bare};
use edge_core::limit::{Limit, check_all};
use edge_core::limiter::{Decision, LimiterState};
use js_sys::{JsString, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::clock::unix_ms;
use crate::glue::{SqlStorage, static_strings};

static_strings! {
    CREATE = "CREATE TABLE IF NOT EXISTS limiter(id INTEGER PRIMARY KEY CHECK(id=1),limits TEXT,counters BLOB,revoked_at INTEGER)";
    LOAD = "SELECT limits,counters,revoked_at FROM limiter WHERE id=1";
    CHARGE = "UPDATE limiter SET counters=?1 WHERE id=1";
    CONFIGURE = "INSERT INTO limiter(id,limits,counters) VALUES(1,?1,?2)";
    REVOKE = "INSERT INTO limiter(id,revoked_at) VALUES(1,?1) ON CONFLICT(id) DO UPDATE SET revoked_at=coalesce(revoked_at,excluded.revoked_at)";
}

/// The object behind the class `Limiter` of `js/entry.js`.
#[wasm_bindgen]
pub struct LimiterObject {
    sql: SqlStorage,
    standing: Standing,
}

enum Standing {
    /// No limits were given to it yet. It admits nothing.
    Unconfigured,
    Active(LimiterState),
    /// For good.
    Revoked,
}

#[wasm_bindgen]
impl LimiterObject {
    /// Reads the state from storage: at the object's first call, after an eviction, after a failure.
    #[wasm_bindgen(constructor)]
    pub fn new(sql: SqlStorage) -> Result<LimiterObject, JsValue> {
        CREATE.with(|create| sql.exec(create))?;
        let rows = LOAD.with(|load| sql.exec(load))?.to_array()?;
        let standing = match rows.first() {
            None => Standing::Unconfigured,
            Some(row) if row.revoked_at().is_some() => Standing::Revoked,
            Some(row) => {
                let limits = serde_json::from_str(&row.limits().unwrap_or_default())
                    .map_err(|e| JsValue::from_str(&e.to_string()))?;
                let counters = row
                    .counters()
                    .map(|blob| Uint8Array::new(&blob).to_vec())
                    .unwrap_or_default();
                let state = LimiterState::decode(limits, &counters)
                    .ok_or_else(|| JsValue::from_str("the stored counters are damaged"))?;
                Standing::Active(state)
            }
        };
        Ok(Self { sql, standing })
    }

    /// Decides on a request, and charges it to every limit or to none. One write if it is admitted,
    /// none if it is refused.
    pub fn admit(&mut self, now: f64, cost: u32) -> Result<String, JsValue> {
        let now = unix_ms(now);
        match &mut self.standing {
            Standing::Unconfigured => Ok(pack_bare(Code::Unconfigured)),
            Standing::Revoked => Ok(pack_bare(Code::Revoked)),
            Standing::Active(state) => {
                let mut next = state.clone();
                let decision = next.admit(now, cost);
                if decision == Decision::Admitted {
                    // Written before it is kept: should the write fail, memory says what storage says.
                    CHARGE.with(|charge| self.sql.exec_bytes(charge, &next.encode()))?;
                    *state = next;
                    Ok(pack(state, decision, now))
                } else {
                    Ok(pack(&next, decision, now))
                }
            }
        }
    }

    /// Gives limits to an object that has none. One that has some keeps them: a second call with the
    /// same record, from another isolate at the same time, must not forget what was used.
    pub fn configure(&mut self, limits: &str) -> Result<(), JsValue> {
        if !matches!(self.standing, Standing::Unconfigured) {
            return Ok(());
        }
        let parsed: Vec<Limit> =
            serde_json::from_str(limits).map_err(|e| JsValue::from_str(&e.to_string()))?;
        check_all(&parsed).map_err(|e| JsValue::from_str(&e.to_string()))?;
        let state = LimiterState::new(parsed);
        CONFIGURE.with(|configure| self.sql.exec_text_bytes(configure, limits, &state.encode()))?;
        self.standing = Standing::Active(state);
        Ok(())
    }

    /// Refuses everything from now on, for good.
    pub fn revoke(&mut self, now: f64) -> Result<(), JsValue> {
        REVOKE.with(|revoke| self.sql.exec_number(revoke, now))?;
        self.standing = Standing::Revoked;
        Ok(())
    }
}
