//! A job of eight hours takes no more memory than one of minutes. A program of its own, because its memory is measured.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, its helper functions too"
)]

#[path = "../service/client.rs"]
#[allow(dead_code, reason = "the client of all tests of the service")]
mod client;
#[path = "../service/edge.rs"]
#[allow(dead_code, reason = "the edge of all tests of the service")]
mod edge;
#[path = "../hostile_audio/flac.rs"]
mod flac;
#[path = "../hostile_audio/memory.rs"]
mod memory;
#[path = "../service/signing.rs"]
mod signing;
#[path = "../service/support.rs"]
#[allow(dead_code, reason = "what all tests of the service begin with")]
mod support;
#[path = "../service/wav.rs"]
#[allow(dead_code, reason = "the files of those tests")]
mod wav;
#[path = "../service/jobs/world.rs"]
#[allow(dead_code, reason = "the world of the tests of jobs")]
mod world;

use client::form;
use flac::flac_bomb;
use inference_api::job::State;
use memory::{forget_peak, peak};
use world::{World, report};

/// Frames of a FLAC file that are eight hours: each has 65,535 samples.
const EIGHT_HOURS: u16 = 7_032;
/// Most that they may add to the memory of the process, in bytes; the samples alone are 1.8 GB.
const GROWTH: u64 = 32 * 1024 * 1024;

#[tokio::test]
async fn eight_hours_take_no_more_memory_than_minutes() {
    let world = World::new(&[]).await;
    // What is allocated once is, before it is measured.
    world.post("job_1", &form(flac_bomb(200))).await;
    assert_eq!(world.over("job_1").await.state, State::Succeeded);
    let file = form(flac_bomb(EIGHT_HOURS));
    let before = forget_peak();
    let taken = world.post("job_2", &file).await;
    assert_eq!(report(&taken).state, State::Running);
    // Nobody asks in between, which would be all that the machine does.
    let kept = world.edge.until_kept(2);
    tokio::time::timeout(client::GUARD, kept).await.unwrap();
    let over = world.over("job_2").await;
    let grown = peak().saturating_sub(before);
    assert_eq!(over.state, State::Succeeded, "{over:?}");
    let hours = over.duration.unwrap() / 3600.0;
    assert!((7.99..8.01).contains(&hours), "{hours} hours");
    assert!((over.audio_seconds - over.duration.unwrap()).abs() < 1.0);
    // One piece after the other: 1,920 of 15 s.
    assert!(world.runs().await > 1_900.0);
    assert!(grown < GROWTH, "{grown} bytes");
}
