//! Files that no honest program writes, through the whole service: each gets a transcript or a typed refusal, soon,
//! and the memory it takes is bounded. A program of its own, because its memory is measured.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, its helper functions too"
)]

mod bombs;
mod flac;
mod memory;
mod mutations;

#[path = "../service/client.rs"]
#[allow(dead_code, reason = "the client of all tests of the service")]
mod client;
#[path = "../service/support.rs"]
#[allow(dead_code, reason = "what all tests of the service begin with")]
mod support;
#[path = "../service/wav.rs"]
#[allow(dead_code, reason = "the honest files of those tests")]
mod wav;
#[path = "../../audio/tests/decode/wav_file.rs"]
#[allow(dead_code, reason = "the files of the decoder's tests")]
mod wav_file;

use client::{Answer, form, transcribe};
use support::{Service, repository};

/// What a file may be refused as.
const REFUSALS: [(u16, &str); 5] = [
    (400, "empty_file"),
    (400, "unsupported_audio"),
    (400, "invalid_audio"),
    (413, "audio_too_long"),
    (413, "file_too_large"),
];

/// The files of every format that the decoder is tested with, by name.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = repository().join("inference/audio/tests/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{} fixtures", files.len());
    files
}

fn fixture(name: &str) -> Vec<u8> {
    let found = fixtures().into_iter().find(|(n, _)| n == name);
    found.expect(name).1
}

/// Sends the file; whether there was a transcript. Anything but that or a typed refusal fails the test.
async fn survives(service: &Service, what: &str, bytes: Vec<u8>) -> bool {
    let answer = transcribe(service.address, &form(bytes)).await;
    is_served(what, &answer)
}

fn is_served(what: &str, answer: &Answer) -> bool {
    if answer.status == 200 {
        assert!(answer.text().ends_with("samples"), "{what}");
        return true;
    }
    let refusal = (answer.status.as_u16(), answer.code());
    assert!(
        REFUSALS.contains(&(refusal.0, &refusal.1)),
        "{what}: {} {}",
        answer.status,
        answer.body
    );
    assert_eq!(answer.param().as_deref(), Some("file"), "{what}");
    false
}
