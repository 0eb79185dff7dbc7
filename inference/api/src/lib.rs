//! Wire types, transcript renderers, error envelope and the edge to inference signature.
//!
//! Both halves of whisper-edge speak through this crate: the Worker (compiled to wasm) signs what
//! the service verifies, and both answer errors in one envelope. It has no I/O and no clock.

pub mod claims;
pub mod envelope;
pub mod headers;
pub mod signature;
