//! The state of one key's limiter object: all of its limits, checked and charged in one step.
//!
//! Every step changes the state in place. When storing it fails, the object throws the state away and
//! reads what storage holds: so a failed write charges nothing that storage does not hold.

use serde::{Deserialize, Serialize};

use crate::credits::{Balance, Credits};
use crate::lease::{Lease, Leases};
use crate::limit::{Limit, MAX_CONCURRENCY, Rule, Unit};
use crate::ports::UnixMs;
use crate::usage::{HourUsage, Measured, Outcome};

mod counter;
mod permits;
mod stored_form;

use counter::Counter;
pub use permits::Permits;

/// How long a refusal for want of a free lease is good, in milliseconds: nobody knows when one ends.
const CONCURRENCY_RETRY_MS: u64 = 1_000;

/// The limits of a key or an owner, and what is used of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimiterState {
    limits: Vec<Limit>,
    counters: Vec<Counter>,
    credits: Option<Balance>,
    leases: Leases,
    /// The latest time seen: to the limits, time never runs backwards.
    latest: UnixMs,
    usage: HourUsage,
}

/// What a request weighs.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    /// Requests and credits it is charged. 0 asks only whether anything is left.
    pub cost: u64,
    /// For a request with audio: its lease.
    pub lease: Option<Begin<'a>>,
}

/// The lease of a request: it begins with the admission.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// The request's id.
    pub id: &'a str,
    /// Milliseconds until it expires by itself: longer than any request may take.
    pub lasts_ms: u64,
}

impl Charge<'static> {
    /// A request without audio.
    pub const fn plain(cost: u64) -> Self {
        Self { cost, lease: None }
    }
}

/// What one limit stands at after a decision, in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which of them.
    pub by: By,
    /// The most it admits.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// When more will be left than now: the next slice that frees something, the next period.
    pub resets_at: UnixMs,
}

/// What a limit stands at, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct LimitNow {
    /// Its name.
    pub name: String,
    /// The most it admits, in its unit.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// When more is left than now, unix seconds.
    pub resets_at: u64,
}

/// One of the things that can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The limit at this place of the list.
    Limit(usize),
    /// The credits.
    Credits,
}

/// Whether a request was admitted. If so, every limit was charged; if not, none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Charged to every limit.
    Admitted,
    /// Refused; of several refusals this is the one that lasts longest.
    Refused {
        /// By which limit.
        by: By,
        /// When the same request would be admitted if nothing else came.
        until: UnixMs,
    },
}

/// What a settlement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Charged, or refunded.
    Now,
    /// Nothing: this request was settled before, or its lease was forgotten.
    Before,
}

impl LimiterState {
    /// Nothing used yet.
    pub fn new(limits: Vec<Limit>, credits: Option<&Credits>, now: UnixMs) -> Self {
        Self {
            counters: limits.iter().map(|l| Counter::new(l.rule)).collect(),
            limits,
            credits: credits.map(|credits| Balance::new(credits, now)),
            leases: Leases::default(),
            latest: now,
            usage: HourUsage::starting(now),
        }
    }

    /// The limits.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The name of what refused.
    pub fn name(&self, by: By) -> &str {
        match by {
            By::Limit(index) => self.limits.get(index).map_or("", |l| l.name.as_str()),
            By::Credits => "credits",
        }
    }

    /// The present hour.
    pub const fn usage(&self) -> &HourUsage {
        &self.usage
    }

    /// Whether the end of a served request may be told a little later: no limit hangs on it, only usage.
    pub fn ends_may_wait(&self) -> bool {
        let counts_requests = |limit: &Limit| limit.rule.unit() == Some(Unit::Requests);
        self.limits.iter().all(counts_requests)
    }

    /// Requests under way.
    pub const fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Takes back an admission that somebody else refuses, and its lease with it. What it counts as instead;
    /// `None`: as an attempt that failed here.
    pub fn undo(&mut self, at: UnixMs, cost: u64, lease: Option<&str>, outcome: Option<Outcome>) {
        match lease {
            Some(id) => {
                self.leases.end(id);
            }
            None if cost > 0 => self.usage.uncount(Outcome::Served),
            None => {}
        }
        self.usage
            .count(outcome.unwrap_or(Outcome::UpstreamFailed), 1);
        self.refund(at, cost);
    }

    /// Credits left, if this key has any.
    pub fn credits_left(&mut self, now: UnixMs) -> Option<u64> {
        let now = self.at(now);
        let credits = self.credits.as_mut()?;
        credits.advance(now);
        Some(credits.left())
    }

    /// What each limit stands at, with its name.
    pub fn limits_now(&mut self, now: UnixMs) -> Vec<LimitNow> {
        let now = self.at(now);
        for counter in &mut self.counters {
            counter.advance(now);
        }
        let standings = self.standings(now);
        let of_limits = standings.filter(|standing| standing.by != By::Credits);
        let named = of_limits.map(|standing| LimitNow {
            name: self.name(standing.by).to_owned(),
            limit: standing.limit,
            remaining: standing.remaining,
            resets_at: standing.resets_at.0.div_ceil(1000),
        });
        named.collect()
    }

