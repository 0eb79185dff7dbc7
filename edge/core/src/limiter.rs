//! The state of one key's limiter object: all of its limits, checked and charged in one step.

use crate::limit::{Limit, Rule};
use crate::ports::UnixMs;
use crate::quota::Quota;
use crate::rate_limit::SlidingWindow;

/// First byte of the stored form; another one is a form this code does not know.
const STORED_FORM: u8 = 1;

/// The limits of a key and what is used of each. Clone it, admit on the clone, store the clone, and
/// only then keep it: so a failed write charges nothing in memory that storage does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimiterState {
    limits: Vec<Limit>,
    counters: Vec<Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Counter {
    // Boxed: it is ten times the size of a quota.
    Rate(Box<SlidingWindow>),
    Quota(Quota),
}

/// What one limit stands at after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The most it admits.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// When more will be left than now: the next slice that frees something, or the next period.
    pub resets_at: UnixMs,
}

/// Whether a request was admitted. If so, every limit was charged; if not, none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Charged to every limit.
    Admitted,
    /// Refused by the limit at `index` (the one that lasts longest); `until` is when it would fit.
    Refused {
        /// Place in the key's list of limits.
        index: usize,
        /// When the same request would be admitted if nothing else came.
        until: UnixMs,
    },
}

impl LimiterState {
    /// Nothing used yet.
    pub fn new(limits: Vec<Limit>) -> Self {
        let counters = limits
            .iter()
            .map(|limit| Counter::new(limit.rule))
            .collect();
        Self { limits, counters }
    }

    /// The key's limits.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Decides on a request of weight `cost`, and charges it to every limit or to none.
    pub fn admit(&mut self, now: UnixMs, cost: u32) -> Decision {
        let mut refused = None;
        for (index, (limit, counter)) in self.limits.iter().zip(&mut self.counters).enumerate() {
            counter.advance(now);
            let fits_at = counter.fits_at(cost, limit.rule.limit());
            if fits_at.is_none_or(|at| at > UnixMs(0)) {
                // What never fits is refused until the end of time as the caller can see it.
                let until = fits_at.unwrap_or(UnixMs(u64::MAX));
                if refused.is_none_or(|(_, longest)| until > longest) {
                    refused = Some((index, until));
                }
            }
        }
        if let Some((index, until)) = refused {
            return Decision::Refused { index, until };
        }
        for counter in &mut self.counters {
            counter.charge(cost);
        }
        Decision::Admitted
    }

    /// What each limit stands at, in the order of [`limits`](Self::limits).
    pub fn standings(&self, now: UnixMs) -> impl Iterator<Item = Standing> + '_ {
        self.limits
            .iter()
            .zip(&self.counters)
            .map(move |(limit, counter)| Standing {
                limit: limit.rule.limit(),
                remaining: limit.rule.limit().saturating_sub(counter.used()),
                resets_at: counter.frees_at().unwrap_or(now).max(now),
            })
    }

    /// The counters as stored; the limits are stored apart, because they seldom change.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(STORED_FORM);
        for counter in &self.counters {
            match counter {
                Counter::Rate(window) => window.encode(&mut out),
                Counter::Quota(quota) => quota.encode(&mut out),
            }
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote for the same limits; `None` if it is damaged.
    pub fn decode(limits: Vec<Limit>, mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        if crate::rate_limit::take::<1>(bytes)? != [STORED_FORM] {
            return None;
        }
        let counters = limits
            .iter()
            .map(|limit| match limit.rule {
                Rule::Rate { window_seconds, .. } => SlidingWindow::decode(window_seconds, bytes)
                    .map(|window| Counter::Rate(Box::new(window))),
                Rule::Quota { period, .. } => Quota::decode(period, bytes).map(Counter::Quota),
            })
            .collect::<Option<_>>()?;
        bytes.is_empty().then_some(Self { limits, counters })
    }
}

impl Counter {
    fn new(rule: Rule) -> Self {
        match rule {
            Rule::Rate { window_seconds, .. } => {
                Self::Rate(Box::new(SlidingWindow::new(window_seconds)))
            }
            Rule::Quota { period, .. } => Self::Quota(Quota::new(period)),
        }
    }

    fn advance(&mut self, now: UnixMs) {
        match self {
            Self::Rate(window) => window.advance(now),
            Self::Quota(quota) => quota.advance(now),
        }
    }

    fn used(&self) -> u64 {
        match self {
            Self::Rate(window) => window.used(),
            Self::Quota(quota) => quota.used(),
        }
    }

