//! The sliding window: at most N in any window of W, never N + 1.
//!
//! Time is cut into slices of W/60, and admissions are counted per slice. A window that ends now
//! touches at most 61 slices; the sum of all of them bounds what it holds, so the oldest slice, only
//! partly inside, counts whole. It may admit up to one slice late, never early.

use crate::ports::UnixMs;
use crate::stored::{Reader, put};

/// Slices of one window.
const SLICES: u64 = 60;
/// Slices that a window at any alignment touches.
const RING: usize = 61;
const _: () = assert!(RING as u64 == SLICES + 1);

/// Admissions of the last window, per slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlidingWindow {
    slice_ms: u64,
    /// Index of the newest slice counted, since the epoch.
    head: u64,
    /// `counts[i % RING]` belongs to slice `i`, for the `RING` slices up to `head`.
    counts: [u64; RING],
    sum: u64,
}

impl SlidingWindow {
    /// An empty window of `window_seconds` (at least 1).
    pub fn new(window_seconds: u32) -> Self {
        Self {
            // Rounded up: the 60 slices together are never shorter than the window.
            slice_ms: (u64::from(window_seconds) * 1000).div_ceil(SLICES).max(1),
            head: 0,
            counts: [0; RING],
            sum: 0,
        }
    }

    /// Moves on to `now`: slices that have left the window are forgotten. A clock that steps back
    /// changes nothing: what is counted stays counted until the time it was counted at has passed.
    pub fn advance(&mut self, now: UnixMs) {
        let slice = now.0 / self.slice_ms;
        if slice <= self.head {
            return;
        }
        let gone = (slice - self.head).min(RING as u64);
        for step in 1..=gone {
            let place = Self::place(self.head + step);
            self.sum -= self.counts[place];
            self.counts[place] = 0;
        }
        // After a jump past the whole ring every place was cleared above.
        self.head = slice;
    }

    /// Admissions in the window that ends now, counted conservatively.
    pub const fn used(&self) -> u64 {
        self.sum
    }

    /// Counts `cost` admissions at the present slice. The caller has checked that they fit.
    pub fn charge(&mut self, cost: u64) {
        // Both bounded: costs and audio are, and a window lasts at most 31 days.
        self.counts[Self::place(self.head)] += cost;
        self.sum += cost;
    }

    /// Takes back `cost` admissions of the time `at`, if that is still in the window.
    pub fn refund(&mut self, at: UnixMs, cost: u64) {
        let slice = at.0 / self.slice_ms;
        if slice <= self.head && self.head - slice < RING as u64 {
            let count = &mut self.counts[Self::place(slice)];
            let back = cost.min(*count);
            *count -= back;
            self.sum -= back;
        }
    }

    /// The same admissions seen through a window of another length. Each counts as of the end of its
    /// slice, so that none leaves the new window too early. What had left the old one stays forgotten.
    #[must_use]
    pub fn with_window(&self, window_seconds: u32) -> Self {
        let mut other = Self::new(window_seconds);
        if other.slice_ms == self.slice_ms {
            return self.clone();
        }
        for (slice, count) in self.oldest_first() {
            other.advance(UnixMs((slice + 1) * self.slice_ms - 1));
            other.charge(count);
        }
        other
    }

    /// When the present slice ends: what is charged now is as good as charged until then.
    pub const fn slice_ends_at(&self) -> UnixMs {
        UnixMs((self.head + 1) * self.slice_ms)
    }

    /// When `cost` more would fit under `limit`; `None` if they never can.
    pub fn fits_at(&self, cost: u64, limit: u64) -> Option<UnixMs> {
        if cost > limit {
            return None;
        }
        let mut used = self.sum;
        if used + cost <= limit {
            return Some(UnixMs(0));
        }
        for (slice, count) in self.oldest_first() {
            used -= count;
            if used + cost <= limit {
                return Some(self.leaves_at(slice));
            }
        }
        None
    }

    /// When the oldest admission leaves the window; `None` if it is empty.
    pub fn frees_at(&self) -> Option<UnixMs> {
        let (slice, _) = self.oldest_first().next()?;
        Some(self.leaves_at(slice))
    }

