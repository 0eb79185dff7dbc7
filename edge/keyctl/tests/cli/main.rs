//! The real program against a server that answers by the edge's own rules, and against servers that
//! answer anything else.
#![allow(clippy::unwrap_used, clippy::panic)] // The helpers of a test may fail as the test does.

mod api;
mod audit;
mod bulk;
mod connection;
mod form;
mod gate;
mod help;
mod hostile_answers;
mod hosts;
mod job_edge;
mod jobs;
mod keys;
mod listing;
mod many;
mod owners;
mod plans;
mod program;
mod repeat;
mod root_key;
mod root_keys;
mod server;
mod stored;
mod terminal;
mod transcribe;
mod transcribe_by_job;
mod transcribe_several;
mod transcribe_waiting;
mod update;
mod usage;
mod verify;
mod webhooks;