    /// `Some(0)`: it fits now.
    fn fits_at(&self, cost: u32, limit: u64) -> Option<UnixMs> {
        match self {
            Self::Rate(window) => window.fits_at(cost, limit),
            Self::Quota(_) if u64::from(cost) > limit => None,
            Self::Quota(quota) if quota.used() + u64::from(cost) <= limit => Some(UnixMs(0)),
            Self::Quota(quota) => Some(quota.resets_at()),
        }
    }

    fn frees_at(&self) -> Option<UnixMs> {
        match self {
            Self::Rate(window) => window.frees_at(),
            Self::Quota(quota) => Some(quota.resets_at()),
        }
    }

    fn charge(&mut self, cost: u32) {
        match self {
            Self::Rate(window) => window.charge(cost),
            Self::Quota(quota) => quota.charge(cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Period;
    use crate::testing::{SeededRng, quota, rate};

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    #[test]
    fn a_limit_of_100_admits_exactly_100_of_1000() {
        let mut state = LimiterState::new(vec![rate("minute", 100, 60)]);
        let admitted = (0..1000)
            .filter(|_| state.admit(NOW, 1) == Decision::Admitted)
            .count();
        assert_eq!(admitted, 100);
    }

    #[test]
    fn a_refusal_by_one_limit_charges_none() {
        let mut state =
            LimiterState::new(vec![rate("minute", 10, 60), quota("day", 2, Period::Day)]);
        for _ in 0..2 {
            assert_eq!(state.admit(NOW, 1), Decision::Admitted);
        }
        let before: Vec<_> = state.standings(NOW).collect();
        for _ in 0..50 {
            assert!(matches!(
                state.admit(NOW, 1),
                Decision::Refused { index: 1, .. }
            ));
        }
        assert_eq!(state.standings(NOW).collect::<Vec<_>>(), before);
        assert_eq!(before[0].remaining, 8);
    }

    #[test]
    fn the_refusal_that_lasts_longest_is_the_one_named_and_holds_until_its_end() {
        let mut state = LimiterState::new(vec![
            rate("second", 1, 1),
            rate("hour", 1, 3600),
            rate("minute", 1, 60),
        ]);
        assert_eq!(state.admit(NOW, 1), Decision::Admitted);
        let Decision::Refused { index, until } = state.admit(NOW, 1) else {
            panic!("admitted beyond the limit");
        };
        assert_eq!(index, 1);
        assert_eq!(
            state.clone().admit(UnixMs(until.0 - 1), 1),
            Decision::Refused { index, until }
        );
        assert_eq!(state.admit(until, 1), Decision::Admitted);
    }

    #[test]
    fn nothing_is_forgotten_between_storage_and_memory() {
        let limits = vec![rate("minute", 40, 60), quota("week", 900, Period::Week)];
        let mut rng = SeededRng::new(11);
        let mut state = LimiterState::new(limits.clone());
        let mut evicted = state.clone();
        let mut now = NOW;
        for _ in 0..2_000 {
            now = now.plus_ms(rng.below(3_000));
            // The object is evicted before every second call or so.
            if rng.below(2) == 0 {
                evicted = LimiterState::decode(limits.clone(), &evicted.encode()).unwrap();
            }
            assert_eq!(evicted.admit(now, 1), state.admit(now, 1));
            assert_eq!(evicted, state);
        }
    }

    #[test]
    fn damaged_or_foreign_storage_is_noticed() {
        let limits = vec![rate("minute", 40, 60)];
        let mut state = LimiterState::new(limits.clone());
        state.admit(NOW, 1);
        let bytes = state.encode();
        assert_eq!(LimiterState::decode(limits.clone(), &[]), None);
        assert_eq!(
            LimiterState::decode(limits.clone(), &bytes[..bytes.len() - 1]),
            None
        );
        let mut other = bytes.clone();
        other[0] = 2;
        assert_eq!(LimiterState::decode(limits.clone(), &other), None);
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(LimiterState::decode(limits, &longer), None);
    }

    #[test]
    fn the_stored_form_of_eight_full_limits_stays_small() {
        let limits = (0..8)
            .map(|n| rate(&format!("l{n}"), 1_000_000, 60))
            .collect();
        let mut state = LimiterState::new(limits);
        for second in 0..120 {
            state.admit(NOW.plus_ms(second * 1000), 1);
        }
        assert!(state.encode().len() < 3 * 1024, "{}", state.encode().len());
    }
}