    /// Its storage form: newest slice, then distance from it and count of each slice that has any.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.head);
        put(out, self.oldest_first().count() as u64);
        for (slice, count) in self.oldest_first() {
            put(out, self.head - slice);
            put(out, count);
        }
    }

    /// Reads what [`encode`](Self::encode) wrote for a window of the same length.
    pub fn decode(window_seconds: u32, stored: &mut Reader<'_>) -> Option<Self> {
        let mut window = Self::new(window_seconds);
        window.head = stored.number()?;
        let entries = stored.number()?;
        if entries > RING as u64 {
            return None;
        }
        for _ in 0..entries {
            let distance = stored.number().filter(|d| *d < RING as u64)?;
            let count = stored.number()?;
            let slice = window.head.checked_sub(distance)?;
            window.counts[Self::place(slice)] = count;
            window.sum = window.sum.checked_add(count)?;
        }
        Some(window)
    }

    fn oldest_first(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        (self.head.saturating_sub(SLICES)..=self.head)
            .map(|slice| (slice, self.counts[Self::place(slice)]))
            .filter(|&(_, count)| count > 0)
    }

    const fn leaves_at(&self, slice: u64) -> UnixMs {
        UnixMs((slice + RING as u64) * self.slice_ms)
    }

    #[allow(clippy::cast_possible_truncation)] // A remainder below 61.
    const fn place(slice: u64) -> usize {
        (slice % RING as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRng;

    fn admit(window: &mut SlidingWindow, now: u64, limit: u64) -> bool {
        window.advance(UnixMs(now));
        let fits = window.used() < limit;
        if fits {
            window.charge(1);
        }
        fits
    }

    /// The rule itself, slow and plain: the most admissions in any window of `width` ms.
    fn most_in_any_window(times: &[u64], width: u64) -> usize {
        let mut most = 0;
        let mut start = 0;
        for end in 0..times.len() {
            while times[end] - times[start] >= width {
                start += 1;
            }
            most = most.max(end - start + 1);
        }
        most
    }

    #[test]
    fn no_window_at_any_alignment_holds_more_than_the_limit() {
        let mut rng = SeededRng::new(7);
        for window_seconds in [1, 7, 60, 3600] {
            let width = u64::from(window_seconds) * 1000;
            for limit in [1, 3, 100] {
                for load_percent in [50, 90, 100, 150, 200, 1000] {
                    let mut window = SlidingWindow::new(window_seconds);
                    let mean_gap = (width * 100 / (limit * load_percent)).max(1);
                    let mut now = 1_790_000_000_000 + rng.below(width);
                    let mut admitted = Vec::new();
                    for _ in 0..4_000 {
                        now += rng.below(2 * mean_gap + 1);
                        if admit(&mut window, now, limit) {
                            admitted.push(now);
                        }
                    }
                    let most = most_in_any_window(&admitted, width);
                    assert!(most as u64 <= limit, "{most} of {limit} in {width} ms");
                }
            }
        }
    }

    #[test]
    fn what_left_the_window_is_admitted_again_at_most_one_slice_late() {
        for window_seconds in [1, 7, 60, 86_400] {
            let width = u64::from(window_seconds) * 1000;
            let slice = width.div_ceil(60);
            for start in [0, 1, slice - 1, slice, 12_345_678] {
                let mut window = SlidingWindow::new(window_seconds);
                assert!(admit(&mut window, start, 1));
                assert!(!admit(&mut window, start + width - 1, 1));
                let at = window.fits_at(1, 1).unwrap();
                assert!(!admit(&mut window.clone(), at.0 - 1, 1));
                assert!(
                    at.0 <= start + width + slice + 60,
                    "{window_seconds} {start} {at:?}"
                );
                assert!(admit(&mut window, at.0, 1));
            }
        }
    }

    #[test]
    fn a_clock_that_steps_back_frees_nothing() {
        let mut window = SlidingWindow::new(60);
        assert!(admit(&mut window, 1_000_000, 1));
        for now in [999_999, 500_000, 0, 1_000_001] {
            assert!(!admit(&mut window, now, 1), "{now}");
        }
    }

    #[test]
    fn a_window_survives_storage() {
        let mut rng = SeededRng::new(9);
        let mut window = SlidingWindow::new(60);
        let mut now = 1_790_000_000_000;
        for _ in 0..500 {
            now += rng.below(5_000);
            admit(&mut window, now, 30);
            let mut bytes = Vec::new();
            window.encode(&mut bytes);
            let mut stored = Reader::new(&bytes);
            let read = SlidingWindow::decode(60, &mut stored);
            assert_eq!(read, Some(window.clone()));
            assert!(stored.is_empty());
        }
    }

    #[test]
    fn damaged_storage_is_noticed_not_trusted() {
        let mut window = SlidingWindow::new(60);
        admit(&mut window, 1_790_000_000_000, 1);
        let mut bytes = Vec::new();
        window.encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(
                SlidingWindow::decode(60, &mut Reader::new(&bytes[..cut])),
                None
            );
        }
        let distance = bytes.len() - 2;
        bytes[distance] = 61;
        assert_eq!(SlidingWindow::decode(60, &mut Reader::new(&bytes)), None);
    }

    #[test]
    fn what_is_taken_back_is_free_again_and_only_once() {
        let mut window = SlidingWindow::new(60);
        let at = 1_790_000_000_000;
        assert!(admit(&mut window, at, 1));
        assert!(!admit(&mut window, at + 5_000, 1));
        window.refund(UnixMs(at), 1);
        window.refund(UnixMs(at), 1);
        assert_eq!(window.used(), 0);
        assert!(admit(&mut window, at + 5_000, 1));
        // Long out of the window, or not yet in it: nothing to take back.
        window.refund(UnixMs(at - 120_000), 1);
        window.refund(UnixMs(at + 120_000), 1);
        assert_eq!(window.used(), 1);
    }

    #[test]
    fn a_window_made_shorter_or_longer_forgets_nothing_it_could_still_hold() {
        let mut rng = SeededRng::new(3);
        for (old, new) in [(60, 1), (1, 60), (60, 3600), (3600, 60), (7, 11)] {
            let mut window = SlidingWindow::new(old);
            let mut now = 1_790_000_000_000;
            let mut admitted = Vec::new();
            for _ in 0..200 {
                now += rng.below(u64::from(old) * 20);
                if admit(&mut window, now, 1_000) {
                    admitted.push(now);
                }
            }
            let mut changed = window.with_window(new);
            changed.advance(UnixMs(now));
            let kept = u64::from(old.min(new)) * 1000;
            let inside = admitted.iter().filter(|at| now - **at < kept).count();
            assert!(changed.used() >= inside as u64, "{old} {new}");
        }
    }

    #[test]
    fn a_cost_above_the_limit_never_fits() {
        assert_eq!(SlidingWindow::new(60).fits_at(2, 1), None);
    }
}