    /// Moves on to `now`. A completed hour is returned: it must be stored before the next.
    #[must_use]
    pub fn turn(&mut self, now: UnixMs) -> Option<HourUsage> {
        let now = self.at(now);
        let present = HourUsage::starting(now);
        if present.hour == self.usage.hour {
            return None;
        }
        let done = std::mem::replace(&mut self.usage, present);
        (!done.is_empty()).then_some(done)
    }

    /// Decides on a request, and charges it to every limit or to none.
    pub fn admit(&mut self, now: UnixMs, charge: Charge<'_>) -> Decision {
        let now = self.at(now);
        if charge
            .lease
            .is_some_and(|begin| self.leases.get(begin.id).is_some())
        {
            // The same request again, whose answer was lost: charged once.
            return Decision::Admitted;
        }
        let refused = self.refusal(now, charge);
        if let Some((by, until)) = refused {
            self.usage.count(self.outcome(by), 1);
            return Decision::Refused { by, until };
        }
        self.charge(charge.cost);
        match charge.lease {
            Some(begin) => {
                let lease = Lease {
                    at: now,
                    expires: now.plus_ms(begin.lasts_ms),
                    cost: charge.cost,
                };
                self.leases.begin(begin.id, lease);
            }
            None if charge.cost > 0 => self.usage.count(Outcome::Served, 1),
            None => {}
        }
        Decision::Admitted
    }

    fn charge(&mut self, cost: u64) {
        for (limit, counter) in self.limits.iter().zip(&mut self.counters) {
            if limit.rule.unit() == Some(Unit::Requests) {
                counter.charge(cost);
            }
        }
        if let Some(credits) = &mut self.credits {
            credits.charge(cost);
        }
    }

    /// The refusal that lasts longest, if any limit refuses.
    fn refusal(&mut self, now: UnixMs, charge: Charge<'_>) -> Option<(By, UnixMs)> {
        let mut longest: Option<(By, UnixMs)> = None;
        let mut consider = |by, fits_at: Option<UnixMs>| {
            // What never fits is refused until the end of time as the caller can see it.
            let until = fits_at.unwrap_or(UnixMs(u64::MAX));
            if until > UnixMs(0) && longest.is_none_or(|(_, end)| until > end) {
                longest = Some((by, until));
            }
        };
        let under_way = self.leases.under_way(now);
        for (index, (limit, counter)) in self.limits.iter().zip(&mut self.counters).enumerate() {
            counter.advance(now);
            let fits_at = match (limit.rule, charge.lease) {
                (Rule::Concurrency { limit }, Some(_)) if under_way >= limit => {
                    Some(now.plus_ms(CONCURRENCY_RETRY_MS))
                }
                // What a request with audio will take is not known: one millisecond must be left.
                (rule, Some(_)) if rule.unit() == Some(Unit::AudioSeconds) => {
                    counter.fits_at(1, rule.limit() * rule.scale())
                }
                (rule, _) if rule.unit() == Some(Unit::Requests) => {
                    counter.fits_at(charge.cost, rule.limit())
                }
                _ => continue,
            };
            consider(By::Limit(index), fits_at);
        }
        if let Some(credits) = &mut self.credits {
            credits.advance(now);
            consider(By::Credits, credits.fits_at(charge.cost));
        }
        if longest.is_none()
            && charge.lease.is_some()
            && self.leases.len() as u64 >= MAX_CONCURRENCY
        {
            // No limit of its own: the bound of the object's memory.
            return Some((By::Limit(usize::MAX), now.plus_ms(CONCURRENCY_RETRY_MS)));
        }
        longest
    }

    /// The outcome that a refusal counts as.
    fn outcome(&self, by: By) -> Outcome {
        match by {
            By::Credits => Outcome::CreditsUsedUp,
            By::Limit(index) => match self.limits.get(index).map(|l| l.rule) {
                Some(Rule::Rate { .. }) => Outcome::RateLimited,
                Some(Rule::Quota { .. }) => Outcome::QuotaUsedUp,
                Some(Rule::Concurrency { .. }) | None => Outcome::ConcurrencyLimited,
            },
        }
    }

    /// Counts refusals that an isolate gave from memory.
    pub fn count_refused(&mut self, now: UnixMs, outcome: Outcome, times: u64) {
        self.at(now);
        self.usage.count(outcome, times);
    }

