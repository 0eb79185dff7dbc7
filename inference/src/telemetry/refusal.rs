//! Why a request that might have been served was not: the label of `refused_total`.

use crate::ticket::Measured;

/// What is to be done about it differs: more hosts, a faster model, another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Every permit was taken, or there was no room for its file.
    Overloaded,
    /// The service was shutting down.
    Draining,
    /// Its deadline passed before a state took its first piece.
    QueueDeadline,
    /// Its deadline passed while it was transcribed.
    RunDeadline,
    /// Its sender stalled, or had to make room for another.
    Stalled,
    /// Its sender left before the answer's end.
    CallerGone,
    /// Its signature was missing, wrong, stale or seen before.
    Distrusted,
}

impl Refusal {
    pub(super) const ALL: [Self; 7] = [
        Self::Overloaded,
        Self::Draining,
        Self::QueueDeadline,
        Self::RunDeadline,
        Self::Stalled,
        Self::CallerGone,
        Self::Distrusted,
    ];

    /// Of a request that ended with this code; none of one that was served, or was wrong in itself.
    pub(super) fn of(code: &str, measured: &Measured) -> Option<Self> {
        Some(match code {
            "queue_full" | "storage_full" => Self::Overloaded,
            "shutting_down" => Self::Draining,
            "deadline_exceeded" if measured.waited.is_none() => Self::QueueDeadline,
            "deadline_exceeded" => Self::RunDeadline,
            "request_timeout" => Self::Stalled,
            "client_closed" => Self::CallerGone,
            "invalid_signature" | "replayed_request" => Self::Distrusted,
            _ => return None,
        })
    }

    /// The label's value.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Draining => "draining",
            Self::QueueDeadline => "queue_deadline",
            Self::RunDeadline => "run_deadline",
            Self::Stalled => "stalled",
            Self::CallerGone => "caller_gone",
            Self::Distrusted => "distrusted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_deadline_in_the_queue_is_not_one_in_the_model() {
        let waiting = Measured::default();
        let running = Measured {
            waited: Some(Duration::ZERO),
            ..waiting
        };
        let of = |measured| Refusal::of("deadline_exceeded", &measured);
        assert_eq!(of(waiting), Some(Refusal::QueueDeadline));
        assert_eq!(of(running), Some(Refusal::RunDeadline));
        assert_eq!(Refusal::of("ok", &running), None);
        assert_eq!(Refusal::of("invalid_audio", &running), None);
    }

    #[test]
    fn every_reason_has_a_code_of_the_service() {
        let codes = crate::Error::ALL_CODES.map(|(code, _)| code);
        let measured = [
            Measured::default(),
            Measured {
                waited: Some(Duration::ZERO),
                ..Measured::default()
            },
        ];
        let known = codes.into_iter().chain(["client_closed"]);
        let known: Vec<_> = known
            .flat_map(|code| measured.map(|m| Refusal::of(code, &m)))
            .collect();
        for refusal in Refusal::ALL {
            assert!(known.contains(&Some(refusal)), "{refusal:?}");
        }
    }
}
