//! The end of requests with audio: what was measured is charged or, where nothing was served, given back.

use edge_core::limiter::Settled;
use edge_core::ports::{UnixMs, owner_directory};
use edge_core::usage::{Measured, Outcome};
use wasm_bindgen::prelude::*;

use super::{LimiterObject, RETRY_MS, Standing, Step};
use crate::clock::unix_ms;
use crate::object_store::Outgoing;

#[wasm_bindgen]
impl LimiterObject {
    /// The end of a request with audio that a permit taken ahead let in; `at`: when that was charged.
    #[wasm_bindgen(js_name = settlePermitted)]
    #[allow(clippy::too_many_arguments)] // As above.
    pub fn settle_permitted(
        &mut self,
        now: f64,
        at: f64,
        cost: u32,
        status: u16,
        audio_ms: f64,
        bytes: f64,
        latency_ms: f64,
    ) -> Step<()> {
        let now = unix_ms(now);
        self.turn(now)?;
        let Standing::Active(active) = &mut self.standing else {
            return Ok(());
        };
        let measured = Measured {
            audio_ms: unix_ms(audio_ms).0,
            bytes: unix_ms(bytes).0,
            latency_ms: unix_ms(latency_ms).0,
        };
        let (cost, outcome) = (u64::from(cost), Outcome::of_status(status));
        let limiter = &mut active.limiter;
        limiter.settle_permitted(now, unix_ms(at), cost, outcome, measured);
        self.store.put_counters(&active.limiter.encode())
    }

    /// Ends a request with audio: charges what was measured, or refunds. Once for each id. Whether its
    /// owner's object is to be told.
    pub fn settle(
        &mut self,
        now: f64,
        id: &str,
        status: u16,
        audio_ms: f64,
        bytes: f64,
        latency_ms: f64,
    ) -> Step<bool> {
        let now = unix_ms(now);
        self.turn(now)?;
        let measured = Measured {
            audio_ms: unix_ms(audio_ms).0,
            bytes: unix_ms(bytes).0,
            latency_ms: unix_ms(latency_ms).0,
        };
        let Some(told) = self.end(now, id, status, measured)? else {
            return Ok(false);
        };
        if let Standing::Active(active) = &self.standing {
            let (counters, leases) = (active.limiter.encode(), active.limiter.leases());
            self.store
                .put_counters_and_leases(&counters, &[id], leases)?;
        }
        self.tell_later(now);
        Ok(told)
    }
}

impl LimiterObject {
    /// Ends those of `ended`, each a line `id status audio_ms bytes latency_ms`, in memory; the ids of those
    /// that were under way, whose leases are to be written.
    pub(super) fn end_all<'a>(&mut self, now: UnixMs, ended: &'a str) -> Step<Vec<&'a str>> {
        let mut ids = Vec::new();
        for line in ended.lines() {
            let mut words = line.split(' ');
            let (Some(id), Some(Ok(status))) = (words.next(), words.next().map(str::parse)) else {
                continue;
            };
            let mut number = || words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            let measured = Measured {
                audio_ms: number(),
                bytes: number(),
                latency_ms: number(),
            };
            if self.end(now, id, status, measured)?.is_some() {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Ends one in memory. `None`: it was not under way; else whether its owner's object is to be told, which
    /// is written down: that hears of it, whatever happens next.
    fn end(
        &mut self,
        now: UnixMs,
        id: &str,
        status: u16,
        measured: Measured,
    ) -> Step<Option<bool>> {
        let Standing::Active(active) = &mut self.standing else {
            return Ok(None);
        };
        let outcome = Outcome::of_status(status);
        if active.limiter.settle(now, id, outcome, measured) == Settled::Before {
            return Ok(None);
        }
        let shared = active.key().filter(|key| key.owner_limited);
        let Some(owner) = shared.and_then(|key| key.record.owner.as_deref()) else {
            return Ok(Some(false));
        };
        self.store.tell(&Outgoing::Settle {
            owner: &owner_directory(owner),
            id,
            status,
            measured,
        })?;
        self.arm(now.plus_ms(RETRY_MS));
        Ok(Some(true))
    }
}
