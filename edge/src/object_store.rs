//! What an object keeps in SQLite: one table of named values, so that a key takes two pages of storage.
//!
//! `held` what it is, `counters` what was used, `lease:<request>` what is under way (a dash when it has ended,
//! until the next alarm clears it away), `news:<n>` what others are to be told, `unpublished` if KV is behind, `revoked` when nothing else is left.

use edge_core::change::AuditEvent;
use edge_core::key_state::KeyState;
use edge_core::lease::{Lease, Leases};
use edge_core::limit::Limit;
use edge_core::ports::UnixMs;
use edge_core::usage::{Measured, Rollup};
use js_sys::{ArrayBuffer, JsString, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::glue::{SqlStorage, Storage, static_strings};
use crate::limiter_do::text;

static_strings! {
    CREATE = "CREATE TABLE IF NOT EXISTS held(name TEXT PRIMARY KEY, value) WITHOUT ROWID";
    EXISTS = "SELECT name, 1 AS value FROM sqlite_master WHERE name='held'";
    LOAD = "SELECT name, value FROM held";
    CHARGE = "UPDATE held SET value=?1 WHERE name='counters'";
    PUT = "INSERT INTO held VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
    CHARGE_LEASE = "INSERT INTO held VALUES('counters',?1),(?2,?3) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
    CHARGE_LEASES = "INSERT INTO held VALUES('counters',?1),(?2,?3),(?4,?5) ON CONFLICT(name) DO UPDATE SET value=excluded.value";
    CLEAR_LEASES = "DELETE FROM held WHERE name>='lease:' AND name<'lease;' AND value='-'";
    DELETE = "DELETE FROM held WHERE name=?1";
    NEWS = "SELECT name, value FROM held WHERE name>='news:' AND name<'news;' ORDER BY name LIMIT 100";
    CLEAR = "DELETE FROM held";
}

/// The value of a lease that has ended.
const ENDED: &str = "-";

/// What an object is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)] // One of them lives in an object.
pub(crate) enum Held {
    /// A key.
    Key(KeyState),
    /// The limits that an owner's keys share.
    Owner(Vec<Limit>),
}

/// What others are to be told, at least once.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Outgoing<'a> {
    /// The database.
    Audit { event: &'a AuditEvent },
    /// The database.
    Usage {
        key_id: &'a str,
        owner: Option<&'a str>,
        plan: Option<&'a str>,
        rollup: Rollup,
    },
    /// The object with the owner's limits, by its name.
    Settle {
        owner: &'a str,
        id: &'a str,
        status: u16,
        measured: Measured,
    },
}

/// What storage held.
pub(crate) struct Loaded {
    pub held: Option<Held>,
    pub counters: Vec<u8>,
    pub leases: Leases,
    pub revoked: bool,
    /// Whether somebody is still to be told something.
    pub has_news: bool,
}

pub(crate) struct Store {
    storage: Storage,
    sql: SqlStorage,
    /// Whether the table is there: an object that was only asked leaves nothing behind.
    created: bool,
    has_counters: bool,
    unpublished: bool,
    next_news: u64,
}

impl Store {
    pub(crate) fn new(storage: Storage) -> Self {
        let sql = storage.sql();
        Self {
            storage,
            sql,
            created: false,
            has_counters: false,
            unpublished: false,
            next_news: 0,
        }
    }

    pub(crate) fn load(&mut self) -> Result<Loaded, JsValue> {
        let mut loaded = Loaded {
            held: None,
            counters: Vec::new(),
            leases: Leases::default(),
            revoked: false,
            has_news: false,
        };
        if EXISTS
            .with(|exists| self.sql.exec(exists))?
            .to_array()?
            .is_empty()
        {
            return Ok(loaded);
        }
        self.created = true;
        for row in LOAD.with(|load| self.sql.exec(load))?.to_array()? {
            let (name, value) = (row.name(), row.value());
            match name.split_once(':') {
                Some(("lease", id)) => {
                    let value = text(&value).ok_or_else(|| damaged(&name))?;
                    if value != ENDED {
                        let lease = read_lease(&value).ok_or_else(|| damaged(&name))?;
                        loaded.leases.begin(id, lease);
                    }
                }
                Some(("news", number)) => {
                    loaded.has_news = true;
                    let number: u64 = number.parse().map_err(|_| damaged(&name))?;
                    self.next_news = self.next_news.max(number + 1);
                }
                _ if name == "held" => {
                    let json = text(&value).ok_or_else(|| damaged(&name))?;
                    let held = serde_json::from_str(&json).map_err(|_| damaged(&name))?;
                    loaded.held = Some(held);
                }
                _ if name == "counters" => {
                    // A BLOB is read as an `ArrayBuffer`, whatever wrote it.
                    let blob: &ArrayBuffer = value.dyn_ref().ok_or_else(|| damaged(&name))?;
                    loaded.counters = Uint8Array::new(blob).to_vec();
                    self.has_counters = true;
                }
                _ if name == "unpublished" => {
                    loaded.has_news = true;
                    self.unpublished = true;
                }
                _ if name == "revoked" => loaded.revoked = true,
                _ => return Err(damaged(&name)),
            }
        }
        Ok(loaded)
    }

    /// The hot path's one write.
    pub(crate) fn put_counters(&mut self, counters: &[u8]) -> Result<(), JsValue> {
        if self.has_counters {
            CHARGE.with(|charge| self.sql.exec_bytes(charge, counters))?;
            return Ok(());
        }
        self.create()?;
        PUT.with(|put| self.sql.exec_name_bytes(put, "counters", counters))?;
        self.has_counters = true;
        Ok(())
    }

    pub(crate) fn put_held(&mut self, held: &Held) -> Result<(), JsValue> {
        let json = serde_json::to_string(held).map_err(|e| JsValue::from_str(&e.to_string()))?;
        self.put("held", &json)
    }

    /// Counters and the leases of these requests, as they are among `leases`; the counters and the last two of
    /// them in one statement: statements are what an upload costs here. One that has ended is marked so;
    /// [`clear_leases`](Self::clear_leases) takes it away.
    pub(crate) fn put_counters_and_leases(
        &mut self,
        counters: &[u8],
        ids: &[&str],
        leases: &Leases,
    ) -> Result<(), JsValue> {
        let row = |id: &&str| (format!("lease:{id}"), stored_lease(leases, id));
        let (rest, last_two) = ids.split_at(ids.len().saturating_sub(2));
        for (name, value) in rest.iter().map(row) {
            self.put(&name, &value)?;
        }
        match last_two.iter().map(row).collect::<Vec<_>>().as_slice() {
            [(name, value), (other, of_other), ..] => {
                self.create()?;
                CHARGE_LEASES.with(|charge| {
                    self.sql
                        .exec_bytes_texts(charge, counters, name, value, other, of_other)
                })?;
            }
            [(name, value)] => {
                self.create()?;
                CHARGE_LEASE
                    .with(|charge| self.sql.exec_bytes_name_text(charge, counters, name, value))?;
            }
            [] => return self.put_counters(counters),
        }
        self.has_counters = true;
        Ok(())
    }

    /// Takes away what is left of leases that have ended.
    pub(crate) fn clear_leases(&self) -> Result<(), JsValue> {
        if self.created {
            CLEAR_LEASES.with(|clear| self.sql.exec(clear))?;
        }
        Ok(())
    }

    /// Ends what is stored and no longer among `leases`.
    pub(crate) fn put_leases(&self, leases: &Leases) -> Result<(), JsValue> {
        for row in LOAD.with(|load| self.sql.exec(load))?.to_array()? {
            let name = row.name();
            if name
                .strip_prefix("lease:")
                .is_some_and(|id| leases.get(id).is_none())
            {
                self.delete(&name)?;
            }
        }
        Ok(())
    }

    pub(crate) const fn is_unpublished(&self) -> bool {
        self.unpublished
    }

    pub(crate) fn set_unpublished(&mut self, unpublished: bool) -> Result<(), JsValue> {
        self.unpublished = unpublished;
        if unpublished {
            self.put("unpublished", "1")
        } else {
            self.delete("unpublished")
        }
    }

    /// Writes down what is to be told. Numbers have a fixed width: names sort as they do.
    pub(crate) fn tell(&mut self, outgoing: &Outgoing<'_>) -> Result<(), JsValue> {
        let json =
            serde_json::to_string(outgoing).map_err(|e| JsValue::from_str(&e.to_string()))?;
        let number = self.next_news;
        self.next_news += 1;
        self.put(&format!("news:{number:016}"), &json)
    }

    /// What is to be told, oldest first: `[{"n":"news:…","kind":…}]`, at most a hundred.
    pub(crate) fn news(&self) -> Result<String, JsValue> {
        if !self.created {
            return Ok("[]".to_owned());
        }
        let mut out = String::from("[");
        for row in NEWS.with(|news| self.sql.exec(news))?.to_array()? {
            let json = text(&row.value()).ok_or_else(|| damaged("news"))?;
            let rest = json.strip_prefix('{').ok_or_else(|| damaged("news"))?;
            if out.len() > 1 {
                out.push(',');
            }
            for part in ["{\"n\":\"", &row.name(), "\",", rest] {
                out.push_str(part);
            }
        }
        out.push(']');
        Ok(out)
    }

    /// Rollups that are to be told.
    pub(crate) fn rollups(&self) -> Result<Vec<Rollup>, JsValue> {
        #[derive(Deserialize)]
        struct News {
            rollup: Option<Rollup>,
        }
        let news: Vec<News> = serde_json::from_str(&self.news()?).map_err(|_| damaged("news"))?;
        Ok(news.into_iter().filter_map(|news| news.rollup).collect())
    }

    pub(crate) fn was_told(&self, name: &str) -> Result<(), JsValue> {
        self.delete(name)
    }

    /// Forgets everything, or everything but that it is revoked; how many rows that was.
    pub(crate) fn purge(&mut self, keep_revoked: bool) -> Result<u32, JsValue> {
        if !self.created {
            return Ok(0);
        }
        let rows = LOAD.with(|load| self.sql.exec(load))?.to_array()?.len();
        CLEAR.with(|clear| self.sql.exec(clear))?;
        self.has_counters = false;
        self.unpublished = false;
        if keep_revoked {
            self.put("revoked", "1")?;
        }
        Ok(u32::try_from(rows).unwrap_or(u32::MAX))
    }

    #[allow(clippy::cast_precision_loss)] // Until the year 287396.
    pub(crate) fn set_alarm(&self, at: UnixMs) {
        // Part of the step's transaction; should it fail, so does the step.
        let _ = self.storage.set_alarm(at.0 as f64);
    }

    fn create(&mut self) -> Result<(), JsValue> {
        if !self.created {
            CREATE.with(|create| self.sql.exec(create))?;
            self.created = true;
        }
        Ok(())
    }

    fn put(&mut self, name: &str, value: &str) -> Result<(), JsValue> {
        self.create()?;
        PUT.with(|put| self.sql.exec_name_text(put, name, value))?;
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), JsValue> {
        DELETE.with(|delete| self.sql.exec_name(delete, name))?;
        Ok(())
    }
}

fn stored_lease(leases: &Leases, id: &str) -> String {
    leases.get(id).map_or_else(
        || ENDED.to_owned(),
        |lease| format!("{} {} {}", lease.at.0, lease.expires.0, lease.cost),
    )
}

fn read_lease(text: &str) -> Option<Lease> {
    let mut numbers = text.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    Some(Lease {
        at: UnixMs(next()?),
        expires: UnixMs(next()?),
        cost: next()?,
    })
}

fn damaged(name: &str) -> JsValue {
    JsValue::from_str(&format!("the stored {name} is damaged"))
}
