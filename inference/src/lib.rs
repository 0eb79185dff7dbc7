//! The native inference service: audio over HTTP in, transcripts out, Whisper behind.
//!
//! The way of a request: [`server`] accepts the connection; `auth` checks the edge's signature;
//! `admission` gives a permit before the body is read; `upload` spools the body under bounds and
//! `form` reads its fields; the audio is decoded by the crate `inference-audio`; `queue` and `pool`
//! run it on a session of a [`backend`], of a model that `models` has in memory; the answer is rendered by the crate `inference-api` and
//! carries the permit to its last byte. Whoever leaves on the way frees everything that was held. `jobs` go the same way
//! from their files on, and nobody waits for them.

mod admission;
mod auth;
pub mod backend;
pub mod bench;
pub mod config;
pub mod device;
pub mod doctor;
mod error;
mod form;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod hearing;
mod heartbeat;
mod jobs;
mod keeping;
mod models;
mod pool;
mod queue;
mod realtime;
mod registry;
mod routes;
mod scheduler;
pub mod server;
mod service;
mod spool;
pub mod telemetry;
mod ticket;
mod upload;

pub use error::{Error, Kind};
