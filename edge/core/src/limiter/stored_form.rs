//! Counters, credits and the present hour as one value of storage.

use super::{Counter, LimiterState};
use crate::credits::{Balance, Refill};
use crate::lease::Leases;
use crate::limit::{Limit, Rule};
use crate::ports::UnixMs;
use crate::quota::Quota;
use crate::rate_limit::SlidingWindow;
use crate::stored::{Reader, put};
use crate::usage::HourUsage;

/// First number of the stored form; another one is a form this code does not know.
const STORED_FORM: u64 = 2;

impl LimiterState {
    /// The counters as stored. Limits and leases are stored apart: the former seldom change, the latter
    /// are rows.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        put(&mut out, STORED_FORM);
        put(&mut out, self.latest.0);
        for counter in &self.counters {
            match counter {
                Counter::Rate(window) => window.encode(&mut out),
                Counter::Quota(quota) => quota.encode(&mut out),
                Counter::Concurrency => {}
            }
        }
        if let Some(credits) = &self.credits {
            credits.encode(&mut out);
        }
        self.usage.encode(&mut out);
        out
    }

    /// Reads what [`encode`](Self::encode) wrote for the same limits and credits; `None` if it is damaged.
    /// `refill`: `None` if there are no credits.
    #[allow(clippy::option_option)] // No credits, credits without a refill, with one.
    pub fn decode(
        limits: Vec<Limit>,
        refill: Option<Option<Refill>>,
        leases: Leases,
        bytes: &[u8],
    ) -> Option<Self> {
        let mut stored = Reader::new(bytes);
        if stored.number()? != STORED_FORM {
            return None;
        }
        let latest = UnixMs(stored.number()?);
        let counters = limits
            .iter()
            .map(|limit| match limit.rule {
                Rule::Rate { window_seconds, .. } => {
                    SlidingWindow::decode(window_seconds, &mut stored)
                        .map(|window| Counter::Rate(Box::new(window)))
                }
                Rule::Quota { period, .. } => {
                    Quota::decode(period, &mut stored).map(Counter::Quota)
                }
                Rule::Concurrency { .. } => Some(Counter::Concurrency),
            })
            .collect::<Option<_>>()?;
        let credits = match refill {
            Some(refill) => Some(Balance::decode(refill, &mut stored)?),
            None => None,
        };
        let usage = HourUsage::decode(&mut stored)?;
        stored.is_empty().then_some(Self {
            limits,
            counters,
            credits,
            leases,
            latest,
            usage,
        })
    }
}
