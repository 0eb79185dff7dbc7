//! When what could not be delivered is sent again: after pauses that grow, so that a receiver that is down for a minute
//! hears of it within minutes, and one that is down for the night in the morning.

use crate::ports::Rng;

/// Longest pause that a receiver may ask for by `Retry-After`, in milliseconds: a day.
pub const MAX_RETRY_AFTER_MS: u64 = 86_400_000;

/// The pause before the next attempt, in milliseconds; none: there is no other.
///
/// `pauses`: the setting, in seconds; `made`: attempts so far, at least one; `asked_ms`: what the receiver asked for. A
/// tenth more or less is left to chance: what failed together does not come again together.
pub fn pause_ms(
    pauses: &[u32],
    made: u32,
    asked_ms: Option<u64>,
    rng: &mut impl Rng,
) -> Option<u64> {
    let pause = pauses.get(made.checked_sub(1)? as usize)?;
    let pause = u64::from(*pause) * 1000;
    let mut chance = [0; 2];
    // Without randomness it comes in the middle.
    let chance = match rng.fill(&mut chance) {
        Ok(()) => u64::from(u16::from_le_bytes(chance)),
        Err(_) => u64::from(u16::MAX / 2),
    };
    let pause = pause - pause / 10 + pause / 5 * chance / u64::from(u16::MAX);
    Some(pause.max(asked_ms.unwrap_or_default().min(MAX_RETRY_AFTER_MS)))
}
