//! The calendar quota: at most N in each day, week or month, UTC.

use crate::civil::date;
use crate::limit::Period;
use crate::ports::UnixMs;
use crate::stored::{Reader, put};

const DAY_MS: u64 = 86_400_000;
/// 1970-01-01 was a Thursday: the first Monday is day 4.
const FIRST_MONDAY: u64 = 4;

/// Admissions of the present period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    period: Period,
    start: UnixMs,
    used: u64,
}

impl Quota {
    /// Nothing used yet.
    pub const fn new(period: Period) -> Self {
        Self {
            period,
            start: UnixMs(0),
            used: 0,
        }
    }

    /// Moves on to the period of `now`. A clock that steps back stays in the later period: no period
    /// is granted twice.
    pub fn advance(&mut self, now: UnixMs) {
        let start = period_start(self.period, now);
        if start > self.start {
            self.start = start;
            self.used = 0;
        }
    }

    /// Admissions in the present period.
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Counts `cost` admissions. The caller has checked that they fit.
    pub fn charge(&mut self, cost: u64) {
        self.used = self.used.saturating_add(cost);
    }

    /// Takes back `cost` admissions of the time `at`, if that lies in the present period.
    pub fn refund(&mut self, at: UnixMs, cost: u64) {
        if at >= self.start {
            self.used = self.used.saturating_sub(cost);
        }
    }

    /// When the present period ends.
    pub fn resets_at(&self) -> UnixMs {
        period_end(self.period, self.start)
    }

    /// Its storage form: start of the period and use.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.start.0 / DAY_MS);
        put(out, self.used);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(period: Period, stored: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            period,
            start: UnixMs(stored.number()?.checked_mul(DAY_MS)?),
            used: stored.number()?,
        })
    }
}

/// The first instant of the period that holds `now`.
pub(crate) fn period_start(period: Period, now: UnixMs) -> UnixMs {
    let day = now.0 / DAY_MS;
    let first = match period {
        Period::Day => day,
        // The days before the first Monday make a short first week.
        Period::Week => day
            .checked_sub(FIRST_MONDAY)
            .map_or(0, |since| FIRST_MONDAY + since / 7 * 7),
        Period::Month => day - (date(day).2 - 1),
    };
    UnixMs(first * DAY_MS)
}

/// The first instant after the period that starts at `start`.
pub(crate) fn period_end(period: Period, start: UnixMs) -> UnixMs {
    let day = start.0 / DAY_MS;
    let next = match period {
        Period::Day => day + 1,
        Period::Week if day < FIRST_MONDAY => FIRST_MONDAY,
        Period::Week => day + 7,
        // 31 days on lie in the next month, whichever month this is.
        Period::Month => (day + 31) - (date(day + 31).2 - 1),
    };
    UnixMs(next * DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Unix milliseconds of UTC instants, from `date -u -d … +%s`.
    const FEB_29_2024: u64 = 1_709_164_800_000;
    const MAR_01_2024: u64 = 1_709_251_200_000;
    const FEB_01_2024: u64 = 1_706_745_600_000;
    const JAN_01_2027: u64 = 1_798_761_600_000;
    const DEC_01_2026: u64 = 1_796_083_200_000;
    /// 2026-11-23 was a Monday.
    const MONDAY: u64 = 1_795_392_000_000;

    #[test]
    fn periods_start_and_end_at_utc_midnight_monday_and_the_first() {
        for (period, now, start, end) in [
            (Period::Day, MONDAY + 1, MONDAY, MONDAY + DAY_MS),
            (Period::Week, MONDAY, MONDAY, MONDAY + 7 * DAY_MS),
            (Period::Week, MONDAY - 1, MONDAY - 7 * DAY_MS, MONDAY),
            (Period::Month, FEB_29_2024 + 5, FEB_01_2024, MAR_01_2024),
            (Period::Month, JAN_01_2027 - 1, DEC_01_2026, JAN_01_2027),
        ] {
            assert_eq!(
                period_start(period, UnixMs(now)),
                UnixMs(start),
                "{period:?} {now}"
            );
            assert_eq!(
                period_end(period, UnixMs(start)),
                UnixMs(end),
                "{period:?} {start}"
            );
        }
    }

    #[test]
    fn every_day_of_two_centuries_lies_in_its_month() {
        let lengths = |leap: bool| {
            [
                31,
                if leap { 29 } else { 28 },
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ]
        };
        let mut day = 0;
        for year in 1970..2170_u64 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for length in lengths(leap) {
                let start = UnixMs(day * DAY_MS);
                for of_month in 1..=length {
                    assert_eq!(date(day).2, of_month);
                    assert_eq!(period_start(Period::Month, UnixMs(day * DAY_MS)), start);
                    day += 1;
                }
                assert_eq!(period_end(Period::Month, start), UnixMs(day * DAY_MS));
            }
        }
    }

    #[test]
    fn a_new_period_grants_again_and_a_clock_stepping_back_does_not() {
        let mut quota = Quota::new(Period::Day);
        quota.advance(UnixMs(MONDAY));
        quota.charge(3);
        quota.advance(UnixMs(MONDAY - 1));
        assert_eq!(quota.used(), 3);
        quota.advance(quota.resets_at());
        assert_eq!(quota.used(), 0);
        quota.charge(1);
        quota.advance(UnixMs(MONDAY));
        assert_eq!(quota.used(), 1);
    }

    #[test]
    fn a_refund_goes_to_the_period_that_was_charged() {
        let mut quota = Quota::new(Period::Day);
        quota.advance(UnixMs(MONDAY));
        quota.charge(3);
        quota.refund(UnixMs(MONDAY), 1);
        assert_eq!(quota.used(), 2);
        quota.advance(UnixMs(MONDAY + DAY_MS));
        quota.charge(3);
        quota.refund(UnixMs(MONDAY), 1);
        assert_eq!(quota.used(), 3);
    }

    #[test]
    fn a_quota_survives_storage() {
        let mut quota = Quota::new(Period::Month);
        quota.advance(UnixMs(MONDAY));
        quota.charge(3);
        let mut bytes = Vec::new();
        quota.encode(&mut bytes);
        let read = |bytes| Quota::decode(Period::Month, &mut Reader::new(bytes));
        assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        assert_eq!(read(&bytes), Some(quota));
    }
}