    /// Ends a request: its audio is charged to every limit that counts audio, or, where nothing was
    /// served, what it was charged at its admission is given back. The second settlement of a request
    /// changes nothing.
    pub fn settle(
        &mut self,
        now: UnixMs,
        id: &str,
        outcome: Outcome,
        measured: Measured,
    ) -> Settled {
        let now = self.at(now);
        let Some(lease) = self.leases.end(id) else {
            return Settled::Before;
        };
        if outcome.is_refunded() {
            self.refund(lease.at, lease.cost);
        }
        for (limit, counter) in self.limits.iter().zip(&mut self.counters) {
            if limit.rule.unit() == Some(Unit::AudioSeconds) {
                counter.advance(now);
                counter.charge(measured.audio_ms);
            }
        }
        self.usage.measure(outcome, measured);
        Settled::Now
    }

    /// Takes back an admission that had no lease.
    pub fn refund(&mut self, at: UnixMs, cost: u64) {
        for (limit, counter) in self.limits.iter().zip(&mut self.counters) {
            if limit.rule.unit() == Some(Unit::Requests) {
                counter.refund(at, cost);
            }
        }
        if let Some(credits) = &mut self.credits {
            credits.add(cost);
        }
    }

    /// Forgets leases that expired long ago: their requests are lost.
    pub fn forget_expired(&mut self, now: UnixMs) -> u64 {
        let now = self.at(now);
        let lost = self.leases.forget_expired(now);
        self.usage.count(Outcome::Lost, lost);
        lost
    }

    /// Other limits from now on. A counter whose limit keeps its name, unit and kind goes on counting.
    pub fn set_limits(&mut self, limits: Vec<Limit>, now: UnixMs) {
        let now = self.at(now);
        for counter in &mut self.counters {
            counter.advance(now);
        }
        let carried = |limit: &Limit| {
            let at = self.limits.iter().position(|old| old.name == limit.name)?;
            if self.limits[at].rule.unit() != limit.rule.unit() {
                return None;
            }
            match (&self.counters[at], self.limits[at].rule, limit.rule) {
                (Counter::Rate(window), _, Rule::Rate { window_seconds, .. }) => {
                    Some(Counter::Rate(Box::new(window.with_window(window_seconds))))
                }
                (
                    Counter::Quota(quota),
                    Rule::Quota { period: old, .. },
                    Rule::Quota { period, .. },
                ) if old == period => Some(Counter::Quota(quota.clone())),
                _ => None,
            }
        };
        let counters = limits
            .iter()
            .map(|limit| carried(limit).unwrap_or_else(|| Counter::new(limit.rule)))
            .collect();
        self.counters = counters;
        self.limits = limits;
    }

    /// Gives credits, another refill, or takes both away. What is left stays; [`set_balance`] sets it.
    ///
    /// [`set_balance`]: Self::set_balance
    pub fn set_credits(&mut self, credits: Option<&Credits>, now: UnixMs) {
        let now = self.at(now);
        match (&mut self.credits, credits) {
            (_, None) => self.credits = None,
            (Some(balance), Some(credits)) => balance.set_refill(credits.refill, now),
            (none, Some(credits)) => *none = Some(Balance::new(credits, now)),
        }
    }

    /// Sets or adds to the balance; what is left afterwards, `None` if there are no credits.
    pub fn set_balance(&mut self, change: BalanceChange, now: UnixMs) -> Option<u64> {
        let now = self.at(now);
        let credits = self.credits.as_mut()?;
        credits.advance(now);
        match change {
            BalanceChange::Set(left) => credits.set(left),
            BalanceChange::Add(amount) => credits.add(amount),
        }
        Some(credits.left())
    }

    /// What each limit stands at, in the order of [`limits`](Self::limits), then the credits.
    pub fn standings(&self, now: UnixMs) -> impl Iterator<Item = Standing> + '_ {
        let limits = self.limits.iter().zip(&self.counters).enumerate();
        let limits = limits.map(move |(index, (limit, counter))| {
            let most = limit.rule.limit();
            let used = match counter {
                Counter::Rate(window) => window.used(),
                Counter::Quota(quota) => quota.used(),
                Counter::Concurrency => self.leases.under_way(now),
            };
            Standing {
                by: By::Limit(index),
                limit: most,
                remaining: (most * limit.rule.scale()).saturating_sub(used) / limit.rule.scale(),
                resets_at: counter.frees_at().unwrap_or(now).max(now),
            }
        });
        let credits = self.credits.iter().map(move |credits| Standing {
            by: By::Credits,
            limit: credits.full(),
            remaining: credits.left(),
            resets_at: credits.refills_at().unwrap_or(now).max(now),
        });
        limits.chain(credits)
    }

    /// The time as the limits see it.
    fn at(&mut self, now: UnixMs) -> UnixMs {
        self.latest = self.latest.max(now);
        self.latest
    }
}

/// How an administrator changes a balance: the body of `POST /admin/keys/{id}/credits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BalanceChange {
    /// To this.
    Set(#[cfg_attr(feature = "openapi", schemars(range(max = 1_000_000_000)))] u64),
    /// By this.
    Add(#[cfg_attr(feature = "openapi", schemars(range(max = 1_000_000_000)))] u64),
}

#[cfg(test)]
mod tests;
