//! The service as its callers meet it: over HTTP, in this process, on a port of the system's choice.
//!
//! Where speech is transcribed it is with a real model (`WHISPER_MODELS_DIR`, or the cache that the
//! project's set-up fills; the tests fail without it). Where order and time matter a fake one stands
//! in, whose runs last as long as the test says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, its helper functions too"
)]

mod bad_input;
mod bench;
mod client;
mod doctor;
mod edge;
mod frames;
mod golden;
mod jobs;
mod keeping;
mod leaving;
mod load;
mod models;
mod process;
mod realtime;
mod signature;
mod signing;
mod slow;
mod speech;
mod support;
mod traces;
mod wav;
