//! The serial number of a transcript says when it came: unix milliseconds, and a count within one. So what is newest
//! is what is greatest, in the table and in the index of words alike, and a span of time is a span of numbers.

use crate::ports::UnixMs;

/// How many numbers a millisecond has. The largest number that JavaScript holds exactly is reached in the year 2248.
pub const PER_MS: u64 = 1_024;
/// Greater than every serial number.
pub const END: u64 = 1 << 53;

/// The first number of a millisecond.
pub const fn first_of(at: UnixMs) -> u64 {
    let first = at.0.saturating_mul(PER_MS);
    if first < END { first } else { END }
}

/// When a number was given.
pub const fn time_of(serial: u64) -> UnixMs {
    UnixMs(serial / PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_of_time_and_say_it() {
        let now = UnixMs(1_790_000_000_123);
        assert_eq!(time_of(first_of(now)), now);
        assert_eq!(time_of(first_of(now) + PER_MS - 1), now);
        assert!(first_of(now) + PER_MS == first_of(now.plus_ms(1)));
        assert_eq!(first_of(UnixMs(u64::MAX)), END);
        // The last millisecond of 2247.
        assert!(first_of(UnixMs(8_772_796_800_000 - 1)) < END);
    }
}
