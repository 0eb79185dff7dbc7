//! What an object has to tell: KV its entries, the database usage and audit, its owner's object what was
//! settled. Here it says what; `js/limiter.js` tells it.

use edge_core::ports::UnixMs;
use wasm_bindgen::prelude::*;

use super::{LimiterObject, RETRY_MS, Standing, Step, json, parse, unreadable};
use crate::clock::unix_ms;
use crate::object_store::Held;

#[wasm_bindgen]
impl LimiterObject {
    /// The entries that KV must have, if it does not have them yet; and the version they are of.
    pub fn unpublished(&self, now: f64) -> Step<Option<String>> {
        let Standing::Active(active) = &self.standing else {
            return Ok(None);
        };
        match active.key() {
            Some(key) if self.store.is_unpublished() => {
                json(&key.entries(unix_ms(now)).map_err(unreadable)?).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The version that is to be published.
    pub fn version(&self) -> u32 {
        match &self.standing {
            Standing::Active(active) => active.key().map_or(0, |key| key.record.version),
            _ => 0,
        }
    }

    /// KV has this version.
    pub fn published(&mut self, now: f64, version: u32) -> Step<()> {
        let Standing::Active(active) = &mut self.standing else {
            return Ok(());
        };
        let Held::Key(key) = &mut active.held else {
            return Ok(());
        };
        if key.record.version != version {
            // Changed in between: that is published next.
            return Ok(());
        }
        let mut changed = !std::mem::take(&mut key.stale).is_empty();
        let until = key.replaced.as_ref().map(|old| UnixMs(old.until_ms));
        let ends = until.filter(|until| unix_ms(now) < *until);
        if until.is_some() && ends.is_none() {
            key.replaced = None;
            changed = true;
        }
        if changed {
            self.store.put_held(&active.held)?;
        }
        if let Some(until) = ends {
            // There is one thing more to publish: the end of the overlap.
            self.arm(until);
        }
        self.store.set_unpublished(false)
    }

    /// What others are to be told, as a JSON array of `{n, kind, …}`; none: an empty one.
    pub fn news(&self) -> Step<String> {
        self.store.news()
    }

    /// These were told.
    #[wasm_bindgen(js_name = wasTold)]
    pub fn was_told(&mut self, numbers: &str) -> Step<()> {
        for name in parse::<Vec<String>>(numbers)? {
            self.store.was_told(&name)?;
        }
        Ok(())
    }

    /// Usage that is not in the database yet, as a JSON array of rollups.
    pub fn usage(&mut self, now: f64) -> Step<String> {
        self.turn(unix_ms(now))?;
        let mut rollups = self.store.rollups()?;
        if let Standing::Active(active) = &self.standing
            && !active.limiter.usage().is_empty()
        {
            rollups.push(active.limiter.usage().rollup());
        }
        json(&rollups)
    }

    /// The alarm: leases long expired are forgotten, and the usage so far is to be told.
    pub fn tick(&mut self, now: f64) -> Step<()> {
        self.alarm = None;
        let now = unix_ms(now);
        self.turn(now)?;
        let Standing::Active(active) = &mut self.standing else {
            return Ok(());
        };
        let overlap = active.key().and_then(|key| key.replaced.as_ref());
        if overlap.is_some_and(|old| now.0 >= old.until_ms) {
            self.store.set_unpublished(true)?;
        }
        self.store.clear_leases()?;
        if active.limiter.forget_expired(now) > 0 {
            self.store.put_leases(active.limiter.leases())?;
            self.store.put_counters(&active.limiter.encode())?;
        }
        let usage = active.limiter.usage();
        if usage.version != self.told && !usage.is_empty() {
            self.told = usage.version;
            let usage = usage.clone();
            self.tell_usage(&usage)?;
        }
        Ok(())
    }

    /// After a tick, or after telling failed: when to wake next.
    pub fn rearm(&mut self, now: f64, failed: bool) {
        let now = unix_ms(now);
        if failed {
            self.arm(now.plus_ms(RETRY_MS));
        }
        if let Standing::Active(active) = &self.standing {
            let next = active.limiter.leases().next_change(now);
            let overlap = active.key().and_then(|key| key.replaced.as_ref());
            let overlap = overlap.map(|old| UnixMs(old.until_ms));
            let untold = active.limiter.usage();
            let untold = (untold.version != self.told && !untold.is_empty())
                .then(|| now.plus_ms(self.flush_ms));
            for at in next.into_iter().chain(overlap).chain(untold) {
                self.arm(at.max(now.plus_ms(1)));
            }
        }
        // Said again: an alarm that a request set while this one ran must outlive it.
        if let Some(at) = self.alarm {
            self.store.set_alarm(at);
        }
    }
}
