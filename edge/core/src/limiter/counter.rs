//! What one limit has counted.

use crate::limit::Rule;
use crate::ports::UnixMs;
use crate::quota::Quota;
use crate::rate_limit::SlidingWindow;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    // Boxed: it is ten times the size of a quota.
    Rate(Box<SlidingWindow>),
    Quota(Quota),
    /// Counted by the leases.
    Concurrency,
}

impl Counter {
    pub(super) fn new(rule: Rule) -> Self {
        match rule {
            Rule::Rate { window_seconds, .. } => {
                Self::Rate(Box::new(SlidingWindow::new(window_seconds)))
            }
            Rule::Quota { period, .. } => Self::Quota(Quota::new(period)),
            Rule::Concurrency { .. } => Self::Concurrency,
        }
    }

    pub(super) fn advance(&mut self, now: UnixMs) {
        match self {
            Self::Rate(window) => window.advance(now),
            Self::Quota(quota) => quota.advance(now),
            Self::Concurrency => {}
        }
    }

    /// `Some(0)`: it fits now.
    pub(super) fn fits_at(&self, cost: u64, limit: u64) -> Option<UnixMs> {
        match self {
            Self::Rate(window) => window.fits_at(cost, limit),
            Self::Quota(_) if cost > limit => None,
            Self::Quota(quota) if quota.used() + cost <= limit => Some(UnixMs(0)),
            Self::Quota(quota) => Some(quota.resets_at()),
            Self::Concurrency => Some(UnixMs(0)),
        }
    }

    pub(super) fn frees_at(&self) -> Option<UnixMs> {
        match self {
            Self::Rate(window) => window.frees_at(),
            Self::Quota(quota) => Some(quota.resets_at()),
            Self::Concurrency => None,
        }
    }

    pub(super) fn charge(&mut self, cost: u64) {
        match self {
            Self::Rate(window) => window.charge(cost),
            Self::Quota(quota) => quota.charge(cost),
            Self::Concurrency => {}
        }
    }

    pub(super) fn refund(&mut self, at: UnixMs, cost: u64) {
        match self {
            Self::Rate(window) => window.refund(at, cost),
            Self::Quota(quota) => quota.refund(at, cost),
            Self::Concurrency => {}
        }
    }
}
