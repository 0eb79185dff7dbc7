//! Wire types, transcript renderers, error envelope and the edge to inference signature.
//!
//! Both halves of whisper-edge speak through this crate: the Worker (compiled to wasm) signs what
//! the service verifies, and both answer errors in one envelope. It has no I/O and no clock.

pub mod address;
pub mod claims;
mod encoded;
pub mod envelope;
pub mod headers;
pub mod heartbeat;
pub mod job;
pub mod keeping;
pub mod language;
pub mod load;
pub mod model;
pub mod origin;
pub mod render;
pub mod signature;
pub mod statement;
pub mod transcript;
