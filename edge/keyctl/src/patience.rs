//! What may pass is waited for, and asked again: a limit that is reached, a host that is busy, a
//! connection that broke. Only calls may be asked again that have their effect once at most.

use std::time::Duration;

use edge_core::ports::Rng;

use crate::error::Error;
use crate::rng::SystemRng;
use crate::table::printable;

/// How often in all one call waits for its turn.
const MAX_WAITS: u32 = 6;
/// Longest time that a call waits for its turn, each time; what takes longer is a quota of a day or month.
const MAX_WAIT: Duration = Duration::from_mins(10);
/// How often a call that failed is made again.
const MAX_REPEATS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pauses, each three times as long as the one before, and up to a half shorter by chance, so that
/// many who failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: FIRST_PAUSE }
    }
}

impl Pauses {
    /// The next one.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let pause = self.next;
        self.next = (pause * 3).min(LONGEST_PAUSE);
        let mut chance = [0];
        // Without chance it is the whole pause.
        match rng.fill(&mut chance) {
            Ok(()) => pause * (512 - u32::from(chance[0])) / 512,
            Err(_) => pause,
        }
    }
}

/// What is left of one call's patience.
#[derive(Debug, Default)]
struct Patience {
    waits: u32,
    repeats: u32,
    pauses: Pauses,
}

impl Patience {
    /// How long to wait before the call is made again; `None` where that is no use.
    fn after(&mut self, error: &Error, rng: &mut impl Rng) -> Option<Duration> {
        if let Some(refusal) = error.turns_away() {
            self.waits += 1;
            let told = refusal.retry_after.map(Duration::from_secs);
            let wait = told.unwrap_or_else(|| self.pauses.next(rng));
            (self.waits <= MAX_WAITS && wait <= MAX_WAIT).then_some(wait)
        } else if error.may_pass() {
            self.repeats += 1;
            (self.repeats <= MAX_REPEATS).then(|| self.pauses.next(rng))
        } else {
            None
        }
    }
}

/// Asks, and asks again what may pass. `tell` is told of each wait.
pub(crate) fn patiently<T>(
    tell: &dyn Fn(&str),
    mut ask: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut patience = Patience::default();
    loop {
        let error = match ask() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(wait) = patience.after(&error, &mut SystemRng) else {
            return Err(error);
        };
        tell(&waiting(&error, wait));
        std::thread::sleep(wait);
    }
}

fn waiting(error: &Error, wait: Duration) -> String {
    match error.turns_away() {
        Some(refusal) => {
            let code = printable(&refusal.error.code);
            // Rounded up: nobody looks at the screen too early.
            let seconds = wait.as_millis().div_ceil(1_000);
            format!("{code}: going on in {seconds} s")
        }
        None => format!("{error}; trying again"),
    }
}

#[cfg(test)]
mod tests {
    use edge_core::testing::SeededRng;
    use inference_api::envelope::{ErrorBody, ErrorType};

    use super::*;
    use crate::error::Refusal;

    fn refused(status: u16, retry_after: Option<u64>) -> Error {
        Error::Refused(Box::new(Refusal {
            status,
            error: ErrorBody {
                message: "m".to_owned(),
                r#type: ErrorType::RateLimitError,
                param: None,
                code: "rate_limit_exceeded".to_owned(),
            },
            request_id: None,
            retry_after,
            json: String::new(),
        }))
    }

    fn waits(error: &Error) -> Vec<Duration> {
        let (mut patience, mut rng) = (Patience::default(), SeededRng::new(1));
        std::iter::from_fn(|| patience.after(error, &mut rng)).collect()
    }

    #[test]
    fn whoever_is_turned_away_comes_back_when_he_is_told_a_few_times() {
        for status in [429, 503] {
            assert_eq!(
                waits(&refused(status, Some(7))),
                [Duration::from_secs(7); 6]
            );
            assert_eq!(waits(&refused(status, Some(0))), [Duration::ZERO; 6]);
        }
        assert_eq!(waits(&refused(429, None)).len(), 6);
    }

    #[test]
    fn what_takes_too_long_is_not_waited_for() {
        assert_eq!(waits(&refused(429, Some(601))), []);
        assert_eq!(waits(&refused(429, Some(u64::MAX))), []);
    }

    #[test]
    fn what_broke_is_tried_again_after_growing_pauses_and_what_is_wrong_never() {
        let broken = waits(&refused(502, None));
        assert_eq!(broken.len(), 3);
        assert!(
            broken.is_sorted() && broken[2] < Duration::from_secs(3),
            "{broken:?}"
        );
        assert_eq!(waits(&refused(400, None)), []);
        assert_eq!(waits(&refused(404, Some(1))), []);
        assert_eq!(waits(&Error::Usage(String::new())), []);
    }

    #[test]
    fn pauses_grow_to_a_bound_and_differ_by_chance() {
        let mut rng = SeededRng::new(2);
        let mut pauses = Pauses::default();
        let all: Vec<Duration> = (0..20).map(|_| pauses.next(&mut rng)).collect();
        let mut bound = FIRST_PAUSE;
        for pause in all {
            assert!(pause >= bound / 2 && pause <= bound);
            bound = (bound * 3).min(LONGEST_PAUSE);
        }
    }

    #[test]
    fn a_wait_says_why_and_for_how_long() {
        let words = waiting(&refused(429, None), Duration::from_millis(1_200));
        assert_eq!(words, "rate_limit_exceeded: going on in 2 s");
    }
}
