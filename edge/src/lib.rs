//! The Cloudflare Worker: ports of edge-core on KV, Durable Objects and fetch.
//!
//! Thin on purpose: rules are in `edge-core`. `js/entry.js` is what workerd calls; it calls the steps of
//! [`steps`] and [`limiter_do::LimiterObject`]. `js/glue.js` does in one crossing what would take many.

mod account_request;
mod admin;
mod administrator;
mod answer_store;
pub mod audio;
mod body;
mod bucket;
mod clock;
mod database;
mod deployment;
pub mod expiry;
pub mod export;
mod forward;
mod glue;
pub mod hosts;
mod job_objects;
pub mod job_steps;
pub mod jobs;
mod judging;
mod key_store;
mod known_keys;
mod limiter_client;
pub mod limiter_do;
mod link_store;
mod models;
mod object_store;
mod objects;
pub mod pending_store;
mod portal;
mod portal_objects;
mod ports;
mod reply;
mod router;
pub mod steps;
#[cfg(feature = "test-routes")]
mod test_routes;
mod transcript_store;
mod transcripts;
pub mod webhook_rules;
mod webhooks;
