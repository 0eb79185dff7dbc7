//! What an attempt means for its delivery.

use serde::Serialize;

use super::schedule::pause_ms;
use super::views::DeliveryState;
use crate::ports::{Rng, UnixMs};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The receiver answered with this status.
    Answered(u16),
    /// It did not answer; why.
    Failed(&'a str),
}

/// What becomes of the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict<'a> {
    /// How it stands now.
    pub state: DeliveryState,
    /// When it is sent again, in unix milliseconds.
    pub next: Option<u64>,
    /// What was wrong, if something was.
    pub error: Option<&'a str>,
    /// Whether its receiver wants nothing more, ever.
    pub gone: bool,
}

/// Judges an attempt: the `made`th. A status of 2xx is a yes, 410 the end of the webhook, a redirect is followed by
/// nobody; everything else is tried again as long as `pauses` says.
pub fn judge<'a>(
    outcome: Outcome<'a>,
    pauses: &[u32],
    made: u32,
    asked_ms: Option<u64>,
    now: UnixMs,
    rng: &mut impl Rng,
) -> Verdict<'a> {
    let error = match outcome {
        Outcome::Answered(200..=299) => {
            return Verdict {
                state: DeliveryState::Delivered,
                next: None,
                error: None,
                gone: false,
            };
        }
        Outcome::Answered(410) => "gone",
        Outcome::Answered(300..=399) => "redirect",
        Outcome::Answered(_) => "status",
        Outcome::Failed(error) => error,
    };
    let gone = outcome == Outcome::Answered(410);
    let pause = pause_ms(pauses, made, asked_ms, rng).filter(|_| !gone);
    Verdict {
        state: match pause {
            Some(_) => DeliveryState::Pending,
            None => DeliveryState::Failed,
        },
        next: pause.map(|pause| now.plus_ms(pause).0),
        error: Some(error),
        gone,
    }
}
