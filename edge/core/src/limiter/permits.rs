//! Permits: admissions that an isolate takes ahead, for keys with a great many requests.

use super::{Charge, Counter, LimiterState};
use crate::limit::Unit;
use crate::ports::UnixMs;
use crate::usage::{Measured, Outcome};

/// How long permits taken ahead are good at most, in milliseconds.
const PERMITS_LAST_MS: u64 = 1_000;

/// Admissions that were charged ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permits {
    /// How many.
    pub count: u32,
    /// For how long they are good, in milliseconds.
    pub last_ms: u64,
    /// When they were charged, by the object's clock: a refund goes to that time.
    pub at: UnixMs,
}

impl LimiterState {
    /// After an admission: charges up to `most` further requests of the same weight ahead, for a caller that
    /// lets them in by itself until they expire. They count as of now, so they are good until the first
    /// slice or period of any limit ends, and for a second at most: as long a revocation may go unnoticed.
    ///
    /// None where more than requests is limited: audio and what is under way can't be charged ahead.
    pub fn permits_ahead(&mut self, now: UnixMs, cost: u64, most: u32) -> Permits {
        let now = self.at(now);
        let mut until = now.plus_ms(PERMITS_LAST_MS);
        for (limit, counter) in self.limits.iter().zip(&self.counters) {
            if limit.rule.unit() != Some(Unit::Requests) {
                return Permits::default();
            }
            let end = match counter {
                Counter::Rate(window) => window.slice_ends_at(),
                Counter::Quota(quota) => quota.resets_at(),
                Counter::Concurrency => return Permits::default(),
            };
            until = until.min(end);
        }
        let mut count = most;
        while count > 0 {
            let charge = Charge::plain(cost * u64::from(count));
            if self.refusal(now, charge).is_none() {
                self.charge(charge.cost);
                return Permits {
                    count,
                    last_ms: until.since(now),
                    at: now,
                };
            }
            count /= 2;
        }
        Permits::default()
    }

    /// Counts requests that a caller let in by permits taken ahead.
    pub fn count_permitted(&mut self, now: UnixMs, times: u64) {
        self.at(now);
        self.usage.count(Outcome::Served, times);
    }

    /// The end of a request with audio that was let in by a permit taken ahead, charged at `at`.
    pub fn settle_permitted(
        &mut self,
        now: UnixMs,
        at: UnixMs,
        cost: u64,
        outcome: Outcome,
        measured: Measured,
    ) {
        self.at(now);
        if outcome.is_refunded() {
            self.refund(at, cost);
        }
        self.usage.measure(outcome, measured);
    }
}
