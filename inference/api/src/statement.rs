//! What a host states to the edge: a header signed like a request of the edge to a host, over paths of its own, so
//! that neither can stand for the other.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoded;

/// A statement that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the statement is malformed")]
pub struct StatementError;

/// The header value: base64url without padding of the JSON.
pub fn encode(statement: &impl Serialize) -> String {
    encoded::encode(statement)
}

/// Reads a header value. The signature must have been verified before.
///
/// # Errors
/// It is too long, or not what is due.
pub fn decode<T: DeserializeOwned>(encoded: &str) -> Result<T, StatementError> {
    encoded::decode(encoded).map_err(|_| StatementError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heartbeat::Heartbeat;
    use crate::keeping::{Brought, Likeness, Sought};

    fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(statement: &T) {
        assert_eq!(decode::<T>(&encode(statement)).as_ref(), Ok(statement));
        for bad in ["", "*", "e30", "bnVsbA", &"A".repeat(10_000)] {
            assert_eq!(decode::<T>(bad), Err(StatementError), "{bad}");
        }
    }

    #[test]
    fn statements_survive_the_header_and_garbage_does_not() {
        let likeness = Likeness {
            account: "owner:acme".into(),
            audio: "a".repeat(64),
            parameters: "b".repeat(64),
        };
        survives(&Sought {
            likeness: likeness.clone(),
            until_ms: Some(1_790_000_000_000),
            once: None,
            listed: true,
        });
        survives(&Brought {
            id: "tr_1".into(),
            likeness,
            until_ms: None,
            key_id: "key_1".into(),
            model: "tiny.en".into(),
            name: Some("a talk.flac".into()),
            body: "c".repeat(64),
            once: None,
            listed: true,
            job: Some("job_1".into()),
        });
        survives(&Heartbeat {
            url: "https://gpu-1.example".into(),
            at_ms: 1_790_000_000_000,
            every_ms: 3_000,
            stops: true,
            load: "free=1".into(),
        });
    }
}
