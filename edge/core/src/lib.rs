//! The rules of whisper-edge: keys, verdicts, limits, errors. No I/O, no clock.
//!
//! The Worker's shell (`edge/src`) brings the clock, randomness and storage through the traits of
//! [`ports`]; everything that decides stands here and is tested natively.

pub mod admin;
pub mod admission;
pub mod api_key;
pub mod change;
mod civil;
pub mod config;
pub mod credits;
pub mod error;
pub mod headers;
pub mod heartbeat;
mod html;
pub mod idempotency;
pub mod jobs;
pub mod key_cache;
pub mod key_record;
pub mod key_state;
pub mod lease;
pub mod limit;
pub mod limiter;
pub mod on_the_way;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod paging;
pub mod plan;
pub mod portal;
pub mod ports;
pub mod quota;
pub mod rate_limit;
pub mod scope;
pub mod statement;
pub mod stored;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transcripts;
pub mod upstream;
pub mod usage;
pub mod usage_report;
pub mod verify;
pub mod webhooks;
