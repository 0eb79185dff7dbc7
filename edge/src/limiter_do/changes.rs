//! What administration does with an object: makes its key, changes it, looks at it, takes it away.

use edge_core::change::{Actor, AuditEvent, Change, Unchanged};
use edge_core::key_record::KeyRecord;
use edge_core::key_state::KeyState;
use edge_core::limit::Limit;
use edge_core::limiter::LimiterState;
use edge_core::ports::{Changed, KeyView, UnixMs};
use wasm_bindgen::prelude::*;

use super::{Active, LimiterObject, RETRY_MS, Standing, Step, json, parse};
use crate::clock::unix_ms;
use crate::object_store::{Held, Outgoing};

#[wasm_bindgen]
impl LimiterObject {
    /// Makes a key; the same request again is answered with what it made.
    pub fn create(&mut self, now: f64, key: &str, by: &str) -> Step<String> {
        let (now, key, by) = (unix_ms(now), parse::<KeyState>(key)?, parse::<Actor>(by)?);
        let existing = match &self.standing {
            Standing::Revoked => return json(&Changed::Not(Unchanged::Conflict)),
            Standing::Unconfigured => None,
            Standing::Active(active) => active.key(),
        };
        match KeyState::is_new(existing, &key) {
            Err(why) => return json(&Changed::Not(why)),
            Ok(false) => {}
            Ok(true) => {
                let event = key.made(&by, now);
                let limiter = key.limiter(now);
                self.hold(Held::Key(key), limiter)?;
                self.tell_change(now, Some(&event))?;
            }
        }
        self.view(unix_back(now))
    }

    /// Takes over a key that came into KV by another way, with what its directories announced.
    pub fn adopt(&mut self, now: f64, record: &str, hash: &str, announced: &str) -> Step<()> {
        if !matches!(self.standing, Standing::Unconfigured) {
            // From another isolate at the same time; what was used since then must not be forgotten.
            return Ok(());
        }
        let record: KeyRecord = parse(record)?;
        let mut key = KeyState::of_record(record, hash.to_owned());
        key.take_announced(&parse::<Vec<serde_json::Value>>(announced)?);
        let limiter = key.limiter(unix_ms(now));
        self.hold(Held::Key(key), limiter)
    }

    /// Carries out a change to its key.
    pub fn change(&mut self, now: f64, change: &str, by: &str) -> Step<String> {
        let (now, change, by) = (unix_ms(now), parse::<Change>(change)?, parse::<Actor>(by)?);
        let Standing::Active(active) = &mut self.standing else {
            return self.view(unix_back(now));
        };
        let Active {
            held: Held::Key(key),
            limiter,
        } = &mut **active
        else {
            return json(&Changed::Absent);
        };
        let event = match key.apply(limiter, change, &by, now) {
            Err(why) => return json(&Changed::Not(why)),
            Ok(event) => event,
        };
        self.store.put_held(&active.held)?;
        self.store.put_counters(&active.limiter.encode())?;
        if event.is_some() {
            self.tell_change(now, event.as_ref())?;
        }
        self.view(unix_back(now))
    }

    /// How its key stands.
    pub fn view(&mut self, now: f64) -> Step<String> {
        let now = unix_ms(now);
        let view = match &mut self.standing {
            Standing::Active(active) => match &active.held {
                Held::Key(key) => Changed::Done(KeyView {
                    state: key.clone(),
                    credits_left: active.limiter.credits_left(now),
                    under_way: active.limiter.leases().under_way(now),
                    limits_now: active.limiter.limits_now(now),
                }),
                Held::Owner(_) => Changed::Absent,
            },
            Standing::Unconfigured => Changed::Absent,
            Standing::Revoked => Changed::Not(Unchanged::Revoked),
        };
        json(&view)
    }

    /// The limits that an owner's keys share, from now on; those before.
    #[wasm_bindgen(js_name = setOwnerLimits)]
    pub fn set_owner_limits(&mut self, now: f64, limits: &str) -> Step<String> {
        let (now, limits) = (unix_ms(now), parse::<Vec<Limit>>(limits)?);
        let before = self.owner_limits()?;
        if let Standing::Active(active) = &mut self.standing {
            active.limiter.set_limits(limits.clone(), now);
            active.held = Held::Owner(limits);
            self.store.put_held(&active.held)?;
            self.store.put_counters(&active.limiter.encode())?;
        } else {
            let limiter = LimiterState::new(limits.clone(), None, now);
            self.hold(Held::Owner(limits), limiter)?;
        }
        Ok(before)
    }

    /// The limits that an owner's keys share.
    #[wasm_bindgen(js_name = ownerLimits)]
    pub fn owner_limits(&self) -> Step<String> {
        match &self.standing {
            Standing::Active(active) => match &active.held {
                Held::Owner(limits) => json(limits),
                Held::Key(_) => Ok("[]".to_owned()),
            },
            _ => Ok("[]".to_owned()),
        }
    }

    /// Forgets everything but that the key is revoked; how many rows that was.
    pub fn purge(&mut self) -> Step<u32> {
        let keep_revoked = match &self.standing {
            Standing::Active(active) => active.key().is_some(),
            Standing::Revoked => return Ok(0),
            Standing::Unconfigured => false,
        };
        let rows = self.store.purge(keep_revoked)?;
        self.standing = if keep_revoked {
            Standing::Revoked
        } else {
            Standing::Unconfigured
        };
        Ok(rows)
    }
}

impl LimiterObject {
    fn tell_change(&mut self, now: UnixMs, event: Option<&AuditEvent>) -> Step<()> {
        if let Some(event) = event {
            self.store.tell(&Outgoing::Audit { event })?;
        }
        self.store.set_unpublished(true)?;
        self.arm(now.plus_ms(RETRY_MS));
        Ok(())
    }

    fn hold(&mut self, held: Held, limiter: LimiterState) -> Step<()> {
        self.store.put_held(&held)?;
        self.store.put_counters(&limiter.encode())?;
        self.standing = Standing::Active(Box::new(Active { held, limiter }));
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss)] // Until the year 287396.
const fn unix_back(now: UnixMs) -> f64 {
    now.0 as f64
}
