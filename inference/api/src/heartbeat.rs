//! What a host says of itself to the edge, every few seconds and whenever it changes.
//!
//! A `POST` to [`PATH`] without a body. The statement stands in `x-edge-claims`, signed like a request of the
//! edge to a host, over another path: neither can stand for the other.

use serde::{Deserialize, Serialize};

use crate::encoded;

/// Where the edge takes heartbeats.
pub const PATH: &str = "/fleet/heartbeat";

/// How many beats a host may miss before it is forgotten.
pub const MISSED_BEATS: u32 = 3;

/// Shortest and longest time between two beats, in milliseconds.
pub const EVERY_MS: std::ops::RangeInclusive<u32> = 200..=60_000;

/// One beat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The host's origin, as the edge reaches it: `https://gpu-1.example`.
    pub url: String,
    /// When it was sent, in unix milliseconds: later than any before it, or it is refused.
    #[serde(rename = "at")]
    pub at_ms: u64,
    /// When the next one is due at the latest, in milliseconds.
    #[serde(rename = "every")]
    pub every_ms: u32,
    /// Whether it is the last one: the host ends.
    #[serde(rename = "stops", default)]
    pub stops: bool,
    /// How full the host is: [`crate::load::Load`] as its header.
    pub load: String,
}

/// The statement is too long, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the heartbeat is malformed")]
pub struct HeartbeatError;

impl Heartbeat {
    /// The header value: base64url without padding of the JSON.
    pub fn encode(&self) -> String {
        encoded::encode(self)
    }

    /// Reads a header value. The signature must have been verified before.
    pub fn decode(encoded: &str) -> Result<Self, HeartbeatError> {
        encoded::decode(encoded).map_err(|_| HeartbeatError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_survives_the_header_and_garbage_does_not() {
        let beat = Heartbeat {
            url: "https://gpu-1.example".into(),
            at_ms: 1_790_000_000_000,
            every_ms: 3_000,
            stops: true,
            load: "free=1".into(),
        };
        assert_eq!(Heartbeat::decode(&beat.encode()), Ok(beat));
        for bad in ["", "*", "e30", "bnVsbA", &"A".repeat(10_000)] {
            assert_eq!(Heartbeat::decode(bad), Err(HeartbeatError), "{bad}");
        }
    }
}
