//! Credits: a balance that requests use up, and that may be filled up again each calendar period.

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limit::{MAX_COUNT, Period};
use crate::ports::UnixMs;
use crate::quota::{period_end, period_start};
use crate::stored::{Reader, put};

/// The credits a key is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Credits {
    /// What it starts with, 0 to 1,000,000,000.
    #[cfg_attr(feature = "openapi", schemars(range(max = 1_000_000_000)))]
    pub balance: u64,
    /// Whether and how it is filled up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refill: Option<Refill>,
}

/// At the start of each period a balance below `amount` becomes `amount`; what was bought beyond it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Refill {
    /// 1 to 1,000,000,000.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 1_000_000_000)))]
    pub amount: u64,
    /// Calendar period, UTC.
    pub period: Period,
}

impl Credits {
    /// Whether the numbers are in their ranges.
    pub fn in_range(&self) -> bool {
        self.balance <= MAX_COUNT
            && self
                .refill
                .is_none_or(|refill| (1..=MAX_COUNT).contains(&refill.amount))
    }
}

/// What is left of a key's credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    refill: Option<Refill>,
    /// Start of the period that was last filled up.
    filled: UnixMs,
    left: u64,
}

impl Balance {
    /// The balance that `credits` start with at `now`.
    pub fn new(credits: &Credits, now: UnixMs) -> Self {
        let filled = credits
            .refill
            .map_or(UnixMs(0), |refill| period_start(refill.period, now));
        Self {
            refill: credits.refill,
            filled,
            left: credits.balance,
        }
    }

    /// Fills up if a new period has begun. A clock that steps back fills nothing twice.
    pub fn advance(&mut self, now: UnixMs) {
        let Some(refill) = self.refill else { return };
        let start = period_start(refill.period, now);
        if start > self.filled {
            self.filled = start;
            self.left = self.left.max(refill.amount);
        }
    }

    /// What is left.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The most it holds by itself: the refill's amount, or what is left where that is more.
    pub fn full(&self) -> u64 {
        self.refill
            .map_or(self.left, |refill| self.left.max(refill.amount))
    }

    /// When it is filled up next.
    pub fn refills_at(&self) -> Option<UnixMs> {
        self.refill
            .map(|refill| period_end(refill.period, self.filled))
    }

    /// When `cost` can be paid: `Some(0)` now, `None` never by itself.
    pub fn fits_at(&self, cost: u64) -> Option<UnixMs> {
        if cost <= self.left {
            return Some(UnixMs(0));
        }
        let refill = self.refill?;
        if cost > refill.amount {
            return None;
        }
        self.refills_at()
    }

    /// Pays. The caller has checked that it fits.
    pub const fn charge(&mut self, cost: u64) {
        self.left = self.left.saturating_sub(cost);
    }

    /// Takes a payment back, or adds what was bought; never beyond [`MAX_COUNT`].
    pub fn add(&mut self, amount: u64) {
        self.left = self.left.saturating_add(amount).min(MAX_COUNT);
    }

    /// Sets what is left.
    pub fn set(&mut self, left: u64) {
        self.left = left.min(MAX_COUNT);
    }

    /// Another refill from now on; what is left stays.
    pub fn set_refill(&mut self, refill: Option<Refill>, now: UnixMs) {
        if refill != self.refill {
            self.filled = refill.map_or(UnixMs(0), |refill| period_start(refill.period, now));
            self.refill = refill;
        }
    }

    /// Its storage form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.filled.0);
        put(out, self.left);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(refill: Option<Refill>, stored: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            refill,
            filled: UnixMs(stored.number()?),
            left: stored.number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    /// A midnight, UTC.
    const NOW: UnixMs = UnixMs(1_795_392_000_000);

    fn daily(balance: u64, amount: u64) -> Balance {
        let refill = Some(Refill {
            amount,
            period: Period::Day,
        });
        Balance::new(&Credits { balance, refill }, NOW)
    }

    #[test]
    fn a_refill_fills_up_once_a_period_and_keeps_what_was_bought() {
        let mut balance = daily(3, 10);
        balance.charge(3);
        assert_eq!(balance.fits_at(1), Some(NOW.plus_ms(DAY_MS)));
        balance.advance(NOW.plus_ms(DAY_MS));
        assert_eq!(balance.left(), 10);
        balance.charge(4);
        balance.advance(NOW);
        balance.advance(NOW.plus_ms(DAY_MS + 5));
        assert_eq!(balance.left(), 6, "filled twice");
        balance.add(100);
        balance.advance(NOW.plus_ms(3 * DAY_MS));
        assert_eq!(balance.left(), 106);
    }

    #[test]
    fn without_a_refill_what_is_used_up_stays_so() {
        let mut balance = Balance::new(
            &Credits {
                balance: 1,
                refill: None,
            },
            NOW,
        );
        balance.charge(1);
        balance.advance(NOW.plus_ms(400 * DAY_MS));
        assert_eq!(balance.fits_at(1), None);
        assert_eq!(daily(0, 5).fits_at(6), None, "more than any refill");
    }

    #[test]
    fn a_balance_survives_storage() {
        let balance = daily(7, 10);
        let mut bytes = Vec::new();
        balance.encode(&mut bytes);
        let refill = balance.refill;
        let read = Balance::decode(refill, &mut Reader::new(&bytes));
        assert_eq!(read, Some(balance));
        assert_eq!(Balance::decode(refill, &mut Reader::new(&bytes[..1])), None);
    }
}
