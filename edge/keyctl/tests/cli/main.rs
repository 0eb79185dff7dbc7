//! The real program against a server that answers by the edge's own rules, and against servers that
//! answer anything else.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers of a test may fail as the test does.

mod connection;
mod hostile_answers;
mod keys;
mod program;
mod root_key;
mod server;
