//! Requests with an `Idempotency-Key`: for a day the same one is answered with what the first was answered, without
//! being heard again, and another one under the same key is refused.
//!
//! The edge never sees the body. It gives the host the mark of the request, the host says what the request is, and
//! both are compared where they are kept.

use inference_api::keeping::{Once, Sought};
use serde::Deserialize;

use super::account_hash;
use crate::error::EdgeError;

/// How long the same request is answered alike, from the first answer on, in milliseconds.
pub const ANSWER_MS: u64 = 86_400_000;

/// Where the long answers of an account stand in the bucket.
pub fn answer_folder(account: &str) -> String {
    format!("answers/{}/", account_hash(account))
}

/// Where a long answer stands in the bucket. It bears its transcript's id, not its mark: of two requests at once under
/// one mark both may write theirs before one of them is known to be first.
pub fn answer_place(account: &str, id: &str) -> String {
    format!("{}{id}.json", answer_folder(account))
}

/// What answered the first request with a mark, as the database has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Answered {
    /// What that request was.
    pub request: String,
    /// The transcript's id.
    pub id: String,
    /// Whether that is one of the account's (1); else it is kept for this alone.
    pub listed: u8,
    /// The canonical form; none: too long for a row, it stands in the bucket.
    pub body: Option<String>,
}

impl Answered {
    /// Holds it against a request with the same mark. Whether the transcript is to be kept is a part of what was asked.
    ///
    /// # Errors
    /// It answered another one.
    pub fn answers(&self, once: &Once, sought: &Sought) -> Result<(), EdgeError> {
        if self.request == once.request && (self.listed != 0) == sought.listed {
            Ok(())
        } else {
            Err(EdgeError::IdempotencyKeyReused)
        }
    }
}

#[cfg(test)]
mod tests {
    use inference_api::keeping::Likeness;

    use super::*;

    #[test]
    fn an_answer_is_for_the_same_request_alone() {
        let answered = |listed| Answered {
            request: "r".repeat(64),
            id: "tr_1".into(),
            listed,
            body: None,
        };
        let sought = |listed| Sought {
            likeness: Likeness {
                account: "owner:acme".into(),
                audio: "a".repeat(64),
                parameters: "b".repeat(64),
            },
            until_ms: None,
            once: None,
            listed,
        };
        let once = |request: &str| Once {
            key: "k".repeat(64),
            request: request.repeat(64),
        };
        assert_eq!(answered(0).answers(&once("r"), &sought(false)), Ok(()));
        assert_eq!(answered(1).answers(&once("r"), &sought(true)), Ok(()));
        for (listed, request, wanted) in [(0, "s", false), (0, "r", true), (1, "r", false)] {
            let refused = answered(listed).answers(&once(request), &sought(wanted));
            assert_eq!(refused, Err(EdgeError::IdempotencyKeyReused), "{request}");
        }
    }

    #[test]
    fn the_names_of_answers_do_not_say_whose_they_are() {
        let place = answer_place("owner:acme", "tr_1");
        assert!(place.starts_with(&answer_folder("owner:acme")));
        assert!(!place.contains("acme"));
        assert_ne!(answer_folder("owner:acme"), answer_folder("owner:rival"));
    }
}
