//! The sliding window: at most N in any window of W, never N + 1.
//!
//! Time is cut into slices of W/60, and admissions are counted per slice. A window that ends now
//! touches at most 61 slices; the sum of all of them bounds what it holds, so the oldest slice, only
//! partly inside, counts whole. It may admit up to one slice late, never early.

use crate::ports::UnixMs;

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
    counts: [u32; RING],
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
            self.sum -= u64::from(self.counts[place]);
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
    pub fn charge(&mut self, cost: u32) {
        let place = &mut self.counts[Self::place(self.head)];
        let before = *place;
        *place = before.saturating_add(cost);
        self.sum += u64::from(*place - before);
    }

    /// When `cost` more would fit under `limit`; `None` if they never can.
    pub fn fits_at(&self, cost: u32, limit: u64) -> Option<UnixMs> {
        if u64::from(cost) > limit {
            return None;
        }
        let mut used = self.sum;
        if used + u64::from(cost) <= limit {
            return Some(UnixMs(0));
        }
        for (slice, count) in self.oldest_first() {
            used -= u64::from(count);
            if used + u64::from(cost) <= limit {
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
        let used: Vec<(u64, u32)> = self.oldest_first().collect();
        out.extend(self.head.to_le_bytes());
        // At most 61 entries, each at most 60 slices away: both fit a byte.
        out.push(u8::try_from(used.len()).unwrap_or(u8::MAX));
        for (slice, count) in used {
            out.push(u8::try_from(self.head - slice).unwrap_or(u8::MAX));
            out.extend(count.to_le_bytes());
        }
    }

    /// Reads what [`encode`](Self::encode) wrote for a window of the same length.
    pub fn decode(window_seconds: u32, bytes: &mut &[u8]) -> Option<Self> {
        let mut window = Self::new(window_seconds);
        window.head = u64::from_le_bytes(take(bytes)?);
        let [entries] = take::<1>(bytes)?;
        for _ in 0..entries {
            let [distance] = take::<1>(bytes)?;
            let count = u32::from_le_bytes(take(bytes)?);
            if usize::from(distance) >= RING {
                return None;
            }
            let slice = window.head.checked_sub(u64::from(distance))?;
            window.counts[Self::place(slice)] = count;
            window.sum += u64::from(count);
        }
        Some(window)
    }

    fn oldest_first(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
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

/// The next `N` bytes of a stored form.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
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
            assert_eq!(
                SlidingWindow::decode(60, &mut bytes.as_slice()),
                Some(window.clone())
            );
        }
    }

    #[test]
    fn damaged_storage_is_noticed_not_trusted() {
        let mut window = SlidingWindow::new(60);
        admit(&mut window, 1_790_000_000_000, 1);
        let mut bytes = Vec::new();
        window.encode(&mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(SlidingWindow::decode(60, &mut &bytes[..cut]), None);
        }
        bytes[9] = 61;
        assert_eq!(SlidingWindow::decode(60, &mut bytes.as_slice()), None);
    }

    #[test]
    fn a_cost_above_the_limit_never_fits() {
        assert_eq!(SlidingWindow::new(60).fits_at(2, 1), None);
    }
}
