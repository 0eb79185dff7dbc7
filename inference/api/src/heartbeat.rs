//! What a host says of itself to the edge, every few seconds and whenever it changes.
//!
//! A `POST` to [`PATH`] without a body. The statement stands in `x-edge-claims`, signed like a request of the
//! edge to a host, over another path: neither can stand for the other.

use serde::{Deserialize, Serialize};

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
